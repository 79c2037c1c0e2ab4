"""An inverted bottleneck in one step: a 1x1 convolution widens, a depthwise one looks around, a 1x1 one narrows, and
perhaps the input is added. (The first and the last of these may be absent.)

A task has some rows of the output. It takes as many of the wide map's channels at a time as two vectors have, with
channels in the lanes: a frame of them is made row by row, and each row of outputs of the depthwise convolution as soon
as the rows that it meets are there, so that these are still in the nearest cache. The last convolution finds all of the
task's pixels in the second cache. Nothing wide is written to the arena, and there is one step where there were four.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..layers.activations import LINEAR
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import (
    add,
    add_product,
    load,
    load_between,
    mul,
    pointer,
    shifted,
    splat,
    store,
    store_first,
    where_negative,
)  # fmt: skip
from ..vector.transpose import store_transposed
from .epilogue import activated, slope_of
from .wide import multiply_apart, multiply_near

if TYPE_CHECKING:
    from ..vector.tile import Tile

SIDE_BY_SIDE = 4
"""Pixels whose sums are made together where a depthwise filter has too many weights for the registers."""


class Bottleneck(NamedTuple):
    """The layers' numbers.

    Attributes:
        c, h, w: channels and sides of the input.
        expands: 1: a 1x1 convolution makes the wide map of it; 0: it is the wide map.
        e: channels of the wide map.
        size, stride, pad: of the depthwise convolution.
        n, out_h, out_w: channels and sides of the output.
        adds: 1: a map of the output's shape is added.
        first_code, middle_code, last_code, added_code: activations of the convolutions, and behind the addition.
    """

    c: int
    h: int
    w: int
    expands: int
    e: int
    size: int
    stride: int
    pad: int
    n: int
    out_h: int
    out_w: int
    adds: int
    first_code: int
    middle_code: int
    last_code: int
    added_code: int


class Band(NamedTuple):
    """How the work is cut, and where in a worker's scratch memory everything lies.

    Attributes:
        rows: of outputs of a task.
        pitch: values of a row of the frame.
        middle: where the depthwise convolution's outputs lie, behind the frame.
        part: values of those of one block of channels.
        block: where the last convolution's outputs lie, before they are transposed, and a block before it is.
        scratch: values of a worker's scratch memory.
    """

    rows: int
    pitch: int
    middle: int
    part: int
    block: int
    scratch: int


def bands(shape, band):
    """Tasks of an image."""
    return -(-shape.out_h // band.rows)


def blocks(count: int, tile: Tile) -> int:
    """Blocks of so many filters, with absent ones."""
    return -(-count // tile.filters)


def frame_width(shape: Bottleneck) -> int:
    """Pixels of a row of the frame."""
    return max(shape.pad + shape.w, (shape.out_w - 1) * shape.stride + shape.size)


def weights_before(shape: Bottleneck, tile: Tile) -> tuple[int, int]:
    """Where in the weights the depthwise filters begin, and where those of the last convolution."""
    first = shape.expands * blocks(shape.e, tile) * tile.filters * shape.c
    return first, first + blocks(shape.e, tile) * tile.filters * shape.size**2


def weights_size(shape: Bottleneck, tile: Tile, last: Tile) -> int:
    """Values of all weights."""
    return weights_before(shape, tile)[1] + blocks(shape.n, last) * last.filters * shape.e


def biases_size(shape: Bottleneck, tile: Tile, last: Tile) -> int:
    """Values of all biases: of the wide map twice, then those of the output."""
    return 2 * blocks(shape.e, tile) * tile.filters + blocks(shape.n, last) * last.filters


def is_band(band, shape, tile, last):
    """Whether the fields fit each other and the layers."""
    height = (band.rows - 1) * shape.stride + shape.size
    return (
        band.rows > 0
        and band.pitch >= frame_width(shape) * tile.filters
        and band.middle >= height * band.pitch
        and band.part >= band.rows * shape.out_w * tile.filters
        and band.block >= band.middle + blocks(shape.e, tile) * band.part
        and band.scratch >= band.block + max((last.single + last.lanes) * last.filters, tile.lanes * tile.lanes)
    )


@kernel(forceinline=True)
def slope_within(tile, code):
    """The same where it is computed with the sums: exactly, that is done in a second pass (`_activate`).

    Args:
        tile: Tile
        code: int: number of the activation
    """
    return slope_of(code) if tile.contract else np.float32(1)


@plan_kernel(
    tasks=lambda shape, band, images: images * bands(shape, band),
    temporary={"scratch": lambda workers, band: workers * band.scratch},
)
def bottleneck(
    queue, out, source, added, weights, biases, scratch, offsets, images, next_in, next_out, shape, band, tile, last
):  # fmt: skip
    """The layers of a bottleneck, for some images.

    Args:
        out: written float32[images:next_out, shape.n, shape.out_h, shape.out_w]
        source: float32[images:next_in, shape.c, shape.h, shape.w]
        added: float32[images * shape.adds:next_in, shape.n, shape.out_h, shape.out_w]
        weights: float32[weights_size(shape, tile, last)]: by blocks of filters, absent ones 0: of the first
            convolution, of the depthwise one, of the last one, each in the order of `pack_weights` with k in one part
        biases: float32[biases_size(shape, tile, last)]: likewise
        scratch: temporary float32[workers, band.scratch]
        offsets: int64[shape.c + shape.e + 2 * AHEAD]: where each channel lies in the input, and where in the depthwise
            convolution's outputs
        images: int: how many
        next_in, next_out: int: distance of two images in the input and in the output
        shape: Bottleneck
        band: Band
        tile: Tile
        last: Tile: that of the last convolution

    Requires:
        shape.expands in (0, 1) and shape.adds in (0, 1) and (shape.expands == 1 or shape.c == shape.e)
        shape.stride in (1, 2) and shape.size <= shape.h + 2 * shape.pad and shape.size <= shape.w + 2 * shape.pad
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        has_slope(shape.first_code) and has_slope(shape.middle_code)
        has_slope(shape.last_code) and has_slope(shape.added_code)
        is_band(band, shape, tile, last)
        offsets[: shape.c].max() == (shape.c - 1) * shape.h * shape.w and offsets.min() == 0
        offsets.max() < max(shape.c * shape.h * shape.w, blocks(shape.e, tile) * band.part)
    """
    worker = join(queue, scratch.size // band.scratch)
    if worker < 0:
        return
    frame = pointer(scratch, worker * band.scratch)
    middle, block = shifted(frame, band.middle), shifted(frame, band.block)
    parts = (shape.out_h + band.rows - 1) // band.rows
    wide = (shape.e + tile.filters - 1) // tile.filters
    taps = wide * tile.filters * shape.size * shape.size
    first = shape.expands * wide * tile.filters * shape.c
    while True:
        task = next_task(queue)
        if task < 0:
            return
        image, y = task // parts, task % parts * band.rows
        rows = min(band.rows, shape.out_h - y)
        seen = pointer(source, image * next_in)
        for number in range(wide):
            _depthwise_block(
                tile, shifted(middle, number * band.part), frame, seen, block,
                pointer(weights, number * tile.filters * shape.c),
                pointer(weights, first + number * tile.filters * shape.size * shape.size),
                pointer(biases, number * tile.filters), pointer(biases, (wide + number) * tile.filters),
                pointer(offsets, 0), number, y, rows, shape, band,
            )  # fmt: skip
        plane = shape.out_h * shape.out_w
        target = pointer(out, image * next_out + y * shape.out_w)
        _narrow(
            last, tile, target, plane, middle, block, pointer(weights, first + taps),
            pointer(biases, 2 * wide * tile.filters), pointer(offsets, shape.c + 2), rows * shape.out_w, shape,
        )  # fmt: skip
        if shape.adds:
            _add_map(
                tile, target, pointer(added, image * next_in + y * shape.out_w), plane, rows * shape.out_w, shape.n,
                shape.added_code,
            )  # fmt: skip


@kernel
def _depthwise_block(
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
        weights, biases, offsets: any: as for `_depthwise_block`
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


@kernel
def _narrow(last, tile, out, plane, middle, block, weights, biases, offsets, pixels, shape):
    """The last convolution, on all pixels of a task.

    Args:
        last: Tile
        tile: Tile: that of the pixels
        out: written float32*: (shape.n, pixels), channels ``plane`` apart
        plane: int
        middle: float32*: the pixels
        block: written float32*: room for a block of outputs
        weights: float32*: (blocks, shape.e, last.filters)
        biases: float32*: (blocks, last.filters)
        offsets: int64*: where each channel of a pixel lies
        pixels: int: how many
        shape: Bottleneck
    """
    code, most = shape.last_code, last.single if shape.n <= last.lanes else last.columns
    most = max(most // last.lanes * last.lanes, min(most, last.lanes))  # whole vectors, once they are transposed
    slope = slope_within(last, code)
    for first in range(0, pixels, most):
        end = min(first + most, pixels)
        seen = shifted(middle, first * tile.filters)
        for f in range(0, shape.n, last.filters):
            present = min(last.filters, shape.n - f)
            multiply_apart(
                last, tile, end - first, (present + last.lanes - 1) // last.lanes, block, shifted(weights, f * shape.e),
                seen, offsets, shape.e, shifted(biases, f), slope,
            )  # fmt: skip
            if not last.contract and code != LINEAR:
                for i in range(0, (end - first) * last.filters, last.lanes):
                    store(block, i, activated(last, load(last, block, i), code))
            for v in range(0, present, last.lanes):
                for j in range(0, end - first, last.lanes):
                    store_transposed(
                        last, shifted(out, (f + v) * plane + first + j), plane,
                        shifted(block, j * last.filters + v), last.filters, min(present - v, last.lanes),
                        min(end - first - j, last.lanes),
                    )  # fmt: skip


@kernel
def _add_map(tile, out, added, plane, pixels, channels, code):
    """The sum with another map, in place, while the outputs are in the nearest cache.

    Args:
        tile: Tile
        out: updated float32*: (channels, pixels), channels ``plane`` apart
        added: float32*: likewise
        plane, pixels, channels: int
        code: int: number of the activation
    """
    whole = pixels // tile.lanes * tile.lanes
    for _ in range(channels):
        for i in range(0, whole, tile.lanes):
            store(out, i, activated(tile, add(load(tile, out, i), load(tile, added, i)), code))
        if whole < pixels:
            count = pixels - whole
            total = add(load_between(tile, out, whole, 0, count), load_between(tile, added, whole, 0, count))
            store_first(out, whole, activated(tile, total, code), count)
        out, added = shifted(out, plane), shifted(added, plane)
