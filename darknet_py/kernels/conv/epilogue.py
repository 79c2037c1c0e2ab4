"""What follows a convolution's sums, while they are in the nearest cache: batch normalisation or biases, activation,
and the way out to memory (``normalize_cpu``, ``scale_bias``, ``add_bias``, ``activate_array``)."""

from __future__ import annotations

from typing import NamedTuple

from ..layers.activations import LEAKY, LINEAR, activate_values, is_code
from ..layers.single_vector import has_single_vectors
from ..runtime.jit import kernel
from ..vector.simd import (
    add,
    any_unequal,
    div,
    first_of,
    fma,
    load,
    mul,
    narrow,
    shifted,
    splat,
    store,
    store_first,
    sub,
    where_negative,
    widen,
)  # fmt: skip
from ..vector.transpose import store_transposed
from .activation import activated, has_slope, has_vector_form, slope_of

SINGLES, DOUBLES = 7, 2
"""Rows of the coefficients, of float32 and of float64, see `Finish`."""

ORDER = 6
"""The row that tells what becomes of a larger sum, see `plan.coefficients.order`."""


class Finish(NamedTuple):
    """How the sums of a layer are finished.

    Attributes:
        normalize: 1 for batch normalisation, 0 for biases only.
        code: the activation.
        divided: 0: batch normalisation divides (profile ``ieee``). n + 1: it divides the pixels of a plane from n on
            and multiplies those before by the double reciprocal, as in the program that Darknet's Makefile builds,
            where n is ``spatial & ~3``.
        pitch: distance of two rows of the coefficients. There are 7 rows of float32: mean, scale, bias, 1/divisor in
            parts (see `_quotient`), and what becomes of a larger sum (see `plan.coefficients.order`), and 2 of float64:
            divisor and its reciprocal.
    """

    normalize: int
    code: int
    divided: int
    pitch: int


def is_finish(finish, plane):
    """Whether the fields of a `Finish` are what they can be, for channels of ``plane`` values."""
    return finish.normalize in (0, 1) and is_code(finish.code) and 0 <= finish.divided <= plane + 1


def is_plain(singles, finish):
    """Whether coefficients change no sum but by biases, if a `Finish` says so: some kernels know one way alone."""
    mean, scale, _, near, below, above = singles.reshape(SINGLES, finish.pitch)[:ORDER]
    numbers = (mean, 0), (scale, 1), (near, 1), (below, 0), (above, 0)
    return finish.normalize == 1 or all((row == number).all() for row, number in numbers)


@kernel(forceinline=True)
def _quotient(tile, x, divisor, near, below, above):
    """float32(x / divisor), as if divided in double; returns a vector.

    ``near + below`` and ``near + above`` lie on both sides of 1/divisor, far enough apart that the two products enclose
    the quotient, rounded to double, too. Rounding to float32 keeps order: where both products round to the same number
    the quotient between them does as well. Where they do not (one vector in 2**17), divide. Which filters this holds
    for, and why: `plan.coefficients.enclose`.

    Args:
        tile: Tile
        x: vector: of float32
        divisor: vector: of float64
        near, below, above: vector: of float32
    """
    if tile.fused:
        low = fma(x, near, mul(x, below))
        if not any_unequal(low, fma(x, near, mul(x, above))):
            return low
    return narrow(div(widen(x), divisor))


@kernel(forceinline=True)
def _slopes_of_pixels(tile, out, plane, sums, rows, count, biases, slope):
    """As `_pixel_rows` with biases alone, where bits do not count: one loop for all activations with a slope.

    Args:
        tile, out, plane, sums, rows, count: any: as for `finish_pixels`
        biases: float32*: from the block's first filter on
        slope: float32: see `slope_of`
    """
    whole = count // tile.lanes * tile.lanes
    width = (count + tile.lanes - 1) // tile.lanes * tile.lanes
    slopes = splat(tile, slope)
    for r in range(rows):
        bias = splat(tile, biases[r])
        for j in range(0, count, tile.lanes):
            x = add(load(tile, sums, j), bias)
            x = where_negative(x, mul(x, slopes), x)
            if j < whole:
                store(out, j, x)
            else:
                store_first(out, j, x, count - j)
        sums, out = shifted(sums, width), shifted(out, plane)


@kernel(forceinline=True)
def _slopes_of_filters(tile, sums, count, biases, slope):
    """As `filter_columns` with biases alone, likewise.

    Args:
        tile: Tile
        sums: updated float32*: (count, filters), at the first of the vector's filters
        count: int: pixels
        biases: float32*: at the first of the vector's filters
        slope: float32: see `slope_of`
    """
    bias, slopes = load(tile, biases, 0), splat(tile, slope)
    for _ in range(count):
        x = add(load(tile, sums, 0), bias)
        store(sums, 0, where_negative(x, mul(x, slopes), x))
        sums = shifted(sums, tile.filters)


