"""Softmax over groups of channels (``softmax`` in ``blas.c``), among them the sibling groups of a WordTree."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.libm import exp
from ..runtime.work import plan_kernel
from ..vector.exp import exp_of
from ..vector.exp_fast import exp_fast
from ..vector.simd import add, div, larger, load, load_between, mul, pointer, splat, store, store_first, sub, unless_nan
from .pooling import LOWEST

BLOCK = 16
"""Cells that are computed side by side where the arithmetic is not vectors', so that memory is read line by line."""

WIDE = 512
"""Most cells of a task: what it reads of a large group three times stays in the second cache."""

MANY = 32
"""Groups of a task. (Cells alone would make too few tasks of a small map, and tear long rows of memory apart.)"""

FEW = 3
"""Fewer cells than these are quicker one by one than in a vector."""


def count_tasks(parts, cells):
    """Tasks of a softmax of blocks of cells of each part."""
    return parts * -(-cells // BLOCK)


@kernel
def task_cells(task, part_stride, first, cells):
    """Where the cells of such a task start in ``out`` and ``x``, and how many they are.

    Args:
        task: int: its number
        part_stride, first, cells: int: as for `softmax`
    """
    blocks = (cells + BLOCK - 1) // BLOCK
    cell = (task % blocks) * BLOCK
    return (task // blocks) * part_stride + first + cell, min(BLOCK, cells - cell)


@plan_kernel(
    tasks=lambda parts, cells, offsets: parts * -(-cells // WIDE) * -(-offsets.size // MANY),
    temporary={"scratch": lambda workers: workers * 2 * BLOCK},
)
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
        scratch: temporary float32[workers, 2, BLOCK]: the largest values and the sums; a vector
        tile: Tile: its lanes divide BLOCK

    Requires:
        (offsets[1:] >= offsets[:-1] + sizes[:-1]).all()
    """
    worker = join(queue, scratch.size // (2 * BLOCK))
    if worker < 0:
        return
    room = 2 * BLOCK * worker
    blocks, shares = (cells + WIDE - 1) // WIDE, (offsets.size + MANY - 1) // MANY
    while True:
        task = next_task(queue)
        if task < 0:
            return
        place, share = task // shares, task % shares
        cell = place % blocks * WIDE
        base, width = place // blocks * part_stride + first + cell, min(WIDE, cells - cell)
        for g in range(share * MANY, min((share + 1) * MANY, offsets.size)):
            start = base + offsets[g] * cells
            stop = start + sizes[g] * cells
            for i in range(0, width, tile.lanes):
                count = min(tile.lanes, width - i)
                if count < FEW:
                    _group(out, x, start + i, stop + i, cells, count, temperature, scratch, room)
                else:
                    _vector(
                        tile, pointer(out, i), pointer(x, i), start, stop, cells, count, temperature,
                        pointer(scratch, room),
                    )  # fmt: skip


@kernel
def _vector(tile, out, x, start, stop, cells, count, temperature, room):
    """A group of as many cells as there are lanes, or fewer: the same operations in the same order for each cell.

    Where bits do not count (`Tile.contract`) ``exp`` has the errors of `exp_fast`, and there is one division.

    Args:
        tile: Tile
        out: written float32*: at the first of the cells
        x: float32*: likewise
        start, stop: int: place of the first channel, and behind the last
        cells: int: values of a channel
        count: int: how many of the cells
        temperature: float32
        room: written float32*: for a vector
    """
    degrees, whole, divides = splat(tile, temperature), count == tile.lanes, temperature != 1
    largest = splat(tile, LOWEST)
    for row in range(start, stop, cells):
        largest = larger(_cells(tile, x, row, count), largest)
    largest = div(largest, degrees)
    total = splat(tile, np.float32(0))
    for row in range(start, stop, cells):
        values = _cells(tile, x, row, count)
        if divides:
            values = div(values, degrees)
        values = sub(values, largest)
        if tile.contract:
            values = unless_nan(values, exp_fast(tile, values))
        else:
            exp_of(tile, room, 0, values)
            values = load(tile, room, 0)
        total = add(total, values)
        if whole:
            store(out, row, values)
        else:
            store_first(out, row, values, count)
    share = div(splat(tile, np.float32(1)), total)
    for row in range(start, stop, cells):
        values = _cells(tile, out, row, count)
        values = mul(values, share) if tile.contract else div(values, total)
        if whole:
            store(out, row, values)
        else:
            store_first(out, row, values, count)


@kernel(forceinline=True)
def _cells(tile, x, row, count):
    """``x[row : row + count]``, and +0 in what lanes are left; returns a vector.

    Args:
        tile: Tile
        x: float32*
        row, count: int
    """
    return load(tile, x, row) if count == tile.lanes else load_between(tile, x, row, 0, count)


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
