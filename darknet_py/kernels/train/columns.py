"""A convolution's columns folded back (``col2im_cpu``); packing."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel

TOGETHER = 8
"""Blocks of filters of one task of `pack_columns`: the rows of its matrix lie far apart."""


def count_cells(shape):
    """Cells of an output's channel."""
    return shape.out_h * shape.out_w


def count_taps(shape):
    """Products of which an output is the sum."""
    return shape.c * shape.size * shape.size


@plan_kernel(
    tasks=lambda weights, filters, depth, rows: weights.size // (filters * depth) * -(-filters // (rows * TOGETHER))
)
def pack_columns(queue, packed, weights, filters, depth, part, rows):
    """As `pack_weights` of the convolution, of a matrix whose columns are to be the filters.

    Args:
        packed: written float32[weights.size // (filters * depth), -(-filters // rows) * rows, depth]
        weights: float32[weights.size // (filters * depth), depth, filters]
        filters: int: filters of a group
        depth: int: weights of a filter
        part: int: the depth is cut into parts of this length; the last may be shorter
        rows: int: filters of a block
    """
    blocks = (filters + rows - 1) // rows
    shares = (blocks + TOGETHER - 1) // TOGETHER
    while True:
        task = next_task(queue)
        if task < 0:
            return
        group, first = task // shares, task % shares * TOGETHER
        for k0 in range(0, depth, part):
            length = min(part, depth - k0)
            start = group * blocks * rows * depth + blocks * rows * k0
            for k in range(length):
                for block in range(first, min(first + TOGETHER, blocks)):
                    source = (group * depth + k0 + k) * filters + block * rows
                    at = start + (block * length + k) * rows
                    present = min(rows, filters - block * rows)
                    for r in range(present):
                        packed[at + r] = weights[source + r]
                    for r in range(present, rows):
                        packed[at + r] = np.float32(0)


@plan_kernel(tasks=lambda shape: shape.groups * shape.c)
def fold_columns(queue, out, columns, shape, tap_step, cell_step):
    """Each tap's values are added to the pixels that it sees, tap by tap.

    Args:
        out: updated float32[shape.groups:shape.group, shape.c:shape.plane, shape.h, shape.w] or more
        columns: float32[shape.groups * count_taps(shape) * count_cells(shape)]
        shape: ConvShape
        tap_step, cell_step: int: values from one (group, channel, ky, kx) to the next in ``columns``, and from a cell

    Requires:
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        shape.groups == 1 or cell_step == 1
        (tap_step, cell_step) in ((count_cells(shape), 1), (1, count_taps(shape)))
    """
    size, stride = shape.size, shape.stride
    while True:
        task = next_task(queue)
        if task < 0:
            return
        plane = task // shape.c * shape.group + task % shape.c * shape.plane
        for tap in range(size * size):
            ky, kx = tap // size - shape.pad, tap % size - shape.pad
            source = (task * size * size + tap) * tap_step
            first = 0 if kx >= 0 else (-kx + stride - 1) // stride
            last = min(shape.out_w, (shape.w - 1 - kx) // stride + 1) if kx < shape.w else 0
            for row in range(shape.out_h):
                y = row * stride + ky
                if y < 0 or y >= shape.h:
                    continue
                at, cell = plane + y * shape.w + kx, source + row * shape.out_w * cell_step
                if stride == 1 and cell_step == 1:
                    for i in range(first, last):
                        out[at + i] += columns[cell + i]
                else:
                    for i in range(first, last):
                        out[at + i * stride] += columns[cell + i * cell_step]


@plan_kernel(tasks=lambda c: c)
def turn_filters(queue, out, weights, n, c, taps):
    """Filters turned by half a turn, with inputs for outputs.

    Args:
        out: written float32[c, n, taps]
        weights: float32[n, c, taps]
        n, c: int: filters and channels
        taps: int: of a channel
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for f in range(n):
            for tap in range(taps):
                out[(channel * n + f) * taps + tap] = weights[(f * c + channel) * taps + taps - 1 - tap]
