"""Laying out weights (once, at load) and pixels (part by part) so that the micro-kernels find them side by side."""

from __future__ import annotations

import numpy as np

from .atomic import claim
from .jit import kernel
from .simd import every_second, load, load_between, shifted, splat, store


@kernel
def pack_weights(queue, packed, weights, filters, depth, part, rows):
    # packed: per group, per part of the depth, per block of filters: (part, rows); absent filters are 0
    # weights: (groups, filters, depth); part: the depth is cut into parts of this length, the last may be shorter
    blocks = (filters + rows - 1) // rows
    groups = weights.size // (filters * depth)
    while True:
        task = claim(queue, 0)
        if task >= groups * blocks:
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
    # window: (channels, height, row), ``plane`` apart: columns and rows of the input from (x0, y0) on (which may lie in
    # the padding), 0 outside of the image. A row consists of ``phases`` parts: phase p holds the columns
    # x0 + p, x0 + p + stride, ..., so that each tap finds the pixels of a row of the output next to each other.
    # A part's length is a multiple of ``lanes``.
    phases = min(shape.stride, shape.size)
    width = row // phases
    top = min(max(-y0, 0), height)
    bottom = min(max(shape.h - y0, top), height)
    zero = splat(tile, np.float32(0))
    for _ in range(channels):
        for i in range(0, top * row, tile.lanes):
            store(window, i, zero)
        for i in range(bottom * row, height * row, tile.lanes):
            store(window, i, zero)
        start = shifted(source, (y0 + top) * shape.w)
        for phase in range(phases):
            lines = shifted(window, top * row + phase * width)
            if shape.stride == 1 and width > 4 * tile.lanes:
                _copy_rows(tile, lines, row, start, shape.w, x0, width, bottom - top)
            else:
                for i in range(0, width, tile.lanes):
                    x = x0 + phase + i * shape.stride
                    _copy_column(tile, shifted(lines, i), row, start, shape.w, x, shape.stride, bottom - top)
        source, window = shifted(source, shape.plane), shifted(window, plane)


@kernel(forceinline=True)
def _copy_rows(tile, lines, row, start, w, x0, width, height):
    for _ in range(height):
        for i in range(0, width, tile.lanes):
            x = x0 + i
            if x >= 0 and x + tile.lanes <= w:
                store(lines, i, load(tile, start, x))
            else:
                low, high = _inside(tile, x, w)
                store(lines, i, load_between(tile, start, x, low, high))
        lines, start = shifted(lines, row), shifted(start, w)


@kernel(forceinline=True)
def _copy_column(tile, line, row, start, w, x, stride, height):
    # A column of vectors: every ``stride``-th value from column x on
    low, high = _inside(tile, x, w)
    if stride == 1:
        for y in range(height):
            store(line, y * row, load_between(tile, start, y * w + x, low, high))
    elif stride == 2:
        low2, high2 = _inside(tile, x + tile.lanes, w)
        for y in range(height):
            first = load_between(tile, start, y * w + x, low, high)
            store(line, y * row, every_second(first, load_between(tile, start, y * w + x + tile.lanes, low2, high2)))
    else:
        for y in range(height):
            for i in range(tile.lanes):
                at = x + i * stride
                line[y * row + i] = start[y * w + at] if 0 <= at < w else np.float32(0)


@kernel(forceinline=True)
def _inside(tile, x, w):
    # Which lanes of a vector that starts at column x lie in the image
    high = max(min(w - x, tile.lanes), 0)
    return min(max(-x, 0), high), high
