"""Softmax over groups of channels (``softmax`` in ``blas.c``), among them the sibling groups of a WordTree."""

from __future__ import annotations

import numpy as np

from .atomic import claim
from .jit import kernel
from .libm import exp
from .pooling import LOWEST
from .simd import add, div, larger, load, pointer, splat, store, sub
from .vector_exp import exp_of

BLOCK = 16
"""Cells that one task works on side by side, so that memory is read line by line."""


@kernel
def softmax(queue, out, x, offsets, sizes, parts, part_stride, first, cells, temperature, scratch, tile):
    # Value (part, channel, cell) is at part * part_stride + first + channel * cells + cell, in out and in x.
    # Group g has the channels offsets[g] ... offsets[g] + sizes[g] - 1.
    # temperature: float32; scratch: (workers, 2, BLOCK), the largest values and the sums;
    # tile: its lanes divide BLOCK.
    worker = claim(queue, 1)
    largest = 2 * BLOCK * worker
    blocks = (cells + BLOCK - 1) // BLOCK
    while True:
        task = claim(queue, 0)
        if task >= parts * blocks:
            return
        cell = (task % blocks) * BLOCK
        width = min(BLOCK, cells - cell)
        base = (task // blocks) * part_stride + first + cell
        for g in range(offsets.size):
            start = base + offsets[g] * cells
            stop = start + sizes[g] * cells
            if width == BLOCK:
                _whole_group(out, x, start, stop, cells, temperature, tile)
            else:
                _group(out, x, start, stop, cells, width, temperature, scratch, largest)


@kernel
def _whole_group(out, x, start, stop, cells, temperature, tile):
    # A group of BLOCK cells, vector by vector: the same operations in the same order for each cell
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
    # scratch[largest + i]: the largest value of cell i in the rows start, start + cells, ... below stop
    for i in range(width):
        scratch[largest + i] = LOWEST
    for row in range(start, stop, cells):
        for i in range(width):
            if x[row + i] > scratch[largest + i]:
                scratch[largest + i] = x[row + i]


@kernel
def _group(out, x, start, stop, cells, width, temperature, scratch, largest):
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
