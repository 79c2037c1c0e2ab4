"""Laying out weights (once, at load) and pixels (part by part) so that the micro-kernels find them side by side."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.dots import operand
from ..vector.simd import even_lanes, load, odd_lanes, pointer, prefetch, shifted, store
from ..vector.tile import UNMASKED, UNSIGNED
from ..vector.transpose import store_transposed
from ..vector.words import load_between_or, word_splat
from .fetch import LINE

AHEAD = 2400
"""About how many float32 values before their use the cache is asked for pixels."""


@plan_kernel(tasks=lambda weights, filters, depth, rows: weights.size // (filters * depth) * -(-filters // rows))
def pack_weights(queue, packed, weights, filters, depth, part, rows, tile):
    """Weights in the order in which `convolution` reads them, through squares of the registers.

    Args:
        packed: written float32[weights.size // (filters * depth), -(-filters // rows) * rows, depth]: per group, per
            part of the depth, per block of filters: (part, rows); absent filters are 0
        weights: float32[weights.size // (filters * depth), filters, depth]
        filters: int: filters of a group
        depth: int: weights of a filter
        part: int: the depth is cut into parts of this length; the last may be shorter
        rows: int: filters of a block
        tile: Tile: its lanes count
    """
    blocks, lanes = (filters + rows - 1) // rows, tile.lanes
    while True:
        task = next_task(queue)
        if task < 0:
            return
        group, block = task // blocks, task % blocks
        first = group * filters + block * rows
        present = min(rows, filters - block * rows)
        for k0 in range(0, depth, part):
            length = min(part, depth - k0)
            at = group * blocks * rows * depth + blocks * rows * k0 + block * rows * length
            for f in range(0, rows, lanes):
                count = min(lanes, rows - f)
                whole = 0
                if f + count <= present and (first + f + lanes) * depth <= weights.size:
                    whole = length // lanes * lanes
                for k in range(0, whole, lanes):
                    store_transposed(
                        tile, pointer(packed, at + k * rows + f), rows,
                        pointer(weights, (first + f) * depth + k0 + k), depth, lanes, count,
                    )  # fmt: skip
                for k in range(whole, length):
                    for r in range(f, f + count):
                        value = weights[(first + r) * depth + k0 + k] if r < present else np.float32(0)
                        packed[at + k * rows + r] = value


@kernel
def copy_window(tile, window, source, shape, row, plane, x0, y0, height, channels, missing):
    """Columns and rows of the input from (x0, y0) on (which may lie in the padding).

    A row consists of ``phases`` parts: phase p holds the columns x0 + p, x0 + p + stride, ..., so that each tap finds
    the pixels of a row of the output next to each other. A part's length is a multiple of ``lanes``.

    Args:
        tile: Tile
        window: written float32*: (channels, height, row), channels ``plane`` apart
        source: float32*: the first channel
        shape: ConvShape
        row: int: values of a row of the window
        plane: int: values of a channel of the window
        x0, y0: int: column and row of the input where the window starts
        height: int: rows of the window
        channels: int
        missing: int: the word that stands outside of the image, if the tile's lanes are words; else that is 0
    """
    phases = min(shape.stride, shape.size)
    width = row // phases
    top = min(max(-y0, 0), height)
    bottom = min(max(shape.h - y0, top), height)
    outside = word_splat(tile, missing)
    ahead = (1 + AHEAD // plane) * shape.plane
    for _ in range(channels):
        for i in range(0, top * row, tile.lanes):
            store(window, i, outside)
        for i in range(bottom * row, height * row, tile.lanes):
            store(window, i, outside)
        start = shifted(source, (y0 + top) * shape.w)
        lines = shifted(window, top * row)
        if shape.stride == 1:
            _copy_rows(tile, lines, row, start, shape.w, x0, bottom - top, ahead, outside)
        elif shape.stride == 2:
            _copy_halves(tile, lines, row, start, shape.w, x0, bottom - top, ahead, outside)
        elif phases == 4 and shape.stride == 4:
            _copy_quarters(tile, lines, row, start, shape.w, x0, bottom - top, outside)
        elif phases == 8 and shape.stride == 8:
            _copy_eighths(tile, lines, row, start, shape.w, x0, bottom - top, outside)
        else:
            for i in range(0, (bottom - top) * row, tile.lanes):
                store(lines, i, outside)
            for y in range(bottom - top):
                for i in range(row):
                    x = x0 + i // width + i % width * shape.stride
                    if 0 <= x < shape.w:
                        lines[y * row + i] = start[y * shape.w + x]
        source, window = shifted(source, shape.plane), shifted(window, plane)


@kernel
def copy_pixels(tile, window, source, w, row, plane, distance, x0, channels, ahead):
    """The same for 1x1 convolutions, whose rows are all one, without padding. Meanwhile the cache is asked for what is
    to be copied next.

    Args:
        tile: Tile
        window: written float32*: (channels, row), channels ``plane`` apart
        source: float32*: the first channel
        w: int: pixels of a channel of the input
        row: int: values of a channel of the window, whole vectors
        plane: int: as for `copy_window`
        distance: int: of two channels of the input
        x0: int: pixel of the input where the window starts
        channels: int
        ahead: int: how far from here that lies
    """
    given = min(row, w - x0)
    whole = given // tile.lanes * tile.lanes
    start = shifted(source, x0)
    for _ in range(channels):
        for i in range(0, given, LINE):
            prefetch(start, ahead + i)
        for i in range(0, whole, tile.lanes):
            store(window, i, load(tile, start, i))
        if whole < given:
            store(window, whole, load_between_or(tile, start, whole, 0, given - whole, word_splat(tile, 0)))
        start, window = shifted(start, distance), shifted(window, plane)


@kernel(forceinline=True)
def make_operands(tile, window, count, plane):
    """In place of words of bytes what is multiplied of them; nothing if they are multiplied as they lie.

    Args:
        tile: Tile
        window: updated float32*: (count * tile.parts, plane), of which the last ``count`` channels have been copied
        count: int: channels that have been copied
        plane: int: values of a channel: whole vectors
    """
    if tile.bytes == UNSIGNED:
        return
    source = shifted(window, (tile.parts - 1) * count * plane)
    for _ in range(count):  # what is written lies at most where words have just been read
        for i in range(0, plane, tile.lanes):
            words = load(tile, source, i)
            store(window, i, operand(tile, words, 0))
            if tile.parts > 1:
                store(window, plane + i, operand(tile, words, 1))
        source, window = shifted(source, plane), shifted(window, tile.parts * plane)


@kernel(forceinline=True)
def _copy_rows(tile, lines, row, start, w, x0, height, ahead, outside):
    """Rows of a window for stride 1. Meanwhile the cache is asked for the same rows of a channel to come.

    Args:
        tile: Tile
        lines: written float32*: the window's first row that lies in the image
        row: int: values of a row of the window
        start: float32*: the image's row
        w: int: width of the image
        x0: int: column of the image where the window starts
        height: int: how many rows
        ahead: int: how far away the channel to come is, in values
        outside: vector: of what stands outside of the image
    """
    if row <= 4 * tile.lanes:  # short rows: by columns, each of which is cut off at the same lanes
        for i in range(0, row, tile.lanes):
            low, high = _inside(tile, x0 + i, w)
            if tile.lanes <= UNMASKED and high - low == tile.lanes:
                for y in range(height):
                    store(lines, y * row + i, load(tile, start, y * w + x0 + i))
            else:
                for y in range(height):
                    store(lines, y * row + i, load_between_or(tile, start, y * w + x0 + i, low, high, outside))
        return
    for _ in range(height):
        for i in range(0, row, tile.lanes):
            prefetch(start, ahead + x0 + i)
            store(lines, i, pixels_of_row(tile, start, x0 + i, w, outside))
        lines, start = shifted(lines, row), shifted(start, w)


@kernel(forceinline=True)
def _copy_halves(tile, lines, row, start, w, x0, height, ahead, outside):
    """For stride 2: even columns (from x0 on) to the first half of each row, odd ones to the second.

    Args:
        tile, lines, row, start, w, x0, height, ahead, outside: any: as for `_copy_rows`
    """
    lanes, half = tile.lanes, row // 2
    if half <= 4 * lanes:
        for i in range(0, half, lanes):
            x = x0 + 2 * i
            low, high = _inside(tile, x, w)
            low2, high2 = _inside(tile, x + lanes, w)
            if lanes <= UNMASKED and high - low + high2 - low2 == 2 * lanes:
                for y in range(height):
                    a, b = load(tile, start, y * w + x), load(tile, start, y * w + x + lanes)
                    store(lines, y * row + i, even_lanes(a, b))
                    store(lines, y * row + half + i, odd_lanes(a, b))
            else:
                for y in range(height):
                    a = load_between_or(tile, start, y * w + x, low, high, outside)
                    b = load_between_or(tile, start, y * w + x + lanes, low2, high2, outside)
                    store(lines, y * row + i, even_lanes(a, b))
                    store(lines, y * row + half + i, odd_lanes(a, b))
        return
    for _ in range(height):
        for i in range(0, half, lanes):
            a = pixels_of_row(tile, start, x0 + 2 * i, w, outside)
            b = pixels_of_row(tile, start, x0 + 2 * i + lanes, w, outside)
            prefetch(start, ahead + x0 + 2 * i)
            prefetch(start, ahead + x0 + 2 * i + lanes)
            store(lines, i, even_lanes(a, b))
            store(lines, half + i, odd_lanes(a, b))
        lines, start = shifted(lines, row), shifted(start, w)


@kernel(forceinline=True)
def _copy_quarters(tile, lines, row, start, w, x0, height, outside):
    """For stride 4: every fourth column to each quarter of a row, likewise.

    Args:
        tile, lines, row, start, w, x0, height, outside: any: as for `_copy_rows`
    """
    lanes, quarter = tile.lanes, row // 4
    for _ in range(height):
        for i in range(0, quarter, lanes):
            x = x0 + 4 * i
            a = pixels_of_row(tile, start, x, w, outside)
            b = pixels_of_row(tile, start, x + lanes, w, outside)
            c = pixels_of_row(tile, start, x + 2 * lanes, w, outside)
            d = pixels_of_row(tile, start, x + 3 * lanes, w, outside)
            _store_quarters(tile, shifted(lines, i), quarter, a, b, c, d)
        lines, start = shifted(lines, row), shifted(start, w)


@kernel(forceinline=True)
def _copy_eighths(tile, lines, row, start, w, x0, height, outside):
    """For stride 8: every eighth column to each eighth of a row, likewise.

    Args:
        tile, lines, row, start, w, x0, height, outside: any: as for `_copy_rows`
    """
    lanes, eighth = tile.lanes, row // 8
    for _ in range(height):
        for i in range(0, eighth, lanes):
            x = x0 + 8 * i
            a = pixels_of_row(tile, start, x, w, outside)
            b = pixels_of_row(tile, start, x + lanes, w, outside)
            c = pixels_of_row(tile, start, x + 2 * lanes, w, outside)
            d = pixels_of_row(tile, start, x + 3 * lanes, w, outside)
            e = pixels_of_row(tile, start, x + 4 * lanes, w, outside)
            f = pixels_of_row(tile, start, x + 5 * lanes, w, outside)
            g = pixels_of_row(tile, start, x + 6 * lanes, w, outside)
            h = pixels_of_row(tile, start, x + 7 * lanes, w, outside)
            _store_quarters(
                tile, shifted(lines, i), 2 * eighth, even_lanes(a, b), even_lanes(c, d), even_lanes(e, f),
                even_lanes(g, h),
            )  # fmt: skip
            _store_quarters(
                tile, shifted(lines, eighth + i), 2 * eighth, odd_lanes(a, b), odd_lanes(c, d), odd_lanes(e, f),
                odd_lanes(g, h),
            )  # fmt: skip
        lines, start = shifted(lines, row), shifted(start, w)


@kernel(forceinline=True)
def _store_quarters(tile, lines, pitch, a, b, c, d):
    """Every fourth value of four vectors to a place of its own.

    Args:
        tile: Tile
        lines: written float32*: (4, lanes), ``pitch`` apart
        pitch: int
        a, b, c, d: vector: side by side
    """
    even, even2, odd, odd2 = even_lanes(a, b), even_lanes(c, d), odd_lanes(a, b), odd_lanes(c, d)
    store(lines, 0, even_lanes(even, even2))
    store(lines, pitch, even_lanes(odd, odd2))
    store(lines, 2 * pitch, odd_lanes(even, even2))
    store(lines, 3 * pitch, odd_lanes(odd, odd2))


@kernel(forceinline=True)
def pixels_of_row(tile, start, x, w, outside):
    """A vector of pixels of a row, and of ``outside`` beyond the row's ends.

    Args:
        tile: Tile
        start: float32*: the row
        x: int: column of the first pixel; may lie outside
        w: int: length of the row
        outside: vector
    """
    if x >= 0 and x + tile.lanes <= w:
        return load(tile, start, x)
    low, high = _inside(tile, x, w)
    return load_between_or(tile, start, x, low, high, outside)


@kernel(forceinline=True)
def _inside(tile, x, w):
    """Which lanes of a vector lie in the image: the first one, and the one behind the last.

    Args:
        tile: Tile
        x: int: column of the vector's first lane
        w: int: width of the image
    """
    high = max(min(w - x, tile.lanes), 0)
    return min(max(-x, 0), high), high
