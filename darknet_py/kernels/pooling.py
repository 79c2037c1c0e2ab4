"""Maximum and average pooling (``maxpool_layer.c``, ``avgpool_layer.c``)."""

from __future__ import annotations

import numpy as np

from .atomic import claim
from .jit import kernel
from .simd import even_lanes, larger, load, pointer, store

LOWEST = np.float32(np.finfo(np.float32).min)
"""-FLT_MAX: what Darknet's pooling sees outside of the image."""


@kernel
def maxpool(queue, out, x, channels, h, w, out_h, out_w, size, stride, offset, tile):
    # out: (channels, out_h, out_w), x: (channels, h, w), flat; the window of output (i, j) starts at
    # (i * stride + offset, j * stride + offset). Windows are walked row by row: between +0 and -0 the first one stays.
    while True:
        channel = claim(queue, 0)
        if channel >= channels:
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
    # line, source: pointers to a row of the output and of the input
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


@kernel
def avgpool(queue, out, x, channels, cells):
    # out: (channels,), x: (channels, cells) flat
    while True:
        channel = claim(queue, 0)
        if channel >= channels:
            return
        total = np.float32(0)
        for i in range(channel * cells, (channel + 1) * cells):
            total += x[i]
        out[channel] = total / np.float32(cells)
