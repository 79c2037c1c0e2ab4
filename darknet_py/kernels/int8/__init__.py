"""Layers computed on words of four 8-bit integers (`kernels.vector.words`)."""
