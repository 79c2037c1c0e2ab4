"""Transposed convolution (``deconvolutional_layer.c``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel


@plan_kernel(tasks=lambda n: n)
def deconvolution(queue, out, x, weights, n, c, h, w, out_h, out_w, size, stride, pad):
    """Sums only, from 0. Darknet first sums over the channels for every tap, then adds the taps by (row, column).

    Args:
        out: written float32[n, out_h, out_w]
        x: float32[c, h, w]
        weights: float32[c, n, size, size]
        n: int: filters
        c, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a filter
        stride: int: pixels of the output from one pixel of the input to the next
        pad: int: pixels cut off each side of the output

    Requires:
        out_h == (h - 1) * stride + size - 2 * pad
        out_w == (w - 1) * stride + size - 2 * pad
    """
    while True:
        f = next_task(queue)
        if f < 0:
            return
        for i in range(out_h):
            for j in range(out_w):
                total = np.float32(0)
                for ky in range(size):
                    y = i + pad - ky
                    if y < 0 or y % stride or y // stride >= h:
                        continue
                    for kx in range(size):
                        column = j + pad - kx
                        if column < 0 or column % stride or column // stride >= w:
                            continue
                        place = y // stride * w + column // stride
                        tap = np.float32(0)
                        for channel in range(c):
                            weight = weights[((channel * n + f) * size + ky) * size + kx]
                            tap += weight * x[channel * h * w + place]
                        total += tap
                out[(f * out_h + i) * out_w + j] = total
