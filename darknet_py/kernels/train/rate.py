"""The C library's ``pow`` and ``exp``, one number at a time."""

from __future__ import annotations

from ..runtime.jit import kernel
from ..runtime.libm import exp, pow


@kernel
def power_of(x, y):
    """``pow(x, y)``.

    Args:
        x, y: float64
    """
    return pow(x, y)


@kernel
def exponential(x):
    """``exp(x)``.

    Args:
        x: float64
    """
    return exp(x)
