"""What follows the float32 sums of a convolution of bfloat16 numbers: what follows those of float32, then rounding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..conv.epilogue import activate_columns, finish_pixels, is_finish, store_columns
from ..conv.pool import pool_pixels
from ..conv.pool_columns import pool_columns as pool_in_place
from ..runtime.jit import kernel
from ..vector.pairs import join_lanes, join_pairs
from ..vector.simd import load, shifted, splat, store, store_first
from ..vector.words import larger_in, lowest


class PairFinish(NamedTuple):
    """How sums of products of bfloat16 numbers are finished.

    Attributes:
        normalize: 0: batch normalisation is part of the weights.
        code: the activation.
        divided: 0.
        pitch: distance of two rows of the coefficients, which are those of `conv.epilogue.Finish`.
        floats: 1: the output is float32; 0: words.
    """

    normalize: int
    code: int
    divided: int
    pitch: int
    floats: int


def is_pair_finish(finish):
    """Whether the fields of a `PairFinish` are what they can be."""
    return is_finish(finish, 0) and finish.normalize == finish.divided == 0 and finish.floats in (0, 1)


@kernel
def finish_rows(tile, out, plane, first, sums, rows, count, singles, doubles, finish):
    """Finish a block whose lanes hold pixels.

    Args:
        tile: Tile
        out: written float32*: at the block's first filter (or word of filters) and pixel
        plane: int: values (or words) of a channel of the output
        first: int: of no use
        sums: updated float32*: (rows, count rounded up to whole vectors), are overwritten
        rows: int: filters
        count: int: pixels
        singles, doubles: float32*: see `conv.epilogue.Finish`, from the block's first filter on; doubles: float64
        finish: PairFinish
    """
    if finish.floats:
        finish_pixels(tile, out, plane, 0, sums, rows, count, singles, doubles, finish)
        return
    lanes, width = tile.lanes, (count + tile.lanes - 1) // tile.lanes * tile.lanes
    finish_pixels(tile, sums, width, 0, sums, rows, count, singles, doubles, finish)
    for r in range(0, rows, 2):
        for j in range(0, count, lanes):
            lower = load(tile, sums, j)
            upper = load(tile, sums, width + j) if r + 1 < rows else splat(tile, np.float32(0))
            store_first(out, j, join_pairs(lower, upper), min(lanes, count - j))
        sums, out = shifted(sums, 2 * width), shifted(out, plane)


@kernel
def finish_columns(tile, out, plane, first, sums, rows, count, singles, doubles, finish):
    """Finish a block whose lanes hold filters.

    Args:
        tile, out, plane, first: any: as for `finish_rows`
        sums: updated float32*: (count, filters), are overwritten; what lies behind them is read
        rows, count, singles, doubles, finish: any: as for `finish_rows`
    """
    activate_columns(tile, 0, sums, rows, count, singles, doubles, finish)
    if finish.floats:
        store_columns(tile, out, plane, sums, rows, count)
        return
    _join_columns(tile, sums, rows, count)
    store_columns(tile, out, plane, sums, (rows + 1) // 2, count)


@kernel
def pool_rows(tile, out, plane, sums, rows, squares, singles, doubles, finish):
    """Finish a block whose lanes hold pixels, and pool it, as `conv.pool.pool_pixels`; the output is words.

    Args:
        tile, out, plane, sums, rows, squares, singles, doubles: any: as for `conv.pool.pool_pixels`
        finish: PairFinish
    """
    lanes, width = tile.lanes, (squares.width + tile.lanes - 1) // tile.lanes * tile.lanes
    pool_pixels(tile, sums, width, sums, rows, squares, singles, doubles, finish)
    for r in range(0, rows, 2):
        for j in range(0, squares.number, lanes):
            lower = load(tile, sums, j)
            upper = load(tile, sums, width + j) if r + 1 < rows else splat(tile, np.float32(0))
            words = larger_in(tile, join_pairs(lower, upper), lowest(tile))
            store_first(out, j, words, min(lanes, squares.number - j))
        sums, out = shifted(sums, 2 * width), shifted(out, plane)


@kernel
def pool_columns(tile, out, plane, sums, rows, squares, singles, doubles, finish):
    """As `pool_rows`, of a block whose lanes hold filters.

    Args:
        tile, out, plane, sums, rows, squares, singles, doubles: any: as for `conv.pool_columns.pool_filters`
        finish: PairFinish
    """
    pool_in_place(tile, sums, rows, squares, singles, doubles, finish)
    _join_columns(tile, sums, rows, squares.number)
    for j in range(squares.number):
        line = shifted(sums, j * tile.filters)
        store(line, 0, larger_in(tile, load(tile, line, 0), lowest(tile)))
    store_columns(tile, out, plane, sums, (rows + 1) // 2, squares.number)


@kernel(forceinline=True)
def _join_columns(tile, sums, rows, count):
    """Words of values, pixel by pixel in place.

    Args:
        tile: Tile
        sums: updated float32*: (count, filters)
        rows, count: int: filters, pixels
    """
    if rows % 2:  # the last word's other number is 0, whatever products with weights of 0 made
        for j in range(count):
            sums[j * tile.filters + rows] = np.float32(0)
    for j in range(count):  # words lie where values were that are read already
        line = shifted(sums, j * tile.filters)
        store(line, 0, join_lanes(load(tile, line, 0), load(tile, line, tile.lanes)))
