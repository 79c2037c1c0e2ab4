"""Layers that move values about: reorg, flatten, upsample, crop, copies (``blas.c``, ``crop_layer.c``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel

BLOCK = 16384
"""Values that one task of ``copy`` moves."""


@plan_kernel(tasks=lambda x: -(-x.size // BLOCK))
def copy(queue, out, x):
    """``out[:] = x``, in blocks.

    Args:
        out: written float32[x.size]
        x: float32[out.size]
    """
    while True:
        block = next_task(queue)
        if block < 0:
            return
        first = block * BLOCK
        for i in range(first, min(first + BLOCK, x.size)):
            out[i] = x[i]


@plan_kernel(tasks=lambda: 1)
def fill(queue, out, value):
    """``out[:] = value``.

    Args:
        out: written float32[out.size]
        value: float32
    """
    while next_task(queue) >= 0:
        for i in range(out.size):
            out[i] = value


@kernel(forceinline=True)
def reorg_start(k, large_c, h, w, stride):
    """Where a channel of the small side starts on the large one; returns an int. Rows are stride * stride * w apart.

    Args:
        k: int: the channel
        large_c: int: channels of the large side
        h, w, stride: int: as for `reorg`
    """
    block = k // large_c
    return ((k % large_c) * h * stride + block // stride) * w * stride + block % stride


@plan_kernel(tasks=lambda c: c)
def reorg(queue, out, x, c, h, w, stride, reverse):
    """Darknet's reorg_cpu with the shape of the *input* in both directions.

    The "small" side is walked as (c, h, w), the "large" side as (c / stride^2, h * stride, w * stride).

    Args:
        out: written float32[c, h, w]
        x: float32[c, h, w]
        c, h, w: int: channels and sides of the input
        stride: int: side of the blocks of pixels that become channels
        reverse: bool: small -> large

    Requires:
        c % (stride * stride) == 0
    """
    large_c = c // (stride * stride)
    while True:
        k = next_task(queue)
        if k < 0:
            return
        start = reorg_start(k, large_c, h, w, stride)
        for j in range(h):
            small, large = (k * h + j) * w, start + j * stride * stride * w
            if reverse:
                for i in range(w):
                    out[large + i * stride] = x[small + i]
            else:
                for i in range(w):
                    out[small + i] = x[large + i * stride]


@plan_kernel(tasks=lambda channels: channels)
def flatten(queue, out, x, channels, cells, forward):
    """Channel by channel to cell by cell, or the other way round.

    Args:
        out: written float32[channels * cells]: (cells, channels) if ``forward``, else (channels, cells)
        x: float32[channels * cells]: the other one
        channels: int
        cells: int: values of a channel
        forward: bool
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for i in range(cells):
            if forward:
                out[i * channels + channel] = x[channel * cells + i]
            else:
                out[channel * cells + i] = x[i * channels + channel]


@kernel(forceinline=True)
def spread(out, x, channel, h, w, stride, change, scale):
    """One channel of an upsampling.

    Args:
        out, x: any: as for `upsample`
        channel: int: its number
        h, w, stride: any: as for `upsample`
        change: kernel: what is made of a value with ``scale``, as `_times`
        scale: float32
    """
    for y in range(h):
        source = (channel * h + y) * w
        first = (channel * h + y) * stride * w * stride
        if stride == 2:  # the usual one: loops of vectors
            below = first + 2 * w
            for i in range(w):
                value = change(x[source + i], scale)
                out[first + 2 * i] = value
                out[first + 2 * i + 1] = value
            for i in range(w):
                value = change(x[source + i], scale)
                out[below + 2 * i] = value
                out[below + 2 * i + 1] = value
            continue
        for i in range(w):
            value = change(x[source + i], scale)
            for m in range(stride):
                out[first + i * stride + m] = value
        for n in range(1, stride):
            for i in range(w * stride):
                out[first + n * w * stride + i] = out[first + i]


@kernel(forceinline=True)
def _times(value, scale):
    """The product.

    Args:
        value, scale: float32
    """
    return scale * value


@plan_kernel(tasks=lambda channels: channels)
def upsample(queue, out, x, channels, h, w, stride, scale):
    """Each pixel becomes a block of ``stride`` x ``stride`` times ``scale``.

    Args:
        out: written float32[channels, h * stride, w * stride]
        x: float32[channels, h, w]
        channels, h, w: int: channels and sides of the input
        stride: int: side of a block
        scale: float32
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        spread(out, x, channel, h, w, stride, _times, scale)


@plan_kernel(tasks=lambda channels: channels)
def downsample(queue, out, x, channels, h, w, stride, scale):
    """Sums of blocks of ``stride`` x ``stride`` pixels times ``scale``, from 0, row by row.

    Args:
        out: written float32[channels, h, w]
        x: float32[channels, h * stride, w * stride]
        channels, h, w: int: channels and sides of the output
        stride: int: side of a block
        scale: float32
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for y in range(h):
            for i in range(w):
                total = np.float32(0)
                for n in range(stride):
                    source = ((channel * h + y) * stride + n) * w * stride + i * stride
                    for m in range(stride):
                        total += scale * x[source + m]
                out[(channel * h + y) * w + i] = total


@plan_kernel(tasks=lambda channels: channels)
def crop(queue, out, x, channels, h, w, out_h, out_w, scale, shift):
    """The middle of an image, times ``scale`` plus ``shift``.

    Args:
        out: written float32[channels, out_h, out_w]
        x: float32[channels, h, w]
        channels, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        scale, shift: float32
    """
    top = (h - out_h) // 2
    left = (w - out_w) // 2
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for i in range(out_h):
            source = (channel * h + top + i) * w + left
            first = (channel * out_h + i) * out_w
            for j in range(out_w):
                out[first + j] = x[source + j] * scale + shift
