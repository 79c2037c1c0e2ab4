"""Maximum and average pooling (``maxpool_layer.c``, ``avgpool_layer.c``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import even_lanes, load, load_between, odd_lanes, pointer, shifted, store, store_first
from ..vector.tile import UNMASKED
from ..vector.words import larger_in, lowest

LOWEST = np.float32(np.finfo(np.float32).min)
"""-FLT_MAX: what Darknet's pooling sees outside of the image."""


TOGETHER = 2048
"""About how many values of an output a task has, at least: small planes are done before the next task is taken."""


@kernel(forceinline=True)
def planes_of_task(channels, out_h, out_w):
    """How many channels a task of a pooling has: so many that there is an even number of tasks, if it can be.

    Args:
        channels: int
        out_h, out_w: int: sides of the output
    """
    most = max(1, TOGETHER // max(1, out_h * out_w))
    tasks = (channels + 2 * most - 1) // (2 * most) * 2
    return (channels + tasks - 1) // tasks


def count_pools(channels: int, out_h: int, out_w: int) -> int:
    """Tasks of a pooling."""
    return -(-channels // int(planes_of_task.py_func(channels, out_h, out_w)))


@plan_kernel(tasks=count_pools)
def maxpool(queue, out, x, channels, h, w, out_h, out_w, size, stride_x, stride_y, offset, tile):
    """Maximum of each window. Windows are walked row by row: between +0 and -0 the first one stays.

    Args:
        out: written float32[channels, out_h, out_w]
        x: float32[channels, h, w]
        channels, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a window
        stride_x, stride_y: int: pixels from one window to the next
        offset: int: the window of output (i, j) starts at (i * stride_y + offset, j * stride_x + offset)
        tile: Tile

    Requires:
        offset <= 0
        out_h in (windows(h - 2 * offset, size, stride_y), windows(h - 2 * offset + 1, size, stride_y))
        out_w in (windows(w - 2 * offset, size, stride_x), windows(w - 2 * offset + 1, size, stride_x))
    """
    planes = planes_of_task(channels, out_h, out_w)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for line_of_all in range(task * planes * out_h, min((task + 1) * planes, channels) * out_h):
            plane, i = line_of_all // out_h * h * w, line_of_all % out_h
            line = pointer(out, line_of_all * out_w)
            if in_pairs(size, stride_x, stride_y, offset, w, 2 * out_w, h, 2 * out_h, tile):
                top = pointer(x, plane + 2 * i * w)
                maximum_of_pairs(line, top, shifted(top, w), out_w, w, tile)
                continue
            for j in range(out_w):
                line[j] = LOWEST
            for n in range(size):
                y = i * stride_y + offset + n
                if 0 <= y < h:
                    maximum_of_row(line, pointer(x, plane + y * w), out_w, w, size, stride_x, offset, tile)


@kernel(forceinline=True)
def in_pairs(size, stride_x, stride_y, offset, w, covered_w, h, covered_h, tile):
    """Whether `maximum_of_pairs` makes the rows of an output: windows of 2x2 side by side, all of them whole.

    Args:
        size, stride_x, stride_y, offset: int: as for `maxpool`
        w, covered_w: int: the input's length, and how much of it the windows cover
        h, covered_h: int: the same of its height
        tile: Tile
    """
    disjoint = size == 2 and stride_x == 2 and stride_y == 2 and offset == 0
    return tile.lanes > UNMASKED and disjoint and covered_w <= w and covered_h <= h


@kernel
def maximum_of_pairs(line, top, bottom, out_w, w, tile):
    """A row of the output, of values or of words: the largest of two neighbours in each of two rows of the input.

    Args:
        line: written float32*: the row of the output
        top, bottom: float32*: the rows of the input
        out_w, w: int: their lengths
        tile: Tile
    """
    lanes = tile.lanes
    for j in range(0, out_w, lanes):
        first, second = min(w - 2 * j, lanes), min(max(w - 2 * j - lanes, 0), lanes)
        largest = lowest(tile)
        for row in (top, bottom):
            a, b = load_between(tile, row, 2 * j, 0, first), load_between(tile, row, 2 * j + lanes, 0, second)
            largest = larger_in(tile, even_lanes(a, b), largest)
            largest = larger_in(tile, odd_lanes(a, b), largest)
        store_first(line, j, largest, min(out_w - j, lanes))


@kernel
def maximum_of_row(line, source, out_w, w, size, stride, offset, tile):
    """What one row of the input, of values or of words, adds to the windows of one row of the output.

    Args:
        line: updated float32*: the row of the output
        source: float32*: the row of the input
        out_w, w: int: their lengths
        size: int: side of a window
        stride, offset: int: across, as for `maxpool`
        tile: Tile
    """
    lanes = tile.lanes
    for m in range(size):
        shift = offset + m
        first = 0 if shift >= 0 else (-shift + stride - 1) // stride
        last = min(out_w, (w - 1 - shift) // stride + 1) if shift < w else 0
        j = first
        if stride == 1:
            while j + lanes <= last:
                store(line, j, larger_in(tile, load(tile, source, shift + j), load(tile, line, j)))
                j += lanes
        elif stride == 2:
            while j + lanes < last:  # reads one value more than it needs
                pairs = even_lanes(load(tile, source, shift + 2 * j), load(tile, source, shift + 2 * j + lanes))
                store(line, j, larger_in(tile, pairs, load(tile, line, j)))
                j += lanes
        if lanes > UNMASKED:
            while j < last and stride <= 2:
                count = min(last - j, lanes)
                values = load_between(tile, source, shift + stride * j, 0, min(stride * (count - 1) + 1, lanes))
                if stride == 2:
                    more = max(stride * (count - 1) + 1 - lanes, 0)
                    values = even_lanes(values, load_between(tile, source, shift + 2 * j + lanes, 0, more))
                store_first(line, j, larger_in(tile, values, load_between(tile, line, j, 0, count)), count)
                j += lanes
        while j < last:
            line[j] = larger_in(tile, source[shift + stride * j], line[j])
            j += 1


@plan_kernel(tasks=lambda depth: depth)
def maxpool_depth(queue, out, x, channels, cells, depth):
    """Channel g becomes the maximum of the channels g, g + depth, ... of each pixel.

    Args:
        out: written float32[depth, cells]
        x: float32[channels, cells]
        channels: int
        cells: int: values of a channel
        depth: int: channels of the output
    """
    while True:
        group = next_task(queue)
        if group < 0:
            return
        for i in range(group * cells, (group + 1) * cells):
            largest = LOWEST
            for k in range(i, channels * cells, depth * cells):
                if x[k] > largest:
                    largest = x[k]
            out[i] = largest


@plan_kernel(tasks=lambda channels: channels)
def local_avgpool(queue, out, x, channels, h, w, out_h, out_w, size, stride_x, stride_y, offset):
    """Mean of what of each window lies inside of the image, summed row by row.

    Args:
        out: written float32[channels, out_h, out_w]
        x: float32[channels, h, w]
        channels, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        size, stride_x, stride_y, offset: int: as for `maxpool`

    Requires:
        offset <= 0
        out_h in (windows(h - 2 * offset, size, stride_y), windows(h - 2 * offset + 1, size, stride_y))
        out_w in (windows(w - 2 * offset, size, stride_x), windows(w - 2 * offset + 1, size, stride_x))
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for i in range(out_h):
            for j in range(out_w):
                top, left = i * stride_y + offset, j * stride_x + offset
                total, count = np.float32(0), 0
                for y in range(max(top, 0), min(top + size, h)):
                    for column in range(max(left, 0), min(left + size, w)):
                        total += x[(channel * h + y) * w + column]
                        count += 1
                out[(channel * out_h + i) * out_w + j] = total / np.float32(count)


@plan_kernel(tasks=lambda channels: channels)
def avgpool(queue, out, x, channels, cells):
    """Mean of each channel, summed in the order of its values.

    Args:
        out: written float32[channels]
        x: float32[channels, cells]
        channels: int
        cells: int: values of a channel
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        total = np.float32(0)
        for i in range(channel * cells, (channel + 1) * cells):
            total += x[i]
        out[channel] = total / np.float32(cells)
