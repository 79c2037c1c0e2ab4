"""Layers computed on words of two bfloat16 numbers (`kernels.vector.pairs`)."""
