"""What follows a convolution's sums, on the tile that is still in the nearest cache: batch normalisation or biases,
activation, and the way out to memory (``normalize_cpu``, ``scale_bias``, ``add_bias``, ``activate_array``)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .activations import LEAKY, LINEAR, RELU, RELU_POSITIVE, activate
from .jit import kernel
from .simd import add, any_unequal, div, load, mul, narrow, shifted, splat, store, sub, where_positive, widen


class Finish(NamedTuple):
    """How the sums of a layer are finished (scalars; the arrays are arguments of their own).

    Attributes:
        normalize: 1 for batch normalisation, 0 for biases only.
        code: the activation.
        divided: 0: batch normalisation divides (profile ``ieee``). n + 1: it divides the pixels of a plane from n on
            and multiplies those before by the double reciprocal, as in the program that Darknet's Makefile builds,
            where n is ``spatial & ~3``.
    """

    normalize: int
    code: int
    divided: int


@kernel(forceinline=True)
def _quotient(tile, x, divisor, below, above):
    # float32(x / divisor) as if divided in double. ``below`` and ``above`` are doubles around 1/divisor, far enough
    # apart that x * below <= x/divisor <= x * above also after rounding to double (towards zero for negative x: the
    # other way round). Rounding to float32 keeps order, so where both products give the same float32 the quotient
    # between them does too; where they do not (one value in 2**27), divide. Proof: see `plan.convolution.reciprocals`.
    wide = widen(x)
    low = narrow(mul(wide, splat(tile, below)))
    high = narrow(mul(wide, splat(tile, above)))
    if any_unequal(low, high):
        low = narrow(div(wide, splat(tile, divisor)))
    return low


@kernel(forceinline=True)
def _finished(tile, x, singles, doubles, finish):
    # One vector of a filter: normalised, biased, and activated if the activation has a vector form.
    if finish.normalize:
        x = sub(x, splat(tile, singles[0]))
        if finish.divided:
            x = narrow(mul(widen(x), splat(tile, doubles[1])))
        else:
            x = _quotient(tile, x, doubles[0], doubles[2], doubles[3])
        x = mul(x, splat(tile, singles[1]))
    x = add(x, splat(tile, singles[2]))
    if finish.code == LEAKY:
        x = where_positive(x, x, narrow(mul(widen(x), splat(tile, 0.1))))
    elif finish.code == RELU:
        x = mul(x, where_positive(x, splat(tile, np.float32(1)), splat(tile, np.float32(0))))
    elif finish.code == RELU_POSITIVE:
        x = where_positive(x, x, splat(tile, np.float32(0)))
    return x


@kernel
def finish_tile(tile, out, plane, first, sums, spare, rows, count, singles, doubles, finish):
    # out: (rows, plane) at the tile's first filter and pixel; ``first``: number of that pixel in the plane;
    # sums: (rows, count rounded up to whole vectors); spare: room for a vector;
    # singles: (rows, 3) float32: mean, scale, bias;
    # doubles: (rows, 4): divisor, its reciprocal, the reciprocals below and above. All pointers.
    width = (count + tile.lanes - 1) // tile.lanes * tile.lanes
    for r in range(rows):
        for j in range(0, count, tile.lanes):
            x = _finished(tile, load(tile, sums, j), singles, doubles, finish)
            if j + tile.lanes <= count:
                store(out, j, x)
            else:
                store(spare, 0, x)
                for i in range(count - j):
                    out[j + i] = spare[i]
        if finish.divided:
            for j in range(max(finish.divided - 1 - first, 0), count):
                x = np.float32(np.float64(sums[j] - singles[0]) / doubles[0])
                x = x * singles[1] + singles[2]
                out[j] = activate(x, finish.code if _has_vector_form(finish.code) else LINEAR)
        if not _has_vector_form(finish.code):
            for j in range(count):
                out[j] = activate(out[j], finish.code)
        sums, out = shifted(sums, width), shifted(out, plane)
        singles, doubles = shifted(singles, 3), shifted(doubles, 4)


@kernel(forceinline=True)
def _has_vector_form(code):
    return code == LINEAR or code == LEAKY or code == RELU or code == RELU_POSITIVE
