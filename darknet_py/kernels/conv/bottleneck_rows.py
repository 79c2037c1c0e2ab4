"""A bottleneck's wide map, some channels at a time: rows of a frame, and the depthwise convolution of them."""

from __future__ import annotations

import numpy as np

from ..layers.activations import LINEAR
from ..runtime.jit import kernel
from ..vector.simd import add, add_product, load, load_between, mul, shifted, splat, store, where_negative
from ..vector.transpose import store_transposed
from .activation import activated, slope_of
from .wide import multiply_near

SIDE_BY_SIDE = 4
"""Pixels whose sums are made together where a depthwise filter has too many weights for the registers."""


@kernel(forceinline=True)
def slope_within(tile, code):
    """The slope of an activation where it is computed with the sums: exactly, a second pass has it, and this is 1.

    Args:
        tile: Tile
        code: int: number of the activation
    """
    return slope_of(code) if tile.contract else np.float32(1)


@kernel
def depthwise_block(
    tile, out, frame, source, block, first, filters, first_biases, biases, offsets, number, y0, rows, shape, band
):
    """One block of channels of the wide map, and the depthwise convolution's outputs of it.

    Args:
        tile: Tile
        out: written float32*: (rows, shape.out_w, tile.filters)
        frame: written float32*: (height, band.pitch)
        source: float32*: the image
        block: written float32*: room for a square block of values
        first: float32*: weights of the first convolution for these channels: (shape.c, tile.filters)
        filters: float32*: the depthwise ones: (taps, tile.filters)
        first_biases, biases: float32*: (tile.filters,)
        offsets: int64*: where each channel of the input lies
        number: int: of the block
        y0, rows: int: first row of outputs, and how many
        shape: Bottleneck
        band: Band
    """
    present = min(tile.filters, shape.e - number * tile.filters)
    vectors = (present + tile.lanes - 1) // tile.lanes
    top, made = y0 * shape.stride - shape.pad, 0
    for i in range(rows):
        for n in range(made, i * shape.stride + shape.size):
            y, line = top + n, shifted(frame, n * band.pitch)
            if 0 <= y < shape.h:
                _clear(tile, line, 0, shape.pad)
                _clear(tile, line, shape.pad + shape.w, band.pitch // tile.filters)
                line = shifted(line, shape.pad * tile.filters)
                row = shifted(source, y * shape.w)
                if shape.expands:
                    _widen(tile, line, row, first, first_biases, offsets, vectors, shape)
                else:
                    _turn(tile, line, shifted(row, number * tile.filters * shape.h * shape.w), block, present, shape)
            else:
                _clear(tile, line, 0, band.pitch // tile.filters)
        made = i * shape.stride + shape.size
        line = shifted(frame, i * shape.stride * band.pitch)
        place = shifted(out, i * shape.out_w * tile.filters)
        for v in range(0, vectors * tile.lanes, tile.lanes):
            if shape.size == 3:
                _look_around_3(
                    tile, shifted(place, v), shifted(line, v), shifted(filters, v), shifted(biases, v), shape.out_w,
                    shape.stride * tile.filters, band.pitch, shape.middle_code,
                )  # fmt: skip
            else:
                _look_around(
                    tile, shifted(place, v), shifted(line, v), shifted(filters, v), shifted(biases, v), shape.out_w,
                    shape.stride * tile.filters, band.pitch, shape.size, shape.middle_code,
                )  # fmt: skip


@kernel(forceinline=True)
def _clear(tile, line, start, end):
    """Zeros for some pixels of a row of the frame.

    Args:
        tile: Tile
        line: written float32*: (end, tile.filters)
        start, end: int: first pixel, and behind the last
    """
    for i in range(start * tile.filters, end * tile.filters, tile.lanes):
        store(line, i, splat(tile, np.float32(0)))


@kernel
def _widen(tile, line, row, weights, biases, offsets, vectors, shape):
    """A row of the wide map, by the first convolution.

    Args:
        tile: Tile
        line: written float32*: (shape.w, tile.filters)
        row: float32*: of the input's first channel
        weights, biases, offsets: any: as for `depthwise_block`
        vectors: int: vectors of channels
        shape: Bottleneck
    """
    most = tile.single if vectors == 1 else tile.columns
    pieces = (shape.w + most - 1) // most
    slope = slope_within(tile, shape.first_code)
    for piece in range(pieces):
        x, end = piece * shape.w // pieces, (piece + 1) * shape.w // pieces
        multiply_near(
            tile, end - x, vectors, shifted(line, x * tile.filters), weights, shifted(row, x), offsets, shape.c, biases,
            slope,
        )  # fmt: skip
    if not tile.contract and shape.first_code != LINEAR:
        for i in range(0, shape.w * tile.filters, tile.lanes):
            store(line, i, activated(tile, load(tile, line, i), shape.first_code))


@kernel
def _turn(tile, line, row, block, present, shape):
    """A row of the wide map from where it lies channel by channel.

    Args:
        tile: Tile
        line: written float32*: (shape.w, tile.filters)
        row: float32*: of the first channel
        block: written float32*: (tile.lanes, tile.lanes)
        present: int: channels
        shape: Bottleneck
    """
    zero = splat(tile, np.float32(0))
    for x in range(0, shape.w, tile.lanes):
        count = min(tile.lanes, shape.w - x)
        for c in range(0, present, tile.lanes):
            for i in range(tile.lanes):
                values = zero
                if c + i < present:
                    values = load_between(tile, row, (c + i) * shape.h * shape.w + x, 0, count)
                store(block, i * tile.lanes, values)
            store_transposed(
                tile, shifted(line, x * tile.filters + c), tile.filters, block, tile.lanes, count, tile.lanes
            )  # fmt: skip


@kernel(forceinline=True)
def _finished(tile, sum_, bias, slope, code):
    """A vector of a depthwise convolution's outputs.

    Args:
        tile: Tile
        sum_, bias, slope: vector
        code: int: number of the activation
    """
    if tile.contract:
        return where_negative(sum_, mul(sum_, slope), sum_)
    return activated(tile, add(sum_, bias), code)


@kernel
def _look_around_3(tile, out, line, weights, biases, width, step, pitch, code):
    """A row of outputs of a 3x3 depthwise convolution, for a vector of channels, whose weights stay in registers.

    Args:
        tile: Tile
        out: written float32*: (width, tile.filters)
        line: float32*: the first output's first tap
        weights: float32*: (9, tile.filters)
        biases: float32*: (tile.lanes,)
        width: int: of the row
        step: int: values from one output's taps to the next one's
        pitch: int: values of a row of the frame
        code: int: number of the activation
    """
    f = tile.filters
    a, b, c = load(tile, weights, 0), load(tile, weights, f), load(tile, weights, 2 * f)
    d, e, g = load(tile, weights, 3 * f), load(tile, weights, 4 * f), load(tile, weights, 5 * f)
    h, i, j = load(tile, weights, 6 * f), load(tile, weights, 7 * f), load(tile, weights, 8 * f)
    bias, slope = load(tile, biases, 0), splat(tile, slope_of(code))
    start = bias if tile.contract else splat(tile, np.float32(0))
    for x in range(width):
        upper, lower = shifted(line, pitch), shifted(line, 2 * pitch)
        sum_ = add_product(tile, start, a, load(tile, line, 0))
        sum_ = add_product(tile, sum_, b, load(tile, line, f))
        sum_ = add_product(tile, sum_, c, load(tile, line, 2 * f))
        sum_ = add_product(tile, sum_, d, load(tile, upper, 0))
        sum_ = add_product(tile, sum_, e, load(tile, upper, f))
        sum_ = add_product(tile, sum_, g, load(tile, upper, 2 * f))
        sum_ = add_product(tile, sum_, h, load(tile, lower, 0))
        sum_ = add_product(tile, sum_, i, load(tile, lower, f))
        sum_ = add_product(tile, sum_, j, load(tile, lower, 2 * f))
        store(out, x * f, _finished(tile, sum_, bias, slope, code))
        line = shifted(line, step)


@kernel
def _look_around(tile, out, line, weights, biases, width, step, pitch, size, code):
    """The same for filters of any size: each weight is loaded once for several outputs.

    Args:
        tile, out, line, weights, biases, width, step, pitch: any: as for `_look_around_3`
        size: int: side of a filter
        code: int: number of the activation
    """
    f = tile.filters
    bias, slope = load(tile, biases, 0), splat(tile, slope_of(code))
    start = bias if tile.contract else splat(tile, np.float32(0))
    whole = width // SIDE_BY_SIDE * SIDE_BY_SIDE
    for x in range(0, whole, SIDE_BY_SIDE):
        a, b, c, d = start, start, start, start
        for i in range(size):
            seen, row = shifted(line, x * step + i * pitch), shifted(weights, i * size * f)
            for j in range(size):
                weight, tap = load(tile, row, j * f), shifted(seen, j * f)
                a = add_product(tile, a, weight, load(tile, tap, 0))
                b = add_product(tile, b, weight, load(tile, tap, step))
                c = add_product(tile, c, weight, load(tile, tap, 2 * step))
                d = add_product(tile, d, weight, load(tile, tap, 3 * step))
        store(out, x * f, _finished(tile, a, bias, slope, code))
        store(out, (x + 1) * f, _finished(tile, b, bias, slope, code))
        store(out, (x + 2) * f, _finished(tile, c, bias, slope, code))
        store(out, (x + 3) * f, _finished(tile, d, bias, slope, code))
    for x in range(whole, width):
        a = start
        for i in range(size):
            for j in range(size):
                weight = load(tile, weights, (i * size + j) * f)
                a = add_product(tile, a, weight, load(tile, line, x * step + i * pitch + j * f))
        store(out, x * f, _finished(tile, a, bias, slope, code))