@kernel(forceinline=True)
def numbers_of_filter(tile, singles, doubles, pitch):
    """What one filter's sums meet, in all lanes; returns six vectors of float32 and two of float64, see `Finish`.

    Args:
        tile: Tile
        singles, doubles: float32*: of the filter; doubles: float64
        pitch: int: of `Finish`
    """
    return (
        splat(tile, singles[0]), splat(tile, singles[pitch]), splat(tile, singles[2 * pitch]),
        splat(tile, singles[3 * pitch]), splat(tile, singles[4 * pitch]), splat(tile, singles[5 * pitch]),
        splat(tile, doubles[0]), splat(tile, doubles[pitch]),
    )  # fmt: skip


@kernel(forceinline=True)
def numbers_of_filters(tile, singles, doubles, pitch):
    """As `numbers_of_filter`, of as many filters as there are lanes.

    Args:
        tile, singles, doubles, pitch: any: as for `numbers_of_filter`, from the first of the filters on
    """
    return (
        load(tile, singles, 0), load(tile, singles, pitch), load(tile, singles, 2 * pitch),
        load(tile, singles, 3 * pitch), load(tile, singles, 4 * pitch), load(tile, singles, 5 * pitch),
        load(tile, doubles, 0), load(tile, doubles, pitch),
    )  # fmt: skip


@kernel(forceinline=True)
def before_activation(tile, x, numbers, normalize, multiplied):
    """Sums after batch normalisation or biases; returns a vector.

    Args:
        tile: Tile
        x: vector: of sums
        numbers: vectors: see `numbers_of_filter`
        normalize: int: of `Finish`
        multiplied: int: how many lanes, from the first on, are multiplied by the reciprocal; the others are divided
    """
    mean, scale, bias, near, below, above, divisor, reciprocal = numbers
    if normalize:
        x = sub(x, mean)
        if multiplied >= tile.lanes:
            x = narrow(mul(widen(x), reciprocal))
        elif multiplied > 0:
            x = first_of(multiplied, narrow(mul(widen(x), reciprocal)), _quotient(tile, x, divisor, near, below, above))
        else:
            x = _quotient(tile, x, divisor, near, below, above)
        x = mul(x, scale)
    return add(x, bias)


@kernel(forceinline=True)
def _pixel_rows(tile, out, plane, first, sums, rows, count, singles, doubles, pitch, normalize, code, divided):
    """The vectors of `finish_pixels`.

    Args:
        tile, out, plane, first, sums, rows, count, singles, doubles: any: as for `finish_pixels`
        pitch, normalize, code, divided: int: of `Finish`
    """
    whole = count // tile.lanes * tile.lanes
    width = (count + tile.lanes - 1) // tile.lanes * tile.lanes
    for r in range(rows):
        numbers = numbers_of_filter(tile, shifted(singles, r), shifted(doubles, r), pitch)
        for j in range(0, count, tile.lanes):
            multiplied = divided - 1 - first - j if divided else 0
            x = activated(tile, before_activation(tile, load(tile, sums, j), numbers, normalize, multiplied), code)
            if j < whole:
                store(out, j, x)
            else:
                store_first(out, j, x, count - j)
        sums, out = shifted(sums, width), shifted(out, plane)


@kernel(once=True)
def finish_pixels(tile, out, plane, first, sums, rows, count, singles, doubles, finish):
    """Finish a block whose lanes hold pixels.

    Args:
        tile: Tile
        out: written float32*: (rows, plane) at the block's first filter and pixel; may be sums
        plane: int: values of a channel of the output
        first: int: number of the first pixel in the plane
        sums: updated float32*: (rows, count rounded up to whole vectors), may be overwritten
        rows: int: filters
        count: int: pixels
        singles, doubles: float32*: see `Finish`, from the block's first filter on; doubles: float64
        finish: Finish
    """
    pitch, code = finish.pitch, finish.code
    width = (count + tile.lanes - 1) // tile.lanes * tile.lanes
    if tile.contract and not finish.normalize and has_slope(code):
        _slopes_of_pixels(tile, out, plane, sums, rows, count, shifted(singles, 2 * pitch), slope_of(code))
    elif code == LEAKY and not finish.divided:  # the usual cases, in loops without branches
        if finish.normalize:
            _pixel_rows(tile, out, plane, first, sums, rows, count, singles, doubles, pitch, 1, LEAKY, 0)
        else:
            _pixel_rows(tile, out, plane, first, sums, rows, count, singles, doubles, pitch, 0, LEAKY, 0)
    elif has_vector_form(code):
        _pixel_rows(
            tile, out, plane, first, sums, rows, count, singles, doubles, pitch, finish.normalize, code, finish.divided
        )
    else:
        _pixel_rows(
            tile, sums, width, first, sums, rows, count, singles, doubles, pitch, finish.normalize, LINEAR,
            finish.divided,
        )  # fmt: skip
        activate_values(tile, sums, sums, rows * width, code)
        _copy_rows(tile, out, plane, sums, rows, count)


