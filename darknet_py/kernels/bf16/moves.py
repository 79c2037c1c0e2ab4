"""Words of bfloat16 numbers from float32 and back."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel
from ..vector.pairs import join_pairs, lower_numbers, upper_numbers
from ..vector.simd import load_between, pointer, splat, store_first

BLOCK = 2048
"""Most pixels of a task."""


@plan_kernel(tasks=lambda channels, cells: -(-channels // 2) * -(-cells // BLOCK))
def round_bf16(queue, out, x, channels, cells, tile):
    """Words of float32 values, rounded half to even; NaN and infinity stay. What is missing in the last word is 0.

    Args:
        out: written float32[-(-channels // 2), cells]: words
        x: float32[channels, cells]
        channels, cells: int: channels, and values of each
        tile: Tile

    Requires:
        tile.words == 2
    """
    parts = (cells + BLOCK - 1) // BLOCK
    while True:
        task = next_task(queue)
        if task < 0:
            return
        word, first = task // parts, task % parts * BLOCK
        lines = pointer(x, 2 * word * cells)
        for i in range(first, min(first + BLOCK, cells), tile.lanes):
            count = min(tile.lanes, cells - i)
            lower, upper = load_between(tile, lines, i, 0, count), splat(tile, np.float32(0))
            if 2 * word + 1 < channels:
                upper = load_between(tile, lines, cells + i, 0, count)
            store_first(pointer(out, word * cells), i, join_pairs(lower, upper), count)


@plan_kernel(tasks=lambda channels, cells: -(-channels // 2) * -(-cells // BLOCK))
def widen_bf16(queue, out, x, channels, cells, tile):
    """Float32 values of words.

    Args:
        out: written float32[channels, cells]
        x: float32[-(-channels // 2), cells]: words
        channels, cells: int: channels, and values of each
        tile: Tile

    Requires:
        tile.words == 2
    """
    parts = (cells + BLOCK - 1) // BLOCK
    while True:
        task = next_task(queue)
        if task < 0:
            return
        word, first = task // parts, task % parts * BLOCK
        lines = pointer(out, 2 * word * cells)
        for i in range(first, min(first + BLOCK, cells), tile.lanes):
            count = min(tile.lanes, cells - i)
            words = load_between(tile, pointer(x, word * cells), i, 0, count)
            store_first(lines, i, lower_numbers(words), count)
            if 2 * word + 1 < channels:
                store_first(lines, cells + i, upper_numbers(words), count)
