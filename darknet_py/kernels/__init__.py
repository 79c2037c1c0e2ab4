"""Numba's loops and vectors: all arithmetic on arrays."""
