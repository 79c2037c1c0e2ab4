"""What follows the int32 sums of a convolution: a multiplication and an addition in float32, the activation, and either
float32 values or words of 8-bit integers. Every step rounds by itself, so that each vector length gives the same bits.

    x = activation(float32(sum + correction) * factor + bias)
    q = round_half_even(clip(x * inverse, -zero, 255 - zero) + zero)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..conv.activation import has_vector_form
from ..conv.epilogue import store_columns
from ..conv.pool import of_pixels, repeat_last, store_up_to
from ..conv.pool_columns import of_filters, repeat_last_column
from ..layers.activations import LEAKY, RELU, RELU_POSITIVE, activate_values, is_code
from ..runtime.jit import kernel
from ..vector.simd import add, larger, load, mul, shifted, smaller, splat, store
from ..vector.words import (
    add_ints,
    int_splat,
    interleave,
    larger_ints,
    load_ints,
    magic,
    store_low_bytes,
    to_floats,
    to_steps,
    word_splat,
)  # fmt: skip

FACTOR, BIAS, INVERSE = range(3)
"""Rows of the coefficients, each with a number for every filter; the last has the same for all."""

LEAST = -(2**31)
"""The smallest int32."""

SLOPE = np.float32(0.1)
"""Of the leaky activation below 0, in float32."""


class WordFinish(NamedTuple):
    """How sums of 8-bit integers are finished.

    Attributes:
        code: the activation.
        floats: 1: the output is float32; 0: words.
        missing: the word that stands outside of the input: four times its zero.
        zero: the output's zero.
        pitch: distance of two rows of the coefficients (see `FACTOR`).
    """

    code: int
    floats: int
    missing: int
    zero: int
    pitch: int


def is_word_finish(finish):
    """Whether the fields of a `WordFinish` are what they can be."""
    zero = finish.missing & 255
    return (
        is_code(finish.code) and finish.floats in (0, 1) and finish.missing == zero * 0x01010101
        and 0 <= finish.zero <= 255
    )  # fmt: skip


@kernel(forceinline=True)
def keeps_scale(code):
    """Whether an activation is computed here, and may as well be computed of a multiple: f(a x) = a f(x) for a > 0.

    Args:
        code: int: number of the activation
    """
    return has_vector_form(code)


@kernel(forceinline=True)
def act(tile, x, code):
    """An activation that `keeps_scale`; returns a vector.

    Args:
        tile: Tile
        x: vector: of float32
        code: int: number of the activation
    """
    if code == LEAKY:
        return larger(x, mul(x, splat(tile, SLOPE)))
    if code == RELU or code == RELU_POSITIVE:
        return larger(x, splat(tile, np.float32(0)))
    return x


@kernel(forceinline=True)
def value_of(tile, sums, correction, factor, bias, code):
    """The float32 values of int32 sums, with an activation that `keeps_scale`; returns a vector.

    Args:
        tile: Tile
        sums, correction: vector: of int32
        factor, bias: vector: of float32
        code: int: number of the activation
    """
    return act(tile, add(mul(to_floats(add_ints(sums, correction)), factor), bias), code)


@kernel(forceinline=True)
def limits_of(tile, zero):
    """What `step_of` needs of the number that stands for 0: three vectors.

    Args:
        tile: Tile
        zero: int
    """
    return splat(tile, np.float32(-zero)), splat(tile, np.float32(255 - zero)), magic(tile, zero)


@kernel(forceinline=True)
def step_of(tile, x, limits):
    """What `words.to_steps` gives, of any float32; a NaN counts as the smallest. Returns a vector.

    Args:
        tile: Tile
        x: vector: of float32
        limits: vectors: see `limits_of`
    """
    return to_steps(tile, smaller(larger(x, limits[0]), limits[1]), limits[2])


@kernel
def finish_rows(tile, out, plane, first, sums, rows, count, singles, corrections, finish):
    """Finish a block whose lanes hold pixels.

    Args:
        tile: Tile
        out: written float32*: at the block's first filter (or word of filters) and pixel
        plane: int: values (or words) of a channel of the output
        first: int: of no use
        sums: updated float32*: int32 (rows, count rounded up to whole vectors), are overwritten
        rows: int: filters; if the output is words, there is room for a multiple of four
        count: int: pixels
        singles: float32*: coefficients, from the block's first filter on
        corrections: int32*: likewise
        finish: WordFinish
    """
    width, code, lanes = (count + tile.lanes - 1) // tile.lanes * tile.lanes, finish.code, tile.lanes
    simple = keeps_scale(code)
    rows = rows if finish.floats else (rows + 3) // 4 * 4
    if finish.floats or not simple:
        for r in range(rows):
            correction = int_splat(tile, np.int64(corrections[r]))
            factor, bias = splat(tile, singles[r]), splat(tile, singles[finish.pitch + r])
            line = shifted(sums, r * width)
            for j in range(0, width, lanes):
                store(line, j, value_of(tile, load_ints(tile, line, j), correction, factor, bias, code))
        if not simple:
            activate_values(tile, sums, sums, rows * width, code)
    if finish.floats:
        for r in range(rows):
            for j in range(0, count, lanes):
                store_up_to(tile, shifted(out, r * plane), j, load(tile, sums, r * width + j), count)
        return
    for r in range(0, rows, 4):
        line = shifted(sums, r * width)
        if simple:
            _join_sums(tile, out, line, width, count, shifted(corrections, r), shifted(singles, r), finish)
        else:
            _join_values(tile, out, line, width, count, singles[2 * finish.pitch], finish.zero)
        out = shifted(out, plane)


@kernel(forceinline=True)
def _join_sums(tile, out, sums, width, count, corrections, singles, finish):
    """Words of four rows of sums.

    Args:
        tile: Tile
        out: written float32*: (count,)
        sums: float32*: int32 (4, width)
        width: int: a multiple of the lanes
        count: int: how many of each row
        corrections, singles, finish: any: as for `finish_rows`, of four filters
    """
    pitch, code = finish.pitch, finish.code
    limits = limits_of(tile, finish.zero)
    ca, cb = int_splat(tile, np.int64(corrections[0])), int_splat(tile, np.int64(corrections[1]))
    cc, cd = int_splat(tile, np.int64(corrections[2])), int_splat(tile, np.int64(corrections[3]))
    fa, fb, fc, fd = splat(tile, singles[0]), splat(tile, singles[1]), splat(tile, singles[2]), splat(tile, singles[3])
    ba, bb = splat(tile, singles[pitch]), splat(tile, singles[pitch + 1])
    bc, bd = splat(tile, singles[pitch + 2]), splat(tile, singles[pitch + 3])
    for j in range(0, count, tile.lanes):
        a = step_of(tile, value_of(tile, load_ints(tile, sums, j), ca, fa, ba, code), limits)
        b = step_of(tile, value_of(tile, load_ints(tile, sums, width + j), cb, fb, bb, code), limits)
        c = step_of(tile, value_of(tile, load_ints(tile, sums, 2 * width + j), cc, fc, bc, code), limits)
        d = step_of(tile, value_of(tile, load_ints(tile, sums, 3 * width + j), cd, fd, bd, code), limits)
        store_up_to(tile, out, j, interleave(a, b, c, d), count)


@kernel(forceinline=True)
def _join_values(tile, out, x, width, count, inverse, zero):
    """Words of four rows of float32.

    Args:
        tile: Tile
        out: written float32*: (count,)
        x: float32*: (4, width)
        width: int: a multiple of the lanes
        count: int: how many of each row
        inverse: float32: what they are multiplied by
        zero: int: the number that stands for 0
    """
    limits, factor = limits_of(tile, zero), splat(tile, inverse)
    for j in range(0, count, tile.lanes):
        a = step_of(tile, mul(load(tile, x, j), factor), limits)
        b = step_of(tile, mul(load(tile, x, width + j), factor), limits)
        c = step_of(tile, mul(load(tile, x, 2 * width + j), factor), limits)
        d = step_of(tile, mul(load(tile, x, 3 * width + j), factor), limits)
        store_up_to(tile, out, j, interleave(a, b, c, d), count)


@kernel
def finish_columns(tile, out, plane, first, sums, rows, count, singles, corrections, finish):
    """Finish a block whose lanes hold filters.

    Args:
        tile, out, plane, first: any: as for `finish_rows`
        sums: updated float32*: int32 (count, filters), are overwritten; what lies behind them is read
        rows: int: filters
        count: int: pixels
        singles, corrections, finish: any: as for `finish_rows`
    """
    code, lanes, filters, pitch = finish.code, tile.lanes, tile.filters, finish.pitch
    simple = keeps_scale(code)
    if simple and not finish.floats:
        limits = limits_of(tile, finish.zero)
        for v in range(0, filters, lanes):
            correction = load_ints(tile, corrections, v)
            factor, bias = load(tile, singles, v), load(tile, singles, pitch + v)
            for j in range(count):  # bytes lie where sums were that are read already
                x = value_of(tile, load_ints(tile, sums, j * filters + v), correction, factor, bias, code)
                store_low_bytes(sums, j * filters + v // 4, step_of(tile, x, limits))
    else:
        _columns_with_values(tile, sums, count, corrections, singles, finish)
    channels = rows if finish.floats else (rows + 3) // 4
    store_columns(tile, out, plane, sums, channels, count)


@kernel
def _columns_with_values(tile, sums, count, corrections, singles, finish):
    """The case of `finish_columns` in which float32 values are needed: as output, or by the activation.

    Args:
        tile, sums, count, corrections, singles, finish: any: as for `finish_columns`
    """
    code, lanes, filters, pitch = finish.code, tile.lanes, tile.filters, finish.pitch
    for v in range(0, filters, lanes):
        correction = load_ints(tile, corrections, v)
        factor, bias = load(tile, singles, v), load(tile, singles, pitch + v)
        for j in range(count):
            line = shifted(sums, j * filters + v)
            store(line, 0, value_of(tile, load_ints(tile, line, 0), correction, factor, bias, code))
    if not keeps_scale(code):
        activate_values(tile, sums, sums, count * filters, code)
    if finish.floats:
        return
    limits, inverse = limits_of(tile, finish.zero), splat(tile, singles[2 * pitch])
    for j in range(count):
        for v in range(0, filters, lanes):
            x = mul(load(tile, sums, j * filters + v), inverse)
            store_low_bytes(sums, j * filters + v // 4, step_of(tile, x, limits))


@kernel
def pool_rows(tile, out, plane, sums, rows, squares, singles, corrections, finish):
    """Finish a block whose lanes hold pixels, and pool it: the largest sums of squares of 2x2, which finishing keeps in
    order (activations that `keeps_scale` do), with corrections that do not make them overflow.

    Args:
        tile: Tile
        out: written float32*: (rows, plane) at the block's first word of filters and square: words
        plane: int: words of a channel of the output
        sums: updated float32*: int32, as for `conv.pool.pool_pixels`
        rows: int: filters
        squares: Squares
        singles, corrections, finish: any: as for `finish_rows`
    """
    width, count, source = whole_vectors(tile, squares.width), squares.number, sums
    least = word_splat(tile, LEAST)
    for r in range((rows + 3) // 4 * 4):
        repeat_last(source, squares)
        lower, target = shifted(source, squares.below), shifted(sums, r * whole_vectors(tile, count))
        for j in range(0, count, tile.lanes):  # sums lie where some were that are read already
            store(target, j, of_pixels(tile, larger_ints, source, lower, 2 * j, least))
        source = shifted(source, width)
    finish_rows(tile, out, plane, 0, sums, rows, count, singles, corrections, finish)


@kernel(forceinline=True)
def whole_vectors(tile, count):
    """``count`` rounded up to whole vectors.

    Args:
        tile: Tile
        count: int
    """
    return (count + tile.lanes - 1) // tile.lanes * tile.lanes


@kernel
def pool_columns(tile, out, plane, sums, rows, squares, singles, corrections, finish):
    """As `pool_rows`, of a block whose lanes hold filters.

    Args:
        tile, out, plane: any: as for `pool_rows`
        sums: updated float32*: int32 (squares.width, filters), twice, are overwritten; what lies behind them is read
        rows, squares, singles, corrections, finish: any: as for `pool_rows`
    """
    for v in range(0, tile.filters, tile.lanes):
        column = shifted(sums, v)
        repeat_last_column(tile, column, squares)
        for s in range(squares.number):
            largest = of_filters(tile, larger_ints, column, s, squares, word_splat(tile, LEAST))
            store(column, s * tile.filters, largest)
    finish_columns(tile, out, plane, 0, sums, rows, squares.number, singles, corrections, finish)
