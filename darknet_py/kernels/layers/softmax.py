"""Softmax over groups of channels (``softmax`` in ``blas.c``), among them the sibling groups of a WordTree."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.libm import exp
from ..runtime.work import plan_kernel
from ..vector.exp import exp_of
from ..vector.simd import add, div, larger, load, pointer, splat, store, sub
from .pooling import LOWEST

BLOCK = 16
"""Cells that one task works on side by side, so that memory is read line by line."""


def count_tasks(parts, cells):
    """Tasks of a softmax: blocks of cells of each part."""
    return parts * -(-cells // BLOCK)


@kernel
def task_cells(task, part_stride, first, cells):
    """Where the cells of a task start in ``out`` and ``x``, and how many they are.

    Args:
        task: int: its number
        part_stride, first, cells: int: as for `softmax`
    """
    blocks = (cells + BLOCK - 1) // BLOCK
    cell = (task % blocks) * BLOCK
    return (task // blocks) * part_stride + first + cell, min(BLOCK, cells - cell)


@plan_kernel(tasks=count_tasks, temporary={"scratch": lambda workers: workers * 2 * BLOCK})
def softmax(queue, out, x, offsets, sizes, parts, part_stride, first, cells, temperature, scratch, tile):
    """Softmax over each group of channels, cell by cell.

    Value (part, channel, cell) is at part * part_stride + first + channel * cells + cell, in ``out`` and in ``x``.
    Group g has the channels offsets[g] ... offsets[g] + sizes[g] - 1.

    Args:
        out: written float32[parts:part_stride, first + (offsets + sizes).max() * cells] or more, may be x
        x: float32[parts:part_stride, first + (offsets + sizes).max() * cells] or more
        offsets, sizes: int64[offsets.size]: first channel and channels of each group
        parts: int: anchors of a head, say
        part_stride: int: values from one part to the next
        first: int: values of a part before its first channel
        cells: int: values of a channel
        temperature: float32
        scratch: temporary float32[workers, 2, BLOCK]: the largest values and the sums
        tile: Tile: its lanes divide BLOCK
    """
    worker = join(queue, scratch.size // (2 * BLOCK))
    if worker < 0:
        return
    largest = 2 * BLOCK * worker
    while True:
        task = next_task(queue)
        if task < 0:
            return
        base, width = task_cells(task, part_stride, first, cells)
        for g in range(offsets.size):
            start = base + offsets[g] * cells
            stop = start + sizes[g] * cells
            if width == BLOCK:
                _whole_group(out, x, start, stop, cells, temperature, tile)
            else:
                _group(out, x, start, stop, cells, width, temperature, scratch, largest)


@kernel
def _whole_group(out, x, start, stop, cells, temperature, tile):
    """A group of BLOCK cells, vector by vector: the same operations in the same order for each cell.

    Args:
        out: written float32[...]
        x: float32[...]
        start, stop: int: place of the first channel, and behind the last
        cells: int: values of a channel
        temperature: float32
        tile: Tile
    """
    degrees = splat(tile, temperature)
    for i in range(0, BLOCK, tile.lanes):
        largest = splat(tile, LOWEST)
        for row in range(start, stop, cells):
            largest = larger(load(tile, pointer(x, row), i), largest)
        largest = div(largest, degrees)
        total = splat(tile, np.float32(0))
        for row in range(start, stop, cells):
            exp_of(tile, pointer(out, row), i, sub(div(load(tile, pointer(x, row), i), degrees), largest))
            total = add(total, load(tile, pointer(out, row), i))
        for row in range(start, stop, cells):
            store(pointer(out, row), i, div(load(tile, pointer(out, row), i), total))


@kernel
def find_largest(x, start, stop, cells, width, scratch, largest):
    """scratch[largest + i]: the largest value of cell i in the rows start, start + cells, ... below stop.

    Args:
        x: float32[...]
        start, stop: int: place of the first channel, and behind the last
        cells: int: values of a channel
        width: int: how many cells
        scratch: written float32[...]
        largest: int: where in it the results go
    """
    for i in range(width):
        scratch[largest + i] = LOWEST
    for row in range(start, stop, cells):
        for i in range(width):
            if x[row + i] > scratch[largest + i]:
                scratch[largest + i] = x[row + i]


@kernel
def _group(out, x, start, stop, cells, width, temperature, scratch, largest):
    """A group of fewer cells, one by one.

    Args:
        out: written float32[...]
        x: float32[...]
        start, stop: int: place of the first channel, and behind the last
        cells: int: values of a channel
        width: int: how many cells
        temperature: float32
        scratch: written float32[...]
        largest: int: where in it there is room
    """
    find_largest(x, start, stop, cells, width, scratch, largest)
    total = largest + BLOCK
    for i in range(width):
        scratch[total + i] = np.float32(0)
    for row in range(start, stop, cells):
        for i in range(width):
            e = np.float32(exp(x[row + i] / temperature - scratch[largest + i] / temperature))
            scratch[total + i] += e
            out[row + i] = e
    for row in range(start, stop, cells):
        for i in range(width):
            out[row + i] /= scratch[total + i]
