"""A convolution's input unrolled cell by cell, and its columns folded back (``im2col_cpu``, ``col2im_cpu``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel

BLOCK = 64
"""Cells that one task unrolls together: their rows of the result stay in the nearest cache."""


def count_cells(shape):
    """Cells of an output's channel."""
    return shape.out_h * shape.out_w


def count_taps(shape):
    """Products of which an output is the sum."""
    return shape.c * shape.size * shape.size


@plan_kernel(tasks=lambda shape: shape.groups * -(-(shape.out_h * shape.out_w) // BLOCK))
def unroll_cells(queue, out, x, shape):
    """For each cell of the output what its taps see, in the order (channel, ky, kx); 0 in the padding.

    Args:
        out: written float32[shape.groups, count_cells(shape), count_taps(shape)]
        x: float32[shape.groups:shape.group, shape.c:shape.plane, shape.h, shape.w] or more
        shape: ConvShape

    Requires:
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
    """
    cells = shape.out_h * shape.out_w
    taps = shape.c * shape.size * shape.size
    blocks = (cells + BLOCK - 1) // BLOCK
    while True:
        task = next_task(queue)
        if task < 0:
            return
        group, first = task // blocks, task % blocks * BLOCK
        count = min(BLOCK, cells - first)
        base = (group * cells + first) * taps
        n = 0
        for channel in range(shape.c):
            plane = group * shape.group + channel * shape.plane
            for ky in range(shape.size):
                for kx in range(shape.size):
                    row, column = first // shape.out_w, first % shape.out_w
                    for k in range(count):
                        y = row * shape.stride + ky - shape.pad
                        i = column * shape.stride + kx - shape.pad
                        inside = 0 <= y < shape.h and 0 <= i < shape.w
                        out[base + k * taps + n] = x[plane + y * shape.w + i] if inside else np.float32(0)
                        column += 1
                        if column == shape.out_w:
                            row, column = row + 1, 0
                    n += 1


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
