"""A block of two rows of sums -> finished maxima of squares of 2x2 (``maxpool_layer.c``).

Finishing keeps the order of sums, or turns it round (`plan.coefficients.order`): of each square only the largest sum,
or the smallest, is finished, and gives the same bits. Two things need care. A NaN is skipped, as Darknet's comparison
does. And equal values of two sums may be +0 and -0, of which the first one of a square stays: where a value is about
0, or the order of a filter is not certain, all sums are finished, and then compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..layers.activations import LEAKY
from ..runtime.jit import kernel
from ..vector.simd import (
    add,
    any_near_zero,
    any_unsure,
    even_lanes,
    fma,
    larger,
    load,
    mul,
    odd_lanes,
    shifted,
    smaller,
    splat,
    store,
    store_first,
    sub,
    where_negative,
)  # fmt: skip
from .activation import LEAKY_HIGH, LEAKY_LOW, activated, has_vector_form
from .epilogue import (
    ORDER,
    before_activation,
    finish_pixels,
    numbers_of_filter,
)  # fmt: skip

NEAR_ZERO = np.float32(2.0**-100)
"""Values nearer to 0 before the activation may become +0 or -0."""


class Squares(NamedTuple):
    """Two rows of pixels that are pooled, of one block of sums each.

    Attributes:
        first: number of the upper row's first pixel in a channel of the convolution's output.
        next: pixels from a row to the next one.
        below: where the lower row's sums lie, seen from the upper row's; 0: there is no lower row.
        width: pixels of each row; if their number is odd, the last square reaches beyond them.
        number: squares.
    """

    first: int
    next: int
    below: int
    width: int
    number: int


@kernel(forceinline=True)
def of_pixels(tile, better, upper, lower, i, worst):
    """The best values of the squares in ``2 * lanes`` pixels, NaN skipped; returns a vector.

    Args:
        tile: Tile
        better: kernel: gives, of two vectors, the better values, and the second one's where one is NaN
        upper, lower: float32*: rows of pixels
        i: int: the first pixel
        worst: vector
    """
    left = better(load(tile, lower, i), better(load(tile, upper, i), worst))
    i += tile.lanes
    right = better(load(tile, lower, i), better(load(tile, upper, i), worst))
    return better(odd_lanes(left, right), even_lanes(left, right))


@kernel(forceinline=True)
def _first_largest(tile, upper, lower, i):
    """The largest values of the squares in ``2 * lanes`` pixels, of equal ones the first; returns a vector.

    Args:
        tile: Tile
        upper, lower: float32*: rows of finished values
        i: int: the first pixel
    """
    a, b = load(tile, upper, i), load(tile, upper, i + tile.lanes)
    c, d = load(tile, lower, i), load(tile, lower, i + tile.lanes)
    largest = larger(odd_lanes(a, b), larger(even_lanes(a, b), splat(tile, LOWEST)))
    return larger(odd_lanes(c, d), larger(even_lanes(c, d), largest))


LOWEST = np.float32(np.finfo(np.float32).min)
"""-FLT_MAX: what Darknet's maxima start from."""


@kernel
def pool_pixels(tile, out, plane, sums, rows, squares, singles, doubles, finish):
    """Finish a block whose lanes hold pixels, and pool it.

    Args:
        tile: Tile
        out: written float32*: (rows, plane) at the block's first filter and square; may be sums, if plane is the
            distance of two filters there
        plane: int: values of a channel of the output
        sums: updated float32*: (rows, squares.width rounded up to whole vectors), twice, are overwritten; two vectors
            behind each of them are read
        rows: int: filters
        squares: Squares
        singles, doubles: float32*: see `Finish`, from the block's first filter on; doubles: float64
        finish: Finish
    """
    width = (squares.width + tile.lanes - 1) // tile.lanes * tile.lanes
    alike, orders, code = all_alike(squares, finish), shifted(singles, ORDER * finish.pitch), finish.code
    quick = tile.fused and not tile.contract and finish.normalize and code == LEAKY and finish.divided == 0
    for r in range(rows):
        repeat_last(sums, squares)
        done = 0
        if alike and quick:
            done = _pool_quickly(tile, out, sums, orders[r], squares, shifted(singles, r), finish.pitch)
        elif alike and not finish.normalize and code == LEAKY:
            done = _pool_sums(
                tile, out, sums, orders[r], squares, shifted(singles, r), shifted(doubles, r), finish, 0, LEAKY
            )
        if done < squares.number:
            _pool_slowly(tile, out, sums, done, alike, squares, shifted(singles, r), shifted(doubles, r), finish)
        sums, out = shifted(sums, width), shifted(out, plane)


