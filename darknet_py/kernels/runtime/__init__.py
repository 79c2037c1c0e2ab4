"""What all kernels stand on: how they are compiled, how threads share out tasks, the C library, the processor."""
