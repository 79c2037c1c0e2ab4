"""How kernels are compiled, in one place.

Every kernel keeps IEEE 754 to the letter (no fast-math: reassociation or contraction would change bits), releases the
GIL, and is cached on disk. ``error_model="numpy"`` makes a division by zero give inf or nan, as it does in C.
"""

from __future__ import annotations

import functools

import numba

kernel = functools.partial(numba.njit, nogil=True, cache=True, error_model="numpy")
"""Decorator of a kernel, and of the small functions that kernels call."""
