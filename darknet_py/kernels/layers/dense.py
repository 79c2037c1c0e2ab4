"""Fully and locally connected layers (``connected_layer.c``, ``local_layer.c``).

A sum over k may not be reassociated, so eight outputs are summed side by side to keep the adders busy. The weights are
read where they lie in the memory-mapped file: each is used once, and a copy would only cost time and memory.
"""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from .activations import activate

ROWS = 8
"""Outputs that one task of ``connected`` computes side by side."""


@kernel
def _eight_sums(sums, first, weights, row, k, x, start):
    """sums[first + r] += sum over i of weights[row + r * k + i] * x[start + i], for r in 0..7, each in the order of i.

    Args:
        sums: updated float32[...]
        first: int: place of the first sum
        weights: float32[...]
        row: int: place of the first weight
        k: int: weights of a row
        x: float32[...]
        start: int: place of the first input
    """
    r0, r1, r2, r3, r4, r5, r6, r7 = (
        row,
        row + k,
        row + 2 * k,
        row + 3 * k,
        row + 4 * k,
        row + 5 * k,
        row + 6 * k,
        row + 7 * k,
    )
    s0, s1, s2, s3 = sums[first], sums[first + 1], sums[first + 2], sums[first + 3]
    s4, s5, s6, s7 = sums[first + 4], sums[first + 5], sums[first + 6], sums[first + 7]
    for i in range(k):
        value = x[start + i]
        s0 += weights[r0 + i] * value
        s1 += weights[r1 + i] * value
        s2 += weights[r2 + i] * value
        s3 += weights[r3 + i] * value
        s4 += weights[r4 + i] * value
        s5 += weights[r5 + i] * value
        s6 += weights[r6 + i] * value
        s7 += weights[r7 + i] * value
    sums[first], sums[first + 1], sums[first + 2], sums[first + 3] = s0, s1, s2, s3
    sums[first + 4], sums[first + 5], sums[first + 6], sums[first + 7] = s4, s5, s6, s7


@kernel
def _sums(sums, first, rows, weights, row, k, x, start):
    """As `_eight_sums`, for any number of rows.

    Args:
        sums: updated float32[...]
        first: int: place of the first sum
        rows: int: how many sums
        weights: float32[...]
        row: int: place of the first weight
        k: int: weights of a row
        x: float32[...]
        start: int: place of the first input
    """
    done = 0
    while done + ROWS <= rows:
        _eight_sums(sums, first + done, weights, row + done * k, k, x, start)
        done += ROWS
    for r in range(done, rows):
        total = sums[first + r]
        for i in range(k):
            total += weights[row + r * k + i] * x[start + i]
        sums[first + r] = total


@plan_kernel(tasks=lambda out: -(-out.size // ROWS))
def connected(queue, out, x, weights):
    """Sums only, from 0.

    Args:
        out: written float32[weights.size // x.size]
        x: float32[weights.size // out.size]
        weights: float32[out.size, x.size]
    """
    while True:
        block = next_task(queue)
        if block < 0:
            return
        first = block * ROWS
        rows = min(ROWS, out.size - first)
        for r in range(first, first + rows):
            out[r] = np.float32(0)
        _sums(out, first, rows, weights, first * x.size, x.size, x, 0)


@plan_kernel(
    tasks=lambda out_h, out_w: out_h * out_w,
    temporary={"scratch": lambda workers, n, c, size: workers * (c * size * size + n)},
)
def local(queue, out, x, weights, biases, scratch, n, c, h, w, out_h, out_w, size, stride, pad, code):
    """A convolution with filters of its own at every location.

    Args:
        out: written float32[n, out_h, out_w]
        x: float32[c, h, w]
        weights: float32[out_h, out_w, n, c, size, size]
        biases: float32[n, out_h, out_w]
        scratch: temporary float32[workers, c * size * size + n]: the input of one location, and its n sums
        n: int: filters of a location
        c, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a filter
        stride: int: pixels from one location to the next
        pad: int: pixels of zeros around the input
        code: int: number of the activation

    Requires:
        is_code(code)
        out_h == windows(h + 2 * pad, size, stride)
        out_w == windows(w + 2 * pad, size, stride)
    """
    k = c * size * size
    worker = join(queue, scratch.size // (k + n))
    if worker < 0:
        return
    start = worker * (k + n)
    locations = out_h * out_w
    while True:
        place = next_task(queue)
        if place < 0:
            return
        gather(scratch, start, x, 0, c, h, w, place // out_w * stride - pad, place % out_w * stride - pad, size)
        for f in range(n):
            scratch[start + k + f] = biases[f * locations + place]
        _sums(scratch, start + k, n, weights, place * n * k, k, scratch, start)
        for f in range(n):
            out[f * locations + place] = activate(scratch[start + k + f], code)


@kernel
def gather(scratch, start, x, first, c, h, w, top, left, size):
    """The window at (top, left) of all channels, zeros outside, in the order (channel, row, column).

    Args:
        scratch: written float32[...]
        start: int: where in it the window goes
        x: float32[first + c * h * w] or more
        first: int: where in it the image is
        c, h, w: int
        top, left: int: row and column of the window's corner; they may lie outside
        size: int: side of the window
    """
    for channel in range(c):
        for n in range(size):
            y = top + n
            for m in range(size):
                column = left + m
                inside = 0 <= y < h and 0 <= column < w
                scratch[start] = x[first + (channel * h + y) * w + column] if inside else np.float32(0)
                start += 1
