"""Activations of vectors: those that are computed where the sums are."""

from __future__ import annotations

import numpy as np

from ..layers.activations import LEAKY, LINEAR, RELU, RELU_POSITIVE
from ..runtime.jit import kernel
from ..vector.simd import (
    any_between_and_zero,
    fma,
    mul,
    narrow,
    splat,
    where_negative,
    where_positive,
    widen,
)  # fmt: skip

LEAKY_HIGH = np.float32(float.fromhex("0x1.999998p-4"))
LEAKY_LOW = np.float32(0.1 - float(LEAKY_HIGH))
LEAKY_SMALLEST = np.float32(-(2.0**-100))


@kernel(forceinline=True)
def _leaky(tile, x):
    """x < 0 ? float32(.1 * double(x)) : x; returns a vector.

    .1 as two float32 gives the same float32 for every x <= -2**-119 (all of them were tried:
    tests/test_convolution.py); nearer to 0 the small part's product would round as a denormal.
    Where bits do not count (`Tile.contract`) a float32 product will do.

    Args:
        tile: Tile
        x: vector: of float32
    """
    if tile.contract:
        return where_negative(x, mul(x, splat(tile, np.float32(0.1))), x)
    if tile.fused and not any_between_and_zero(x, splat(tile, LEAKY_SMALLEST)):
        return where_negative(x, fma(x, splat(tile, LEAKY_HIGH), mul(x, splat(tile, LEAKY_LOW))), x)
    return where_negative(x, narrow(mul(widen(x), splat(tile, 0.1))), x)


@kernel(forceinline=True)
def activated(tile, x, code):
    """One of the activations that have a vector form; returns a vector.

    Args:
        tile: Tile
        x: vector: of float32
        code: int: number of the activation; others count as linear
    """
    if code == LEAKY:
        return _leaky(tile, x)
    if code == RELU:
        return mul(x, where_positive(x, splat(tile, np.float32(1)), splat(tile, np.float32(0))))
    if code == RELU_POSITIVE:
        return where_positive(x, x, splat(tile, np.float32(0)))
    return x


@kernel(forceinline=True)
def has_vector_form(code):
    """Whether `activated` computes an activation.

    Args:
        code: int: number of the activation
    """
    return code == LINEAR or code == LEAKY or code == RELU or code == RELU_POSITIVE


@kernel(forceinline=True)
def has_slope(code):
    """Whether `slope_of` knows an activation.

    Args:
        code: int: number of the activation
    """
    return code == LINEAR or code == LEAKY or code == RELU


@kernel(forceinline=True)
def slope_of(code):
    """What an activation multiplies negative values by, where bits do not count.

    Args:
        code: int: number of the activation, of those that `has_slope`
    """
    if code == LEAKY:
        return np.float32(0.1)
    return np.float32(0) if code == RELU else np.float32(1)
