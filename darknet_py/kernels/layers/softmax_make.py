"""Softmax as the program computes it that Darknet's Makefile builds (gcc 12, x86-64, -Ofast).

gcc multiplies by reciprocals, and unrolls groups of more than ten values by four: the vector ``expf`` of the C library,
four sums side by side, added in the end; what is left over goes through the scalar ``expf``.
"""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.libm import expf
from ..runtime.libmvec import expf_four
from ..runtime.work import plan_kernel
from .softmax import BLOCK, count_tasks, find_largest, task_cells

SCALAR_BELOW = 11
"""Groups smaller than this are summed one by one."""


@plan_kernel(tasks=count_tasks, temporary={"scratch": lambda workers: workers * 6 * BLOCK})
def softmax_make(queue, out, x, offsets, sizes, parts, part_stride, first, cells, temperature, scratch):
    """As `softmax.softmax`.

    Args:
        out: written float32[parts:part_stride, first + (offsets + sizes).max() * cells] or more
        x: float32[parts:part_stride, first + (offsets + sizes).max() * cells] or more
        offsets, sizes: int64[offsets.size]: first channel and channels of each group
        parts, part_stride, first, cells: int: as for `softmax.softmax`
        temperature: float32
        scratch: temporary float32[workers, 6, BLOCK]: largest values, four sums, a row of exponentials
    """
    worker = join(queue, scratch.size // (6 * BLOCK))
    if worker < 0:
        return
    start = 6 * BLOCK * worker
    inverse = np.float32(1) / temperature
    while True:
        task = next_task(queue)
        if task < 0:
            return
        base, width = task_cells(task, part_stride, first, cells)
        for g in range(offsets.size):
            row = base + offsets[g] * cells
            find_largest(x, row, row + sizes[g] * cells, cells, width, scratch, start)
            _group(out, x, row, sizes[g], cells, width, inverse, scratch, start)


@kernel
def _group(out, x, row, size, cells, width, inverse, scratch, largest):
    """One group of some cells.

    Args:
        out: written float32[...]
        x: float32[...]
        row: int: place of the first channel
        size: int: channels
        cells: int: values of a channel
        width: int: how many cells
        inverse: float32: 1 / temperature
        scratch: written float32[...]
        largest: int: where in it the largest values are, and room behind them
    """
    sums = largest + BLOCK
    exponentials = sums + 4 * BLOCK
    for i in range(4 * BLOCK):
        scratch[sums + i] = np.float32(0)
    by_four = size & ~3 if size >= SCALAR_BELOW else 0
    for k in range(size):
        at = row + k * cells
        for i in range(width):
            scratch[exponentials + i] = (x[at + i] - scratch[largest + i]) * inverse
        if k < by_four:
            for i in range(0, width, 4):
                expf_four(scratch, exponentials + i)
            lane = sums + (k & 3) * BLOCK
        else:
            for i in range(width):
                scratch[exponentials + i] = expf(scratch[exponentials + i])
            if k == by_four:
                _join_lanes(scratch, sums)
            lane = sums
        for i in range(width):
            scratch[lane + i] += scratch[exponentials + i]
            out[at + i] = scratch[exponentials + i]
    if by_four == size:
        _join_lanes(scratch, sums)
    for i in range(width):
        scratch[sums + i] = np.float32(1) / scratch[sums + i]
    for k in range(size):
        for i in range(width):
            out[row + k * cells + i] *= scratch[sums + i]


@kernel
def _join_lanes(scratch, sums):
    """Four sums to one: (0 + 2) + (1 + 3).

    Args:
        scratch: updated float32[...]
        sums: int: where in it the sums are, BLOCK of each
    """
    for i in range(sums, sums + BLOCK):
        scratch[i] = (scratch[i] + scratch[i + 2 * BLOCK]) + (scratch[i + BLOCK] + scratch[i + 3 * BLOCK])
