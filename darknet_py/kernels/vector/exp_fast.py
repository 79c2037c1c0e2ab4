"""``exp`` in float32 arithmetic, to a relative 3e-7: for the profile ``fast``."""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from .simd import add_product, larger, smaller, splat, sub, times_power

_LOWEST, _HIGHEST = np.float32(-87), np.float32(88)
_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
"""ln 2 with many binary zeros at its end: its product with n is exact."""
_LN2_LOW = np.float32(0.6931471805599453 - 0.693359375)
_ROUND = np.float32(1.5 * 2.0**23)
"""A float to which others are added to round them to a whole number, which is then in its lowest bits."""


@kernel(forceinline=True)
def exp_fast(tile, x):
    """2**n * exp(r) with r = x - n ln 2; x is taken for -87 .. 88 if it is beyond. Of a nan, anything.

    Returns a vector.

    Args:
        tile: Tile
        x: vector: of float32
    """
    x = smaller(splat(tile, _HIGHEST), larger(splat(tile, _LOWEST), x))
    rounder = splat(tile, _ROUND)
    rounded = add_product(tile, rounder, x, splat(tile, _LOG2_E))
    n = sub(rounded, rounder)
    r = add_product(tile, x, n, splat(tile, -_LN2_HIGH))
    r = add_product(tile, r, n, splat(tile, -_LN2_LOW))
    p = splat(tile, np.float32(1 / 720))
    p = add_product(tile, splat(tile, np.float32(1 / 120)), p, r)
    p = add_product(tile, splat(tile, np.float32(1 / 24)), p, r)
    p = add_product(tile, splat(tile, np.float32(1 / 6)), p, r)
    p = add_product(tile, splat(tile, np.float32(0.5)), p, r)
    p = add_product(tile, splat(tile, np.float32(1)), p, r)
    p = add_product(tile, splat(tile, np.float32(1)), p, r)
    return times_power(p, rounded)
