"""Words of 8-bit integers from float32 and back."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, any_unequal, load_between, mul, pointer, splat, store_first, sub
from ..vector.words import add_ints, as_ints, byte_lanes, int_splat, interleave, load_ints, to_floats
from .finish import limits_of, step_of

BLOCK = 2048
"""Most pixels of a task."""


@plan_kernel(tasks=lambda channels, cells: -(-channels // 4) * -(-cells // BLOCK))
def quantize_int8(queue, out, notes, x, channels, cells, inverse, zero, tile):
    """Words of float32 values: ``round_half_even(clip(x * inverse, -zero, 255 - zero) + zero)``; 0 becomes ``zero``.

    Args:
        out: written float32[-(-channels // 4), cells]: words
        notes: written int64[-(-channels // 4), -(-cells // BLOCK)]: by task: 1: a value is NaN or infinite, 0: none is
        x: float32[channels, cells]
        channels, cells: int: channels, and values of each
        inverse: float32: 1 / step
        zero: int: the number that stands for 0
        tile: Tile

    Requires:
        tile.words == 1 and 0 <= zero <= 255
    """
    parts = (cells + BLOCK - 1) // BLOCK
    limits, factor = limits_of(tile, zero), splat(tile, inverse)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        word, first = task // parts, task % parts * BLOCK
        strange = splat(tile, np.float32(0))  # becomes NaN where a value is none or infinite
        for i in range(first, min(first + BLOCK, cells), tile.lanes):
            count, c = min(tile.lanes, cells - i), 4 * word
            xa = _present(tile, x, c, channels, cells, i, count)
            xb = _present(tile, x, c + 1, channels, cells, i, count)
            xc = _present(tile, x, c + 2, channels, cells, i, count)
            xd = _present(tile, x, c + 3, channels, cells, i, count)
            strange = add(strange, add(add(sub(xa, xa), sub(xb, xb)), add(sub(xc, xc), sub(xd, xd))))
            a, b = step_of(tile, mul(xa, factor), limits), step_of(tile, mul(xb, factor), limits)
            c_, d = step_of(tile, mul(xc, factor), limits), step_of(tile, mul(xd, factor), limits)
            store_first(pointer(out, word * cells), i, interleave(a, b, c_, d), count)
        notes[task] = 1 if any_unequal(strange, strange) else 0


@kernel(forceinline=True)
def _present(tile, x, channel, channels, cells, i, count):
    """Values of a channel; 0 if there is no such channel. Returns a vector.

    Args:
        tile: Tile
        x: float32[channels, cells]
        channel, channels, cells, i, count: int
    """
    if channel >= channels:
        return splat(tile, np.float32(0))
    return load_between(tile, pointer(x, channel * cells), i, 0, count)


@plan_kernel(tasks=lambda channels, cells: channels * -(-cells // BLOCK))
def dequantize_int8(queue, out, x, channels, cells, step, zero, tile):
    """Float32 values of words: ``float32(q - zero) * step``.

    Args:
        out: written float32[channels, cells]
        x: float32[-(-channels // 4), cells]: words
        channels, cells: int: channels, and values of each
        step: float32
        zero: int: the number that stands for 0
        tile: Tile

    Requires:
        tile.words == 1
    """
    parts = (cells + BLOCK - 1) // BLOCK
    less, factor = int_splat(tile, -zero), splat(tile, step)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        channel, first = task // parts, task % parts * BLOCK
        line, source = pointer(out, channel * cells), pointer(x, channel // 4 * cells)
        for i in range(first, min(first + BLOCK, cells), tile.lanes):
            count = min(tile.lanes, cells - i)
            words = load_ints(tile, source, i) if count == tile.lanes else some_ints(tile, source, i, count)
            value = to_floats(add_ints(byte_lanes(tile, words, channel % 4), less))
            store_first(line, i, mul(value, factor), count)


@kernel(forceinline=True)
def some_ints(tile, source, i, count):
    """The first lanes of a vector of words; returns a vector of int32.

    Args:
        tile: Tile
        source: float32*
        i, count: int
    """
    return as_ints(load_between(tile, source, i, 0, count))
