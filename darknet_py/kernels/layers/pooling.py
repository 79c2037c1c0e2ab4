"""Maximum and average pooling (``maxpool_layer.c``, ``avgpool_layer.c``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import even_lanes, larger, load, pointer, store

LOWEST = np.float32(np.finfo(np.float32).min)
"""-FLT_MAX: what Darknet's pooling sees outside of the image."""


@plan_kernel(tasks=lambda channels: channels)
def maxpool(queue, out, x, channels, h, w, out_h, out_w, size, stride, offset, tile):
    """Maximum of each window. Windows are walked row by row: between +0 and -0 the first one stays.

    Args:
        out: written float32[channels, out_h, out_w]
        x: float32[channels, h, w]
        channels, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a window
        stride: int: pixels from one window to the next
        offset: int: the window of output (i, j) starts at (i * stride + offset, j * stride + offset)
        tile: Tile

    Requires:
        offset <= 0
        out_h in (windows(h - 2 * offset, size, stride), windows(h - 2 * offset + 1, size, stride))
        out_w in (windows(w - 2 * offset, size, stride), windows(w - 2 * offset + 1, size, stride))
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        plane = channel * h * w
        for i in range(out_h):
            row = (channel * out_h + i) * out_w
            line = pointer(out, row)
            for j in range(out_w):
                line[j] = LOWEST
            for n in range(size):
                y = i * stride + offset + n
                if 0 <= y < h:
                    _maximum_of_row(line, pointer(x, plane + y * w), out_w, w, size, stride, offset, tile)


@kernel
def _maximum_of_row(line, source, out_w, w, size, stride, offset, tile):
    """What one row of the input adds to the windows of one row of the output.

    Args:
        line: updated float32*: the row of the output
        source: float32*: the row of the input
        out_w, w: int: their lengths
        size, stride, offset: int: as for `maxpool`
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
                store(line, j, larger(load(tile, source, shift + j), load(tile, line, j)))
                j += lanes
        elif stride == 2:
            while j + lanes < last:  # reads one value more than it needs
                pairs = even_lanes(load(tile, source, shift + 2 * j), load(tile, source, shift + 2 * j + lanes))
                store(line, j, larger(pairs, load(tile, line, j)))
                j += lanes
        while j < last:
            value = source[shift + stride * j]
            line[j] = value if value > line[j] else line[j]
            j += 1


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
