"""Layers that move values about: reorg, flatten, upsample, crop, copies (``blas.c``, ``crop_layer.c``)."""

from __future__ import annotations

import numpy as np

from .atomic import claim
from .jit import kernel

BLOCK = 16384
"""Values that one task of ``copy`` moves."""


@kernel
def copy(queue, out, x):
    # out, x: equally long; out[:] = x in blocks
    while True:
        first = claim(queue, 0) * BLOCK
        if first >= x.size:
            return
        for i in range(first, min(first + BLOCK, x.size)):
            out[i] = x[i]


@kernel
def fill(queue, out, value):
    # out: any length; a single task
    while claim(queue, 0) < 1:
        for i in range(out.size):
            out[i] = value


@kernel
def reorg(queue, out, x, c, h, w, stride, reverse):
    # out, x: c * h * w values each. Darknet's reorg_cpu with the shape of the *input* in both directions: the "small"
    # side is walked as (c, h, w), the "large" side as (c / stride^2, h * stride, w * stride); reverse: small -> large.
    large_c = c // (stride * stride)
    while True:
        k = claim(queue, 0)
        if k >= c:
            return
        block = k // large_c
        plane = (k % large_c) * h * stride
        for j in range(h):
            small = (k * h + j) * w
            large = (plane + j * stride + block // stride) * w * stride + block % stride
            if reverse:
                for i in range(w):
                    out[large + i * stride] = x[small + i]
            else:
                for i in range(w):
                    out[small + i] = x[large + i * stride]


@kernel
def flatten(queue, out, x, channels, cells, forward):
    # forward: (channels, cells) -> (cells, channels); else the other way round
    while True:
        channel = claim(queue, 0)
        if channel >= channels:
            return
        for i in range(cells):
            if forward:
                out[i * channels + channel] = x[channel * cells + i]
            else:
                out[channel * cells + i] = x[i * channels + channel]


@kernel
def upsample(queue, out, x, channels, h, w, stride, scale):
    # out: (channels, h * stride, w * stride), x: (channels, h, w), flat; scale float32
    while True:
        channel = claim(queue, 0)
        if channel >= channels:
            return
        for y in range(h):
            source = (channel * h + y) * w
            first = (channel * h + y) * stride * w * stride
            for i in range(w):
                value = scale * x[source + i]
                for m in range(stride):
                    out[first + i * stride + m] = value
            for n in range(1, stride):
                for i in range(w * stride):
                    out[first + n * w * stride + i] = out[first + i]


@kernel
def downsample(queue, out, x, channels, h, w, stride, scale):
    # out: (channels, h, w); x is read as (channels, h * stride, w * stride); sums of blocks, from 0, row by row
    while True:
        channel = claim(queue, 0)
        if channel >= channels:
            return
        for y in range(h):
            for i in range(w):
                total = np.float32(0)
                for n in range(stride):
                    source = ((channel * h + y) * stride + n) * w * stride + i * stride
                    for m in range(stride):
                        total += scale * x[source + m]
                out[(channel * h + y) * w + i] = total


@kernel
def crop(queue, out, x, channels, h, w, out_h, out_w, scale, shift):
    # out: (channels, out_h, out_w), the middle of x: (channels, h, w), times scale plus shift (float32)
    top = (h - out_h) // 2
    left = (w - out_w) // 2
    while True:
        channel = claim(queue, 0)
        if channel >= channels:
            return
        for i in range(out_h):
            source = (channel * h + top + i) * w + left
            first = (channel * out_h + i) * out_w
            for j in range(out_w):
                out[first + j] = x[source + j] * scale + shift
