"""How kernels are compiled, in one place.

Every kernel keeps IEEE 754 to the letter (no fast-math: reassociation or contraction would change bits), releases the
GIL, and is cached on disk. ``error_model="numpy"`` makes a division by zero give inf or nan, as it does in C.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba


def kernel(function: Callable[..., Any] | None = None, *, forceinline: bool = False) -> Any:
    """Decorator of a kernel, and of the small functions that kernels call.

    ``forceinline`` makes the compiler put the function into its callers, whatever its size.
    """
    if function is None:
        return functools.partial(kernel, forceinline=forceinline)
    return numba.njit(nogil=True, cache=True, error_model="numpy", forceinline=forceinline)(function)
