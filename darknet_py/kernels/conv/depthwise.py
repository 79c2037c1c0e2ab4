"""Depthwise convolution: one filter for each channel, with the bits of `convolution`.

A channel (or some rows of it) is copied into a frame of zeros. There the values that a tap meets lie side by side, from
one output to the next and on to those of the next row: all outputs are one long row, of whole vectors but for the last.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import (
    add_product,
    even_lanes,
    load,
    load_between,
    odd_lanes,
    pointer,
    shifted,
    splat,
    store,
    store_first,
)  # fmt: skip
from .epilogue import finish_pixels
from .pack import pixels_of_row

VECTORS = 4
"""Vectors of sums that are made side by side."""

ROOM = 128
"""Values behind the outputs of a task, and behind a phase of the frame, that vectors may read and write."""


class Strip(NamedTuple):
    """How the outputs of a channel are divided into tasks, and how a task's frame lies in memory.

    The frame has a phase for each column and row of a square of stride x stride: phase (p, q) holds every stride-th
    value of every stride-th row, from row p and column q on.

    Attributes:
        rows: of outputs of a task.
        pitch: values of a row of a phase.
        phase: values of a phase.
        frame: values of all of them, and room.
        scratch: values of a worker's scratch memory: a frame, and the outputs.
    """

    rows: int
    pitch: int
    phase: int
    frame: int
    scratch: int


def strips(shape, strip):
    """Tasks of a channel."""
    return -(-shape.out_h // strip.rows)


def is_strip(strip, shape):
    """Whether the fields fit each other and a convolution."""
    reach = (shape.size - 1) // shape.stride
    pitch, phase = shape.out_w + reach, (strip.rows + reach) * (shape.out_w + reach) + ROOM
    frame = shape.stride**2 * phase + ROOM
    outputs = strip.rows * pitch + ROOM
    return strip.rows > 0 and strip == (strip.rows, pitch, phase, frame, strip.scratch) and (
        strip.scratch >= frame + outputs
    )  # fmt: skip


@plan_kernel(
    tasks=lambda shape, strip, images: images * shape.groups * strips(shape, strip),
    temporary={"scratch": lambda workers, strip: workers * strip.scratch},
)
def depthwise(
    queue, out, source, weights, singles, doubles, scratch, offsets, images, next_in, next_out, shape, strip, finish,
    tile,
):  # fmt: skip
    """A depthwise convolution with all that follows it, for some images.

    Args:
        out: written float32[images:next_out, shape.groups, shape.out_h, shape.out_w]
        source: float32[images:next_in, shape.groups, shape.h, shape.w]
        weights: float32[shape.groups, shape.size, shape.size]
        singles: float32[7, finish.pitch]: see `Finish`
        doubles: float64[2, finish.pitch]: see `Finish`
        scratch: temporary float32[workers, strip.scratch]
        offsets: int64[shape.size, shape.size]: where in a frame each tap finds the first output's value
        images: int: how many
        next_in, next_out: int: distance of two images in the input and in the output
        shape: ConvShape
        strip: Strip
        finish: Finish
        tile: Tile

    Requires:
        shape.c == 1 and shape.n == 1 and shape.stride in (1, 2)
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        finish.pitch >= shape.groups + tile.filters
        is_finish(finish, shape.out_h * shape.out_w) and finish.divided == 0
        is_strip(strip, shape)
        offsets.min() >= 0 and offsets.max() + strip.rows * strip.pitch + VECTORS * tile.lanes <= strip.frame + ROOM
        VECTORS * tile.lanes <= ROOM
    """
    worker = join(queue, scratch.size // strip.scratch)
    if worker < 0:
        return
    frame = pointer(scratch, worker * strip.scratch)
    sums, taps = shifted(frame, strip.frame), shape.size * shape.size
    parts = (shape.out_h + strip.rows - 1) // strip.rows
    while True:
        task = next_task(queue)
        if task < 0:
            return
        channel, y = task // parts, task % parts * strip.rows
        image, group = channel // shape.groups, channel % shape.groups
        rows = min(strip.rows, shape.out_h - y)
        plane = pointer(source, image * next_in + group * shape.h * shape.w)
        _copy_frame(tile, frame, plane, y * shape.stride - shape.pad, rows, shape, strip)
        count = (rows - 1) * strip.pitch + shape.out_w
        if slides(tile, shape):
            _slide(tile, sums, frame, pointer(weights, group * taps), rows, shape.out_w, strip.pitch)
        else:
            _multiply(tile, sums, frame, pointer(weights, group * taps), pointer(offsets, 0), count, taps)
        finish_pixels(tile, sums, 0, 0, sums, 1, count, pointer(singles, group), pointer(doubles, group), finish)
        target = pointer(out, image * next_out + (group * shape.out_h + y) * shape.out_w)
        _copy_rows(tile, target, sums, rows, shape.out_w, strip.pitch)


@kernel(forceinline=True)
def slides(tile, shape):
    """Whether `_slide` computes the sums: where vectors are as long as lines of the cache, so that each one that starts
    within a line takes two turns to load, and whole vectors do not reach far beyond a row.

    Args:
        tile: Tile
        shape: ConvShape
    """
    whole = (shape.out_w + tile.lanes - 1) // tile.lanes * tile.lanes
    return tile.lanes >= 16 and shape.size == 3 and shape.stride == 1 and 4 * whole <= 5 * shape.out_w


@kernel
def _slide(tile, sums, frame, weights, rows, width, pitch):
    """3x3: down the rows, a vector of columns at a time, loaded once for the three rows of outputs that meet it.

    From the right: what the last vector has too much is written again by the first one.

    Args:
        tile: Tile
        sums: written float32*: (rows, pitch) and a vector
        frame: float32*: (rows + 2, pitch) and a vector
        weights: float32*: (9,)
        rows, width, pitch: int
    """
    zero = splat(tile, np.float32(0))
    first = _three(tile, weights, 0)  # outside of the loops: stores could change what a pointer leads to
    second, third = _three(tile, weights, 3), _three(tile, weights, 6)
    last = (width - 1) // tile.lanes * tile.lanes
    for n in range(0, width, tile.lanes):
        line, out = shifted(frame, last - n), shifted(sums, last - n)
        upper = _add_row(tile, zero, first, _neighbours(tile, line))
        line = shifted(line, pitch)
        seen = _neighbours(tile, line)
        upper, lower = _add_row(tile, upper, second, seen), _add_row(tile, zero, first, seen)
        for _ in range(rows):
            line = shifted(line, pitch)
            seen = _neighbours(tile, line)
            done = _add_row(tile, upper, third, seen)
            upper, lower = _add_row(tile, lower, second, seen), _add_row(tile, zero, first, seen)
            store(out, 0, done)
            out = shifted(out, pitch)


@kernel(forceinline=True)
def _three(tile, weights, k):
    """Three weights; returns vectors of each.

    Args:
        tile: Tile
        weights: float32*
        k: int: number of the first one
    """
    return splat(tile, weights[k]), splat(tile, weights[k + 1]), splat(tile, weights[k + 2])


@kernel(forceinline=True)
def _neighbours(tile, line):
    """Returns three vectors, each a value further.

    Args:
        tile: Tile
        line: float32*
    """
    return load(tile, line, 0), load(tile, line, 1), load(tile, line, 2)


@kernel(forceinline=True)
def _add_row(tile, sums, weights, seen):
    """``sums`` and the products with a row of taps, one after the other; returns a vector.

    Args:
        tile: Tile
        sums: vector
        weights, seen: vectors: three of each
    """
    sums = add_product(tile, sums, weights[0], seen[0])
    sums = add_product(tile, sums, weights[1], seen[1])
    return add_product(tile, sums, weights[2], seen[2])


@kernel
def _multiply(tile, sums, frame, weights, offsets, count, taps):
    """Each sum from 0, tap by tap.

    Args:
        tile: Tile
        sums: written float32*: (count + ROOM,)
        frame: float32*
        weights: float32*: (taps,)
        offsets: int64*: (taps,)
        count, taps: int
    """
    lanes = tile.lanes
    for i in range(0, count, VECTORS * lanes):
        zero = splat(tile, np.float32(0))
        a, b, c, d = zero, zero, zero, zero
        for k in range(taps):
            weight, line = splat(tile, weights[k]), shifted(frame, offsets[k] + i)
            a = add_product(tile, a, weight, load(tile, line, 0))
            b = add_product(tile, b, weight, load(tile, line, lanes))
            c = add_product(tile, c, weight, load(tile, line, 2 * lanes))
            d = add_product(tile, d, weight, load(tile, line, 3 * lanes))
        store(sums, i, a)
        store(sums, i + lanes, b)
        store(sums, i + 2 * lanes, c)
        store(sums, i + 3 * lanes, d)


@kernel
def _copy_rows(tile, out, sums, rows, width, pitch):
    """Rows that lie ``pitch`` apart to where they lie side by side. Vectors may reach into rows that follow.

    Args:
        tile: Tile
        out: written float32*: (rows, width)
        sums: float32*
        rows, width, pitch: int
    """
    for i in range(rows):
        for j in range(0, width, tile.lanes):
            place, values = i * width + j, load(tile, sums, i * pitch + j)
            if place + tile.lanes <= rows * width:
                store(out, place, values)
            else:
                store_first(out, place, values, min(tile.lanes, width - j))


@kernel
def _copy_frame(tile, frame, plane, y0, rows, shape, strip):
    """What the taps of some rows of outputs meet, 0 outside of the image.

    Args:
        tile: Tile
        frame: written float32*: (strip.frame,)
        plane: float32*: the channel
        y0: int: the input's row, perhaps in the padding, that the first tap of the first output meets
        rows: int: of outputs
        shape: ConvShape
        strip: Strip
    """
    zero, w = splat(tile, np.float32(0)), shape.w
    for n in range((rows - 1) * shape.stride + shape.size):
        y = y0 + n
        line = shifted(frame, n // shape.stride * strip.pitch + n % shape.stride * shape.stride * strip.phase)
        source = shifted(plane, y * w)
        if not 0 <= y < shape.h:
            for i in range(0, strip.pitch, tile.lanes):
                store(line, i, zero)
                if shape.stride == 2:
                    store(line, i + strip.phase, zero)
        elif shape.stride == 1:
            _copy_line(tile, line, source, (shape.h - y) * w, w, shape.pad, strip.pitch)
        else:
            for i in range(0, strip.pitch, tile.lanes):
                a = pixels_of_row(tile, source, 2 * i - shape.pad, w, zero)
                b = pixels_of_row(tile, source, 2 * i + tile.lanes - shape.pad, w, zero)
                store(line, i, even_lanes(a, b))
                store(line, i + strip.phase, odd_lanes(a, b))


@kernel(forceinline=True)
def _copy_line(tile, line, source, left, w, pad, pitch):
    """A row between zeros. Vectors may reach into the row that follows, which is written later.

    Args:
        tile: Tile
        line: written float32*: (pitch,)
        source: float32*: the row, and those below it
        left: int: values of the channel from there on
        w, pad, pitch: int: (w + 2 * pad) is the pitch
    """
    zero = splat(tile, np.float32(0))
    for i in range(0, pad, tile.lanes):
        store(line, i, zero)
    for i in range(0, w, tile.lanes):
        if i + tile.lanes <= left:
            store(line, pad + i, load(tile, source, i))
        else:
            store(line, pad + i, load_between(tile, source, i, 0, min(tile.lanes, w - i)))
    for i in range(pad + w, pitch, tile.lanes):
        store(line, i, zero)
