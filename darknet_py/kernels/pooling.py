"""Maximum and average pooling (``maxpool_layer.c``, ``avgpool_layer.c``)."""

from __future__ import annotations

import numpy as np

from .atomic import claim
from .jit import kernel

LOWEST = np.float32(np.finfo(np.float32).min)
"""-FLT_MAX: what Darknet's pooling sees outside of the image."""


@kernel
def maxpool(queue, out, x, channels, h, w, out_h, out_w, size, stride, offset):
    # out: (channels, out_h, out_w), x: (channels, h, w), flat; the window of output (i, j) starts at
    # (i * stride + offset, j * stride + offset). Windows are walked row by row: between +0 and -0 the first one stays.
    while True:
        channel = claim(queue, 0)
        if channel >= channels:
            return
        plane = channel * h * w
        for i in range(out_h):
            row = (channel * out_h + i) * out_w
            for j in range(row, row + out_w):
                out[j] = LOWEST
            for n in range(size):
                y = i * stride + offset + n
                if 0 <= y < h:
                    _maximum_of_row(out, row, x, plane + y * w, out_w, w, size, stride, offset)


@kernel
def _maximum_of_row(out, row, x, source, out_w, w, size, stride, offset):
    for m in range(size):
        shift = offset + m
        first = 0 if shift >= 0 else (-shift + stride - 1) // stride
        last = min(out_w, (w - 1 - shift) // stride + 1) if shift < w else 0
        if stride == 1:
            for j in range(first, last):
                value = x[source + shift + j]
                out[row + j] = value if value > out[row + j] else out[row + j]
        elif stride == 2:
            for j in range(first, last):
                value = x[source + shift + 2 * j]
                out[row + j] = value if value > out[row + j] else out[row + j]
        else:
            for j in range(first, last):
                value = x[source + shift + stride * j]
                out[row + j] = value if value > out[row + j] else out[row + j]


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
