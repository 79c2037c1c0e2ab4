"""Laying out weights (once, at load) and pixels (part by part) so that the micro-kernels find them side by side."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import even_lanes, load, load_between, odd_lanes, prefetch, shifted, splat, store

AHEAD = 2400
"""About how many float32 values before their use the cache is asked for pixels."""

UNMASKED = 4
"""Most lanes of vectors that are read whole in short rows if they can be: longer ones come with fast masks."""


@plan_kernel(tasks=lambda weights, filters, depth, rows: weights.size // (filters * depth) * -(-filters // rows))
def pack_weights(queue, packed, weights, filters, depth, part, rows):
    """Weights in the order in which `convolution` reads them.

    Args:
        packed: written float32[weights.size // (filters * depth), -(-filters // rows) * rows, depth]: per group, per
            part of the depth, per block of filters: (part, rows); absent filters are 0
        weights: float32[weights.size // (filters * depth), filters, depth]
        filters: int: filters of a group
        depth: int: weights of a filter
        part: int: the depth is cut into parts of this length; the last may be shorter
        rows: int: filters of a block
    """
    blocks = (filters + rows - 1) // rows
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
            for k in range(k0, k0 + length):
                for r in range(rows):
                    packed[at + r] = weights[(first + r) * depth + k] if r < present else 0
                at += rows


@kernel
def copy_window(tile, window, source, shape, row, plane, x0, y0, height, channels):
    """Columns and rows of the input from (x0, y0) on (which may lie in the padding), 0 outside of the image.

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
    """
    phases = min(shape.stride, shape.size)
    width = row // phases
    top = min(max(-y0, 0), height)
    bottom = min(max(shape.h - y0, top), height)
    zero = splat(tile, np.float32(0))
    ahead = (1 + AHEAD // plane) * shape.plane
    for _ in range(channels):
        for i in range(0, top * row, tile.lanes):
            store(window, i, zero)
        for i in range(bottom * row, height * row, tile.lanes):
            store(window, i, zero)
        start = shifted(source, (y0 + top) * shape.w)
        lines = shifted(window, top * row)
        if shape.stride == 1:
            _copy_rows(tile, lines, row, start, shape.w, x0, bottom - top, ahead)
        elif shape.stride == 2:
            _copy_halves(tile, lines, row, start, shape.w, x0, bottom - top, ahead)
        elif phases == 4 and shape.stride == 4:
            _copy_quarters(tile, lines, row, start, shape.w, x0, bottom - top)
        else:
            for y in range(bottom - top):
                for i in range(row):
                    x = x0 + i // width + i % width * shape.stride
                    lines[y * row + i] = start[y * shape.w + x] if 0 <= x < shape.w else np.float32(0)
        source, window = shifted(source, shape.plane), shifted(window, plane)


@kernel(forceinline=True)
def _copy_rows(tile, lines, row, start, w, x0, height, ahead):
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
    """
    if row <= 4 * tile.lanes:  # short rows: by columns, each of which is cut off at the same lanes
        for i in range(0, row, tile.lanes):
            low, high = _inside(tile, x0 + i, w)
            if tile.lanes <= UNMASKED and high - low == tile.lanes:
                for y in range(height):
                    store(lines, y * row + i, load(tile, start, y * w + x0 + i))
            else:
                for y in range(height):
                    store(lines, y * row + i, load_between(tile, start, y * w + x0 + i, low, high))
        return
    for _ in range(height):
        for i in range(0, row, tile.lanes):
            prefetch(start, ahead + x0 + i)
            store(lines, i, pixels_of_row(tile, start, x0 + i, w))
        lines, start = shifted(lines, row), shifted(start, w)


@kernel(forceinline=True)
def _copy_halves(tile, lines, row, start, w, x0, height, ahead):
    """For stride 2: even columns (from x0 on) to the first half of each row, odd ones to the second.

    Args:
        tile, lines, row, start, w, x0, height, ahead: any: as for `_copy_rows`
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
                    a = load_between(tile, start, y * w + x, low, high)
                    b = load_between(tile, start, y * w + x + lanes, low2, high2)
                    store(lines, y * row + i, even_lanes(a, b))
                    store(lines, y * row + half + i, odd_lanes(a, b))
        return
    for _ in range(height):
        for i in range(0, half, lanes):
            a, b = pixels_of_row(tile, start, x0 + 2 * i, w), pixels_of_row(tile, start, x0 + 2 * i + lanes, w)
            prefetch(start, ahead + x0 + 2 * i)
            prefetch(start, ahead + x0 + 2 * i + lanes)
            store(lines, i, even_lanes(a, b))
            store(lines, half + i, odd_lanes(a, b))
        lines, start = shifted(lines, row), shifted(start, w)


@kernel(forceinline=True)
def _copy_quarters(tile, lines, row, start, w, x0, height):
    """For stride 4: every fourth column to each quarter of a row, likewise.

    Args:
        tile, lines, row, start, w, x0, height: any: as for `_copy_rows`
    """
    lanes, quarter = tile.lanes, row // 4
    for _ in range(height):
        for i in range(0, quarter, lanes):
            x = x0 + 4 * i
            a, b = pixels_of_row(tile, start, x, w), pixels_of_row(tile, start, x + lanes, w)
            c, d = pixels_of_row(tile, start, x + 2 * lanes, w), pixels_of_row(tile, start, x + 3 * lanes, w)
            even, even2, odd, odd2 = even_lanes(a, b), even_lanes(c, d), odd_lanes(a, b), odd_lanes(c, d)
            store(lines, i, even_lanes(even, even2))
            store(lines, quarter + i, even_lanes(odd, odd2))
            store(lines, 2 * quarter + i, odd_lanes(even, even2))
            store(lines, 3 * quarter + i, odd_lanes(odd, odd2))
        lines, start = shifted(lines, row), shifted(start, w)


@kernel(forceinline=True)
def pixels_of_row(tile, start, x, w):
    """A vector of pixels of a row, +0 where it is beyond the row's ends.

    Args:
        tile: Tile
        start: float32*: the row
        x: int: column of the first pixel; may lie outside
        w: int: length of the row
    """
    if x >= 0 and x + tile.lanes <= w:
        return load(tile, start, x)
    low, high = _inside(tile, x, w)
    return load_between(tile, start, x, low, high)


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
