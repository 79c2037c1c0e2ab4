"""`pool` of blocks whose lanes hold filters."""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..vector.simd import any_near_zero, first_of, larger, load, negated, shifted, smaller, splat, store, where_negative
from .activation import activated
from .epilogue import ORDER, activate_columns, before_activation, numbers_of_filters, store_columns
from .pool import LOWEST, NEAR_ZERO, all_alike


@kernel
def pool_filters(tile, out, plane, sums, rows, squares, singles, doubles, finish):
    """Finish a block whose lanes hold filters, and pool it.

    Args:
        tile, out, plane: any: as for `pool_pixels`
        sums: updated float32*: (squares.width, filters), twice, are overwritten; what lies behind them is read
        rows, squares, singles, doubles, finish: any: as for `pool_pixels`
    """
    pool_columns(tile, sums, rows, squares, singles, doubles, finish)
    store_columns(tile, out, plane, sums, rows, squares.number)


@kernel(forceinline=True)
def pool_columns(tile, sums, rows, squares, singles, doubles, finish):
    """`pool_filters`, in place.

    Args:
        tile, sums, rows, squares, singles, doubles, finish: any: as for `pool_filters`
    """
    if not all_alike(squares, finish):
        for row in range(2 if squares.below != 0 else 1):
            line, first = shifted(sums, row * squares.below), squares.first + row * squares.next
            activate_columns(tile, first, line, rows, squares.width, singles, doubles, finish)
    for v in range(0, rows, tile.lanes):
        column = shifted(sums, v)
        repeat_last_column(tile, column, squares)
        if all_alike(squares, finish):
            _pool_column_sums(tile, column, rows - v, squares, shifted(singles, v), shifted(doubles, v), finish)
        else:
            for s in range(squares.number):
                store(column, s * tile.filters, of_filters(tile, larger, column, s, squares, splat(tile, LOWEST)))


@kernel(forceinline=True)
def repeat_last_column(tile, sums, squares):
    """As `repeat_last`, of a vector of filters.

    Args:
        tile: Tile
        sums: updated float32*: (squares.width + 1, filters), twice
        squares: Squares
    """
    if squares.width % 2:
        last = shifted(sums, squares.width * tile.filters)
        store(last, 0, load(tile, last, -tile.filters))
        store(last, squares.below, load(tile, last, squares.below - tile.filters))


@kernel(forceinline=True)
def of_filters(tile, better, sums, s, squares, worst):
    """The best values of square ``s``, of equal ones the first; NaN are skipped. Returns a vector of filters.

    Args:
        tile: Tile
        better: kernel: as for `of_pixels`
        sums: float32*: (squares.width, filters), twice
        s: int
        squares: Squares
        worst: vector
    """
    upper = shifted(sums, 2 * s * tile.filters)
    lower = shifted(upper, squares.below)
    best = better(load(tile, upper, tile.filters), better(load(tile, upper, 0), worst))
    return better(load(tile, lower, tile.filters), better(load(tile, lower, 0), best))


@kernel(forceinline=True)
def _pool_column_sums(tile, sums, present, squares, singles, doubles, finish):
    """A vector of filters of `pool_columns`, where finishing keeps the order if filters do.

    Args:
        tile: Tile
        sums: updated float32*
        present: int: filters; more than these may be absent, and are about 0
        squares: Squares
        singles, doubles: float32*: of the filters; doubles: float64
        finish: any: `Finish`, or another with its fields
    """
    pitch, filters, normalize, code = finish.pitch, tile.filters, finish.normalize, finish.code
    numbers = numbers_of_filters(tile, singles, doubles, pitch)
    orders, none = load(tile, singles, ORDER * pitch), splat(tile, np.float32(np.inf))
    certain = not any_near_zero(orders, splat(tile, NEAR_ZERO))
    multiplied = tile.lanes if finish.divided else 0
    for s in range(squares.number):
        x = where_negative(
            orders, of_filters(tile, smaller, sums, s, squares, none),
            of_filters(tile, larger, sums, s, squares, negated(none)),
        )  # fmt: skip
        x = before_activation(tile, x, numbers, normalize, multiplied)
        seen = first_of(min(present, tile.lanes), x, splat(tile, np.float32(1)))
        if certain and (tile.contract or not any_near_zero(seen, splat(tile, NEAR_ZERO))):
            x = larger(activated(tile, x, code), splat(tile, LOWEST))
        else:
            for row in range(2 if squares.below != 0 else 1):
                place = shifted(sums, 2 * s * filters + row * squares.below)
                activate_columns(tile, 0, place, tile.lanes, 2, singles, doubles, finish)
            x = of_filters(tile, larger, sums, s, squares, splat(tile, LOWEST))
        store(sums, s * filters, x)
