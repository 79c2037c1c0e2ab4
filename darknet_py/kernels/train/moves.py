"""Sums and copies of whole arrays, in parts that lie apart (``axpy_cpu``, ``copy_cpu``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel

BLOCK = 16384
"""Values of one task."""

ONE = np.float32(1)
"""The factor of sums without one."""


def count_blocks(parts, size):
    """Tasks of kernels that work on blocks of parts."""
    return parts * -(-size // BLOCK)


@plan_kernel(tasks=count_blocks)
def add_scaled(queue, out, x, parts, size, next_out, next_x, factor):
    """``out += factor * x``, two roundings (``axpy_cpu``).

    Args:
        out: updated float32[parts:next_out, size] or more
        x: float32[parts:next_x, size] or more
        parts: int: how many parts
        size: int: values of a part
        next_out, next_x: int: values from one part to the next
        factor: float32
    """
    blocks = (size + BLOCK - 1) // BLOCK
    while True:
        task = next_task(queue)
        if task < 0:
            return
        part, first = task // blocks, task % blocks * BLOCK
        a, b = part * next_out, part * next_x
        for i in range(first, min(first + BLOCK, size)):
            out[a + i] += factor * x[b + i]


@plan_kernel(tasks=count_blocks)
def copy_parts(queue, out, x, parts, size, next_out, next_x):
    """``out = x``.

    Args:
        out: written float32[parts:next_out, size] or more
        x: float32[parts:next_x, size] or more
        parts: int: how many parts
        size: int: values of a part
        next_out, next_x: int: values from one part to the next
    """
    blocks = (size + BLOCK - 1) // BLOCK
    while True:
        task = next_task(queue)
        if task < 0:
            return
        part, first = task // blocks, task % blocks * BLOCK
        a, b = part * next_out, part * next_x
        for i in range(first, min(first + BLOCK, size)):
            out[a + i] = x[b + i]


@plan_kernel(tasks=lambda out: -(-out.size // BLOCK))
def clear(queue, out):
    """``out = 0``.

    Args:
        out: written float32[out.size]
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for i in range(task * BLOCK, min((task + 1) * BLOCK, out.size)):
            out[i] = np.float32(0)


@plan_kernel(tasks=lambda out: -(-out.size // BLOCK))
def sum_parts(queue, out, x, parts):
    """Each part of ``x`` is added to ``out``, one after the other.

    Args:
        out: updated float32[x.size // parts]
        x: float32[parts, out.size]
        parts: int
    """
    size = out.size
    while True:
        task = next_task(queue)
        if task < 0:
            return
        last = min((task + 1) * BLOCK, size)
        for part in range(parts):
            start = part * size
            for i in range(task * BLOCK, last):
                out[i] += x[start + i]


@plan_kernel(tasks=lambda images, c: images * c)
def crop_at(queue, out, x, place, images, c, h, w, out_h, out_w, scale, shift):
    """The same window of each image, mirrored or not, times ``scale`` plus ``shift`` (``forward_crop_layer``).

    Args:
        out: written float32[images, c, out_h, out_w]
        x: float32[images, c, h, w]
        place: int64[3]: whether it is mirrored, and row and column of the window's corner
        images: int
        c, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        scale, shift: float32

    Requires:
        out_h <= h and out_w <= w
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        mirrored, top, left = place[0], place[1], place[2]
        for i in range(out_h):
            source = (channel * h + i + top) * w
            first = (channel * out_h + i) * out_w
            for j in range(out_w):
                column = w - left - j - 1 if mirrored else j + left
                out[first + j] = x[source + column] * scale + shift


@plan_kernel(tasks=lambda values: -(-values.size // BLOCK))
def drop(queue, values, draws, probability, scale):
    """0 where the draw is below a probability, times ``scale`` elsewhere, in place (``forward_dropout_layer``).

    Args:
        values: updated float32[draws.size]
        draws: float32[values.size]: from 0 to 1
        probability, scale: float32
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for i in range(task * BLOCK, min((task + 1) * BLOCK, values.size)):
            values[i] = np.float32(0) if draws[i] < probability else values[i] * scale


@plan_kernel(tasks=lambda images, c: images * c)
def upsample_gradient(queue, below, delta, images, c, h, w, stride, scale):
    """Each pixel gets ``scale`` times the deltas of its block, row by row (``upsample_cpu``, not forward).

    Args:
        below: updated float32[images, c, h, w]
        delta: float32[images, c, h * stride, w * stride]
        images, c, h, w: int: of the smaller map
        stride: int: side of a block
        scale: float32
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for y in range(h):
            for n in range(stride):
                source = ((channel * h + y) * stride + n) * w * stride
                for i in range(w):
                    k = (channel * h + y) * w + i
                    for m in range(stride):
                        below[k] += scale * delta[source + i * stride + m]


@plan_kernel(tasks=lambda c: c)
def add_common(queue, out, x, c, out_c, h, w, out_h, out_w, factor):
    """``out = 1 * out + factor * x`` where two maps have values in common (``shortcut_cpu``).

    Args:
        out: updated float32[out_c, out_h, out_w]
        x: float32[c, h, w]
        c, out_c: int: channels
        h, w: int: sides of ``x``
        out_h, out_w: int: sides of ``out``
        factor: float32

    Requires:
        w // out_w == h // out_h and out_w // w == out_h // h
    """
    stride, sample = max(w // out_w, 1), max(out_w // w, 1)
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        if channel >= out_c:
            continue
        for j in range(min(h, out_h)):
            a = (channel * out_h + j * sample) * out_w
            b = (channel * h + j * stride) * w
            for i in range(min(w, out_w)):
                out[a + i * sample] = out[a + i * sample] + factor * x[b + i * stride]