@kernel(forceinline=True)
def _copy_rows(tile, out, plane, source, rows, count):
    """A block's rows to where they belong.

    Args:
        tile: Tile
        out: written float32*: (rows, plane)
        plane: int: as for `finish_pixels`
        source: float32*: (rows, count rounded up to whole vectors)
        rows, count: int: as for `finish_pixels`
    """
    whole = count // tile.lanes * tile.lanes
    width = (count + tile.lanes - 1) // tile.lanes * tile.lanes
    for _ in range(rows):
        for j in range(0, whole, tile.lanes):
            store(out, j, load(tile, source, j))
        if whole < count:
            store_first(out, whole, load(tile, source, whole), count - whole)
        source, out = shifted(source, width), shifted(out, plane)


@kernel
def _activate_rest(tile, out, plane, rows, count, code):
    """The activations that have no vector form here, in place: a second pass, while the values are in the cache.

    Args:
        tile: Tile
        out: updated float32*: (rows, plane)
        plane, rows, count: int: as for `finish_pixels`
        code: int: number of the activation
    """
    if not has_vector_form(code):
        for r in range(rows):
            activate_values(tile, shifted(out, r * plane), shifted(out, r * plane), count, code)


@kernel(forceinline=True)
def filter_columns(tile, sums, first, count, singles, doubles, pitch, normalize, code, divided):
    """A vector of filters of `finish_filters`, in place.

    Args:
        tile: Tile
        sums: updated float32*: (count, filters), at the first of the vector's filters
        first, count: int: as for `finish_filters`
        singles, doubles: float32*: at the first of the vector's filters; doubles: float64
        pitch, normalize, code, divided: int: of `Finish`
    """
    numbers = numbers_of_filters(tile, singles, doubles, pitch)
    for j in range(count):
        multiplied = tile.lanes if first + j + 1 < divided else 0
        x = before_activation(tile, load(tile, sums, 0), numbers, normalize, multiplied)
        store(sums, 0, activated(tile, x, code))
        sums = shifted(sums, tile.filters)


@kernel
def finish_filters(tile, out, plane, first, sums, rows, count, singles, doubles, finish):
    """Finish a block whose lanes hold filters.

    Args:
        tile, out, plane, first: any: as for `finish_pixels`
        sums: updated float32*: (count, filters), are overwritten; what lies behind them is read
        rows, count, singles, doubles, finish: any: as for `finish_pixels`
    """
    activate_columns(tile, first, sums, rows, count, singles, doubles, finish)
    store_columns(tile, out, plane, sums, rows, count)


@kernel(once=True)
def activate_columns(tile, first, sums, rows, count, singles, doubles, finish):
    """`finish_filters`, in place.

    Args:
        tile, first, sums, rows, count, singles, doubles, finish: any: as for `finish_filters`
    """
    pitch, code, divided = finish.pitch, finish.code, finish.divided
    inline = has_vector_form(code)
    for v in range(0, rows, tile.lanes):
        s, mine, wide = shifted(sums, v), shifted(singles, v), shifted(doubles, v)
        if tile.contract and not finish.normalize and has_slope(code):
            _slopes_of_filters(tile, s, count, shifted(mine, 2 * pitch), slope_of(code))
        elif divided:
            kept = code if inline else LINEAR
            filter_columns(tile, s, first, count, mine, wide, pitch, finish.normalize, kept, divided)
        elif code == LEAKY and finish.normalize:  # the usual cases, in loops without branches
            filter_columns(tile, s, first, count, mine, wide, pitch, 1, LEAKY, 0)
        elif code == LEAKY:
            filter_columns(tile, s, first, count, mine, wide, pitch, 0, LEAKY, 0)
        elif inline:
            filter_columns(tile, s, first, count, mine, wide, pitch, finish.normalize, code, 0)
        elif finish.normalize:
            filter_columns(tile, s, first, count, mine, wide, pitch, 1, LINEAR, 0)
        else:
            filter_columns(tile, s, first, count, mine, wide, pitch, 0, LINEAR, 0)
    if not inline:
        if has_single_vectors(code):  # absent filters as well: all values lie side by side
            activate_values(tile, sums, sums, count * tile.filters, code)
        else:
            _activate_rest(tile, sums, tile.filters, count, rows, code)


@kernel(forceinline=True)
def store_columns(tile, out, plane, columns, rows, count):
    """A block that lies pixel by pixel to where it belongs.

    Args:
        tile: Tile
        out: written float32*: (rows, plane)
        plane: int: as for `finish_pixels`
        columns: float32*: (count, filters); what lies behind them is read
        rows, count: int: filters (or words of some), pixels
    """
    for v in range(0, rows, tile.lanes):
        for j in range(0, count, tile.lanes):
            store_transposed(
                tile, shifted(out, v * plane + j), plane, shifted(columns, j * tile.filters + v), tile.filters,
                min(rows - v, tile.lanes), min(count - j, tile.lanes),
            )  # fmt: skip
