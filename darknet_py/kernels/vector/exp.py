"""``exp`` and the logistic function of many values at a time, with the bits that the C library's ``exp`` gives.

Darknet takes ``exp`` of doubles and rounds what it makes of it to float32. So it is enough to know the double nearly:
an approximation and a bound of its error enclose the C library's value, and where both ends of the interval round to
the same float32, so does everything between them. Where they do not (once in about 2**19 values), or where x is not
within `LIMIT` (a nan, say), the C library is asked, value by value.
"""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..runtime.libm import exp
from .simd import (
    add,
    any_beyond,
    any_unequal,
    div,
    fma,
    load,
    mul,
    narrow,
    negated,
    power_of_two_times,
    splat,
    store,
    sub,
    widen,
)  # fmt: skip

LIMIT = np.float32(87)
"""Within this the results, as float32, are neither 0 nor denormal nor infinite."""

_LOG2_E = 1.4426950408889634
_LN2_HIGH = float.fromhex("0x1.62e42feep-1")
"""ln 2 with 21 binary zeros at its end: its product with n is exact."""
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_ROUND = 1.5 * 2.0**52
"""A double to which others are added to round them to a whole number, which is then in its lowest bits."""

_LOW, _HIGH = 1 - 2.0**-44, 1 + 2.0**-44
"""The interval. The polynomial is cut off at a relative 2**-57 and has a dozen roundings of 2**-53; what follows exp in
the logistic function has two more, here and in Darknet; glibc's exp is within 2**-52.9: together far below 2**-47."""


@kernel(forceinline=True)
def _add_product(tile, c, a, b):
    """``c + a * b``, in one rounding where the processor can; returns a vector.

    Args:
        tile: Tile
        c, a, b: vector: of float64
    """
    return fma(a, b, c) if tile.fused else add(mul(a, b), c)


@kernel(forceinline=True)
def _exp_nearly(tile, x):
    """exp to a relative 2**-49: 2**n * exp(r) with r = x - n ln 2, |r| < 0.35; returns a vector.

    Args:
        tile: Tile
        x: vector: of float64, within LIMIT
    """
    rounded = add(mul(x, splat(tile, _LOG2_E)), splat(tile, _ROUND))
    n = sub(rounded, splat(tile, _ROUND))
    r = sub(sub(x, mul(n, splat(tile, _LN2_HIGH))), mul(n, splat(tile, _LN2_LOW)))
    p = splat(tile, 1 / 6227020800)  # the series, up to r**13 / 13!
    p = _add_product(tile, splat(tile, 1 / 479001600), p, r)
    p = _add_product(tile, splat(tile, 1 / 39916800), p, r)
    p = _add_product(tile, splat(tile, 1 / 3628800), p, r)
    p = _add_product(tile, splat(tile, 1 / 362880), p, r)
    p = _add_product(tile, splat(tile, 1 / 40320), p, r)
    p = _add_product(tile, splat(tile, 1 / 5040), p, r)
    p = _add_product(tile, splat(tile, 1 / 720), p, r)
    p = _add_product(tile, splat(tile, 1 / 120), p, r)
    p = _add_product(tile, splat(tile, 1 / 24), p, r)
    p = _add_product(tile, splat(tile, 1 / 6), p, r)
    p = _add_product(tile, splat(tile, 0.5), p, r)
    p = _add_product(tile, splat(tile, 1.0), p, r)
    p = _add_product(tile, splat(tile, 1.0), p, r)
    return power_of_two_times(p, rounded)


@kernel(forceinline=True)
def exp_of(tile, out, place, x):
    """out[place + i] = float32(exp(double(x[i]))) for each lane.

    Args:
        tile: Tile
        out: written float32*
        place: int
        x: vector: of float32
    """
    if not any_beyond(x, splat(tile, LIMIT)):
        near = _exp_nearly(tile, widen(x))
        low = narrow(mul(near, splat(tile, _LOW)))
        if not any_unequal(low, narrow(mul(near, splat(tile, _HIGH)))):
            store(out, place, low)
            return
    store(out, place, x)
    for i in range(place, place + tile.lanes):
        out[i] = np.float32(exp(np.float64(out[i])))


@kernel(forceinline=True)
def logistic_of(tile, out, place, x):
    """out[place + i] = float32(1. / (1. + exp(-x[i]))) for each lane.

    Args:
        tile: Tile
        out: written float32*
        place: int
        x: vector: of float32
    """
    if not any_beyond(x, splat(tile, LIMIT)):
        one = splat(tile, 1.0)
        near = div(one, add(one, _exp_nearly(tile, widen(negated(x)))))
        low = narrow(mul(near, splat(tile, _LOW)))
        if not any_unequal(low, narrow(mul(near, splat(tile, _HIGH)))):
            store(out, place, low)
            return
    store(out, place, x)
    for i in range(place, place + tile.lanes):
        out[i] = np.float32(1.0 / (1.0 + exp(-out[i])))


@kernel
def logistic_values(out, x, count, tile):
    """out[i] = logistic(x[i]) for i < count.

    Args:
        out: written float32*
        x: float32*
        count: int
        tile: Tile
    """
    whole = count // tile.lanes * tile.lanes
    for i in range(0, whole, tile.lanes):
        logistic_of(tile, out, i, load(tile, x, i))
    for i in range(whole, count):
        out[i] = np.float32(1.0 / (1.0 + exp(-x[i])))
