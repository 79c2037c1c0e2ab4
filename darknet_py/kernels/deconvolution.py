"""Transposed convolution (``deconvolutional_layer.c``)."""

from __future__ import annotations

import numpy as np

from .atomic import claim
from .jit import kernel


@kernel
def deconvolution(queue, out, x, weights, n, c, h, w, out_h, out_w, size, stride, pad):
    # out: (n, out_h, out_w), x: (c, h, w), weights: (c, n, size, size), flat; sums only, from 0.
    # Darknet first sums over the channels for every tap, then adds the taps in the order (row, column).
    while True:
        f = claim(queue, 0)
        if f >= n:
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