@kernel(forceinline=True)
def _pool_quickly(tile, out, sums, order, squares, singles, pitch):
    """One filter of `pool_pixels`, batch normalisation and leaky, where no lane needs care; returns the squares done.

    A quotient that two products enclose is sure (`epilogue._quotient`), and a value that is not about 0 has no twin of
    another sign, nor a product that is a denormal number (`activation._leaky`): one question for all of that.

    Args:
        tile: Tile
        out: written float32*
        sums: float32*
        order: float32
        squares: Squares
        singles: float32*: the filter's
        pitch: int: of `Finish`
    """
    mean, scale, bias = splat(tile, singles[0]), splat(tile, singles[pitch]), splat(tile, singles[2 * pitch])
    near, below = splat(tile, singles[3 * pitch]), splat(tile, singles[4 * pitch])
    above, lower = splat(tile, singles[5 * pitch]), shifted(sums, squares.below)
    high, low = splat(tile, LEAKY_HIGH), splat(tile, LEAKY_LOW)
    for j in range(0, squares.number, tile.lanes):
        x = sub(_of_sums(tile, sums, lower, 2 * j, order), mean)
        x, other = fma(x, near, mul(x, below)), fma(x, near, mul(x, above))
        y = add(mul(x, scale), bias)
        if order == 0 or any_unsure(x, other, y, splat(tile, NEAR_ZERO)):
            return j
        y = where_negative(y, fma(y, high, mul(y, low)), y)
        store_up_to(tile, out, j, larger(y, splat(tile, LOWEST)), squares.number)
    return squares.number


@kernel(forceinline=True)
def _of_sums(tile, upper, lower, i, order):
    """The sums that become the largest values, as `of_pixels`.

    Args:
        tile, upper, lower, i: any: as for `of_pixels`
        order: float32: of the filter
    """
    if order < 0:
        return of_pixels(tile, smaller, upper, lower, i, splat(tile, np.float32(np.inf)))
    return of_pixels(tile, larger, upper, lower, i, splat(tile, np.float32(-np.inf)))


@kernel
def _pool_slowly(tile, out, sums, done, alike, squares, singles, doubles, finish):
    """One filter of `pool_pixels`, on any way.

    Args:
        tile: Tile
        out: written float32*
        sums: updated float32*
        done: int: squares that are done
        alike: bool: see `all_alike`
        squares: Squares
        singles, doubles: float32*: the filter's; doubles: float64
        finish: any: `Finish`, or another with its fields
    """
    if alike:
        done = _pool_sums(
            tile,
            out,
            sums,
            singles[ORDER * finish.pitch],
            squares,
            singles,
            doubles,
            finish,
            finish.normalize,
            finish.code,
        )
    if done < squares.number:
        _pool_values(tile, out, sums, done, squares, singles, doubles, finish)


@kernel(forceinline=True)
def all_alike(squares, finish):
    """Whether finishing does the same to all pixels, and keeps order, if filters do.

    Args:
        squares: Squares
        finish: any: `Finish`, or another with its fields
    """
    end = squares.first + squares.next + squares.width
    return has_vector_form(finish.code) and (finish.divided == 0 or end < finish.divided)


@kernel(forceinline=True)
def repeat_last(sums, squares):
    """If a row's pixels are odd in number, give the last one a neighbour of the same value.

    Args:
        sums: updated float32*: a filter's
        squares: Squares
    """
    count = squares.width
    if count % 2:
        sums[count] = sums[count - 1]
        sums[squares.below + count] = sums[squares.below + count - 1]


@kernel(forceinline=True)
def _pool_sums(tile, out, sums, order, squares, singles, doubles, finish, normalize, code):
    """One filter of `pool_pixels`, up to a vector of which all sums have to be finished; returns the squares done.

    Args:
        tile: Tile
        out: written float32*
        sums: float32*
        order: float32
        squares: Squares
        singles, doubles: float32*: the filter's; doubles: float64
        finish: any: `Finish`, or another with its fields
        normalize, code: int: its fields
    """
    numbers, lower = numbers_of_filter(tile, singles, doubles, finish.pitch), shifted(sums, squares.below)
    for j in range(0, squares.number, tile.lanes):
        x = _of_sums(tile, sums, lower, 2 * j, order)
        x = before_activation(tile, x, numbers, normalize, tile.lanes if finish.divided else 0)
        if order == 0 or (not tile.contract and any_near_zero(x, splat(tile, NEAR_ZERO))):
            return j
        store_up_to(tile, out, j, larger(activated(tile, x, code), splat(tile, LOWEST)), squares.number)
    return squares.number


@kernel
def _pool_values(tile, out, sums, j, squares, singles, doubles, finish):
    """One filter of `pool_pixels`, from square ``j`` on: all its sums are finished.

    Args:
        tile: Tile
        out: written float32*
        sums: updated float32*
        j: int
        squares: Squares
        singles, doubles: float32*: the filter's; doubles: float64
        finish: any: `Finish`, or another with its fields
    """
    count = (squares.width + 1) // 2 * 2 - 2 * j
    for row in range(2 if squares.below != 0 else 1):
        line, first = shifted(sums, 2 * j + row * squares.below), squares.first + 2 * j + row * squares.next
        finish_pixels(tile, line, 0, first, line, 1, count, singles, doubles, finish)
    for i in range(j, squares.number, tile.lanes):
        largest = _first_largest(tile, sums, shifted(sums, squares.below), 2 * i)
        store_up_to(tile, out, i, largest, squares.number)


@kernel(forceinline=True)
def store_up_to(tile, out, j, values, count):
    """``out[j:count] = values``, at most all of them. (Masks are slow where they are no registers of their own.)

    Args:
        tile: Tile
        out: written float32*
        j: int
        values: vector
        count: int
    """
    if j + tile.lanes <= count:
        store(out, j, values)
    else:
        store_first(out, j, values, count - j)
