"""An inverted bottleneck in one step, as `bottleneck`, with pixels in the lanes: for maps of few channels, which would
leave lanes empty, and whose outputs would have to be transposed. Profile ``fast``: sums are finished in the registers.

A task has some rows of the output. Of a block of the wide map's channels a frame is made row by row, and each row of
outputs of the depthwise convolution as soon as the rows that it meets are there; the last convolution finds all
channels of the task's pixels in the second cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add_product, load, mul, pointer, shifted, splat, store, where_negative
from .activation import slope_of
from .bottleneck import add_map
from .bottleneck_cut import bands
from .multiply import AHEAD
from .sloped import pixels_sloped

if TYPE_CHECKING:
    from ..vector.tile import Tile
    from .bottleneck_cut import Bottleneck

EDGE = 16
"""Values before a row of the frame: zeros, of which the last one is beside the map. Rows so begin where vectors do."""


class PixelBand(NamedTuple):
    """How the work is cut, and where in a worker's scratch memory everything lies; the frame is at its begin.

    Attributes:
        rows: of outputs of a task.
        pitch: values of a row of the frame.
        plane: values of a channel of the frame.
        middle: where the depthwise convolution's outputs lie, channel by channel.
        part: values of those of a channel.
        scratch: values of a worker's scratch memory.
    """

    rows: int
    pitch: int
    plane: int
    middle: int
    part: int
    scratch: int


def packed(filters: int, depth: int, tile: Tile) -> int:
    """Values of the weights of a 1x1 convolution."""
    return -(-filters // tile.rows) * tile.rows * depth


def pixel_weights(shape: Bottleneck, tile: Tile, last: Tile) -> int:
    """Values of all weights."""
    return packed(shape.e, shape.c, tile) + 9 * shape.e + packed(shape.n, shape.e, last)


def is_pixel_band(band: PixelBand, shape: Bottleneck, tile: Tile) -> bool:
    """Whether the fields fit each other and the layers."""
    vectors = -(-shape.w // tile.lanes) * tile.lanes
    return (
        band.rows > 0
        and band.pitch >= EDGE + shape.w + 1
        and band.plane >= (band.rows + 2) * band.pitch
        and band.middle >= tile.rows * band.plane + vectors + tile.lanes + EDGE
        and band.part >= (band.rows - 1) * shape.w + vectors
        and band.scratch >= band.middle + shape.e * band.part
    )


@plan_kernel(
    tasks=lambda shape, band, images: images * bands(shape, band),
    temporary={"scratch": lambda workers, band: workers * band.scratch},
)
def bottleneck_pixels(
    queue, out, source, added, weights, biases, scratch, offsets, images, next_in, next_out, shape, band, tile, last
):  # fmt: skip
    """The layers of a bottleneck whose depthwise convolution is 3x3, for some images.

    Args:
        out: written float32[images:next_out, shape.n, shape.out_h, shape.out_w]
        source: float32[images:next_in, shape.c, shape.h, shape.w]
        added: float32[images * shape.adds:next_in, shape.n, shape.out_h, shape.out_w]
        weights: float32[pixel_weights(shape, tile, last)]: of the first convolution, of the depthwise one as they are,
            of the last one; the 1x1 ones in the order of `pack_weights`, with blocks of as many filters as the tile
            has rows and k in one part
        biases: float32[2 * shape.e + shape.n]
        scratch: temporary float32[workers, band.scratch]
        offsets: int64[shape.c + shape.e + 2 * AHEAD]: where each channel lies in the input, and where in the depthwise
            convolution's outputs
        images: int: how many
        next_in, next_out: int: distance of two images in the input and in the output
        shape: Bottleneck
        band: PixelBand
        tile: Tile
        last: Tile: that of the last convolution

    Requires:
        tile.finishes_within and last.finishes_within and tile.lanes == last.lanes and tile.lanes <= EDGE
        shape.expands == 1 and shape.adds in (0, 1)
        shape.plane == shape.h * shape.w
        shape.size == 3 and shape.stride == 1 and shape.pad == 1
        shape.out_h == shape.h and shape.out_w == shape.w
        has_slope(shape.first_code) and has_slope(shape.middle_code)
        has_slope(shape.last_code) and has_slope(shape.added_code)
        is_pixel_band(band, shape, tile)
        offsets[: shape.c].max() == (shape.c - 1) * shape.h * shape.w and offsets.min() == 0
        offsets[shape.c + AHEAD :].max() == (shape.e - 1) * band.part
    """
    worker = join(queue, scratch.size // band.scratch)
    if worker < 0:
        return
    frame = pointer(scratch, worker * band.scratch)
    middle = shifted(frame, band.middle)
    parts = (shape.out_h + band.rows - 1) // band.rows
    plane, around = shape.h * shape.w, (shape.e + tile.rows - 1) // tile.rows * tile.rows * shape.c
    _clear_sides(tile, frame, shape, band)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        image, y = task // parts, task % parts * band.rows
        rows = min(band.rows, shape.out_h - y)
        seen = pointer(source, image * next_in)
        for first in range(0, shape.e, tile.rows):
            _some_channels(
                tile, shifted(middle, first * band.part), frame, seen, pointer(weights, first * shape.c),
                pointer(weights, around + 9 * first), pointer(biases, first), pointer(biases, shape.e + first),
                pointer(offsets, 0), min(tile.rows, shape.e - first), y, rows, shape, band,
            )  # fmt: skip
        target = pointer(out, image * next_out + y * shape.w)
        for first in range(0, shape.n, last.rows):
            _pointwise(
                last, shifted(target, first * plane), plane, middle, rows * shape.w,
                pointer(weights, around + 9 * shape.e + first * shape.e), pointer(biases, 2 * shape.e + first),
                pointer(offsets, shape.c + AHEAD), shape.e, min(last.rows, shape.n - first), shape.last_code,
            )  # fmt: skip
        if shape.adds:
            add_map(
                tile, target, pointer(added, image * next_in + y * shape.w), plane, rows * shape.w, shape.n,
                shape.added_code,
            )  # fmt: skip


@kernel
def _clear_sides(tile, frame, shape, band):
    """Zeros beside all rows of the frame: what is made later never lies there.

    Args:
        tile: Tile
        frame: written float32*: (tile.rows, band.plane)
        shape: Bottleneck
        band: PixelBand
    """
    for channel in range(tile.rows):
        for n in range(band.rows + 2):
            line = shifted(frame, channel * band.plane + n * band.pitch)
            for i in range(0, EDGE, tile.lanes):
                store(line, i, splat(tile, np.float32(0)))
            store(line, EDGE + shape.w, splat(tile, np.float32(0)))  # at most into the zeros before the next row


@kernel
def _some_channels(
    tile, out, frame, source, first, filters, first_biases, biases, offsets, present, y0, rows, shape, band
):
    """Some channels of the wide map, and the depthwise convolution's outputs of them.

    Args:
        tile: Tile
        out: written float32*: (present, rows, shape.w), channels band.part apart; vectors may reach behind them
        frame: updated float32*: (tile.rows, band.plane)
        source: float32*: the image
        first: float32*: weights of the first convolution for these channels: (shape.c, tile.rows)
        filters: float32*: the depthwise ones: (present, 9)
        first_biases, biases: float32*: (present,)
        offsets: int64*: where each channel of the input lies
        present: int: channels, at most tile.rows
        y0, rows: int: first row of outputs, and how many
        shape: Bottleneck
        band: PixelBand
    """
    made = 0
    for i in range(rows):
        for n in range(made, i + 3):
            y, line = y0 - 1 + n, shifted(frame, n * band.pitch + EDGE)
            if 0 <= y < shape.h:
                _pointwise(
                    tile, line, band.plane, shifted(source, y * shape.w), shape.w, first, first_biases, offsets,
                    shape.c, present, shape.first_code,
                )  # fmt: skip
            else:
                for channel in range(present):
                    for x in range(0, shape.w, tile.lanes):
                        store(shifted(line, channel * band.plane), x, splat(tile, np.float32(0)))
        made = i + 3
        for channel in range(present):
            _look_around(
                tile, shifted(out, channel * band.part + i * shape.w),
                shifted(frame, channel * band.plane + i * band.pitch + EDGE - 1), shifted(filters, 9 * channel),
                biases[channel], shape.w, band.pitch, shape.middle_code,
            )  # fmt: skip


@kernel
def _pointwise(tile, out, plane, pixels, width, weights, biases, offsets, depth, present, code):
    """A block of filters of a 1x1 convolution, on a run of pixels.

    Args:
        tile: Tile
        out: written float32*: (present, width), filters ``plane`` apart
        plane: int
        pixels: float32*: of the first channel
        width: int: of the run
        weights: float32*: (depth, tile.rows)
        biases: float32*: (present,)
        offsets: int64*: where each channel lies
        depth: int: channels
        present: int: filters
        code: int: number of the activation
    """
    count = (width + tile.lanes - 1) // tile.lanes
    pieces = (count + tile.vectors - 1) // tile.vectors
    for piece in range(pieces):
        x, end = piece * count // pieces * tile.lanes, min((piece + 1) * count // pieces * tile.lanes, width)
        vectors = (end - x + tile.lanes - 1) // tile.lanes
        pixels_sloped(
            tile, vectors, out, True, weights, shifted(pixels, x), offsets, depth, biases, slope_of(code),
            shifted(out, x), plane, present, end - x - (vectors - 1) * tile.lanes, end - x,
        )  # fmt: skip


@kernel
def _look_around(tile, out, line, weights, bias, width, pitch, code):
    """A row of outputs of a 3x3 depthwise convolution of one channel.

    Args:
        tile: Tile
        out: written float32*: (width,), in whole vectors
        line: float32*: the first output's first tap
        weights: float32*: (9,)
        bias: float32
        width: int: of the row
        pitch: int: values of a row of the frame
        code: int: number of the activation
    """
    a, b, c = splat(tile, weights[0]), splat(tile, weights[1]), splat(tile, weights[2])
    d, e, g = splat(tile, weights[3]), splat(tile, weights[4]), splat(tile, weights[5])
    h, i, j = splat(tile, weights[6]), splat(tile, weights[7]), splat(tile, weights[8])
    start, slope = splat(tile, bias), splat(tile, slope_of(code))
    for x in range(0, width, tile.lanes):
        upper, lower = shifted(line, pitch), shifted(line, 2 * pitch)
        sum_ = add_product(tile, start, a, load(tile, line, x))
        sum_ = add_product(tile, sum_, b, load(tile, line, x + 1))
        sum_ = add_product(tile, sum_, c, load(tile, line, x + 2))
        sum_ = add_product(tile, sum_, d, load(tile, upper, x))
        sum_ = add_product(tile, sum_, e, load(tile, upper, x + 1))
        sum_ = add_product(tile, sum_, g, load(tile, upper, x + 2))
        sum_ = add_product(tile, sum_, h, load(tile, lower, x))
        sum_ = add_product(tile, sum_, i, load(tile, lower, x + 1))
        sum_ = add_product(tile, sum_, j, load(tile, lower, x + 2))
        store(out, x, where_negative(sum_, mul(sum_, slope), sum_))
