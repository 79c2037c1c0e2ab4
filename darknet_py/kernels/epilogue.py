"""What follows a convolution's sums, on the tile that is still in the nearest cache: batch normalisation or biases,
activation, and the way out to memory (``normalize_cpu``, ``scale_bias``, ``add_bias``, ``activate_array``)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .activations import LEAKY, LINEAR, RELU, RELU_POSITIVE, activate
from .jit import kernel
from .simd import add, any_unequal, div, load, mul, narrow, splat, store, sub, where_positive, widen


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


@kernel
def _quotient(tile, x, divisor, below, above):  # type: ignore[no-untyped-def]
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


@kernel
def _finished(tile, x, r, singles, doubles, finish):  # type: ignore[no-untyped-def]
    # One vector of filter r: normalised, biased, and activated if the activation has a vector form.
    if finish.normalize:
        x = sub(x, splat(tile, singles[3 * r]))
        if finish.divided:
            x = narrow(mul(widen(x), splat(tile, doubles[4 * r + 1])))
        else:
            x = _quotient(tile, x, doubles[4 * r], doubles[4 * r + 2], doubles[4 * r + 3])
        x = mul(x, splat(tile, singles[3 * r + 1]))
    x = add(x, splat(tile, singles[3 * r + 2]))
    if finish.code == LEAKY:
        x = where_positive(x, x, narrow(mul(widen(x), splat(tile, 0.1))))
    elif finish.code == RELU:
        x = mul(x, where_positive(x, splat(tile, np.float32(1)), splat(tile, np.float32(0))))
    elif finish.code == RELU_POSITIVE:
        x = where_positive(x, x, splat(tile, np.float32(0)))
    return x


@kernel
def finish_tile(tile, out, at, plane, first, sums, s, spare, row, rows, count, singles, doubles, finish):  # type: ignore[no-untyped-def]
    # out: (filters, plane), this tile from ``at`` on; ``first``: number of its first pixel in the plane; count: its
    # pixels; sums: (rows, count rounded up to whole vectors) from ``s`` on, and a vector of room at ``spare``;
    # row: its first filter; singles: (filters, 3) float32: mean, scale, bias;
    # doubles: (filters, 4): divisor, its reciprocal, the reciprocals below and above.
    for r in range(row, row + rows):
        for j in range(0, count, tile.lanes):
            x = _finished(tile, load(tile, sums, s + j), r, singles, doubles, finish)
            if j + tile.lanes <= count:
                store(out, at + j, x)
            else:
                store(sums, spare, x)
                for i in range(count - j):
                    out[at + j + i] = sums[spare + i]
        if finish.divided:
            for j in range(max(finish.divided - 1 - first, 0), count):
                x = np.float32(np.float64(sums[s + j] - singles[3 * r]) / doubles[4 * r])
                x = x * singles[3 * r + 1] + singles[3 * r + 2]
                out[at + j] = activate(x, finish.code if _has_vector_form(finish.code) else LINEAR)
        if not _has_vector_form(finish.code):
            for j in range(at, at + count):
                out[j] = activate(out[j], finish.code)
        s += (count + tile.lanes - 1) // tile.lanes * tile.lanes
        at += plane


@kernel
def _has_vector_form(code):  # type: ignore[no-untyped-def]
    return code == LINEAR or code == LEAKY or code == RELU or code == RELU_POSITIVE
