"""The micro-kernels of words: a block of sums in registers, some products for each word of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ..conv.fetch import FURTHER
from ..conv.multiply import ARGUMENTS_AHEAD, add_products, scalar, switched
from ..runtime.jit import kernel
from ..runtime.later import intrinsic, types
from ..vector.dots import add_dots
from ..vector.llvm import INT, INT32, fetch_line, load_vector
from ..vector.pairs import dot_pairs
from ..vector.simd import shifted
from ..vector.tile import BYTES, PAIRS, UNSIGNED, Tile

Values = list[Any]
Operands = Callable[[Any, Any, Any], tuple[Values, Values]]
"""Vectors and scalars of a k, made with a builder from k and its offset."""


PRODUCTS = {BYTES: (INT32, add_dots), PAIRS: (ir.FloatType(), dot_pairs)}
"""By what words are: sums' type, and what adds a word's products to them: builder, tile, sums, pixels, weights."""


@intrinsic
def multiply_words(
    typingctx: Any, tile: Any, by_pixels: Any, count: Any, sums: Any, fresh: Any, weights: Any, pixels: Any,
    offsets: Any, depth: Any, ahead: Any, step: Any,
) -> Any:  # fmt: skip
    """Sums of products of the words of weights and pixels, as `conv.multiply.multiply_pixels` and ``multiply_filters``.

    ``by_pixels``: whether pixels are in the lanes (count: vectors of them) or filters (count: pixels). All memory is of
    words; the sums are int32 or float32.
    """
    shape = tile.value

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        rest = args[2:]
        pixels_first = _function(builder.module, shape, True)
        filters_first = _function(builder.module, shape, False)
        with builder.if_else(args[1]) as (then, otherwise):
            with then:
                builder.call(pixels_first, rest)
            with otherwise:
                builder.call(filters_first, rest)
        return context.get_dummy_value()

    int64, boolean = types.int64, types.boolean
    signature = types.void(
        tile, boolean, int64, sums, boolean, weights, pixels, offsets, int64, weights, int64
    )  # fmt: skip
    return signature, codegen


@kernel(forceinline=True)
def multiply_word_filters(tile, count, sums, fresh, weights, pixels, offsets, depth, ahead, step):
    """As `conv.multiply.multiply_filters`.

    Args:
        tile, count, sums, fresh, weights, pixels, offsets, depth, ahead, step: any
    """
    multiply_words(tile, False, count, sums, fresh, weights, pixels, offsets, depth, ahead, step)


@kernel(forceinline=True)
def multiply_word_tiles(tile, count, number, sums, fresh, weights, pixels, offsets, depth, ahead, step, further):
    """As `conv.winograd_multiply.multiply_tiles`.

    Args:
        tile, count: any: as for `multiply_word_filters`
        number: int: pieces
        sums, fresh, weights, pixels, offsets, depth, ahead, step: any: as for `multiply_word_filters`
        further: int: is not looked at
    """
    for piece in range(number):
        multiply_words(
            tile, False, count, shifted(sums, piece * count * tile.filters), fresh, weights,
            shifted(pixels, piece * count), offsets, depth, shifted(ahead, piece * step * depth), step,
        )  # fmt: skip


@kernel(forceinline=True)
def multiply_word_pixels(tile, way, vectors, sums, fresh, weights, pixels, offsets, depth):
    """As `conv.convolution._multiply_rows`, whose other way words have not.

    Args:
        tile, way, vectors, sums, fresh, weights, pixels, offsets, depth: any
    """
    multiply_words(tile, True, vectors, sums, fresh, weights, pixels, offsets, depth, weights, 0)


def _function(module: Any, tile: Tile, by_pixels: bool) -> Any:
    """The function that runs the loop for its first argument."""

    def emit(builder: Any, function: Any, n: int) -> None:
        if by_pixels:
            _loop(builder, function, tile, True, n, tile.rows, _with_pixels(function, tile, n))
        else:
            _loop(builder, function, tile, False, tile.filters // tile.lanes, n, _with_filters(function, tile, n))

    name = (
        f"multiply_words_{by_pixels}_{tile.lanes}x{tile.rows}x{tile.vectors}x{tile.columns}_{tile.words}_{tile.bytes}"
    )
    return switched(module, name, ARGUMENTS_AHEAD, tile.vectors if by_pixels else tile.columns, emit)


def _with_pixels(function: Any, tile: Tile, vectors: int) -> Operands:
    """Vectors of pixels; scalars are weights."""
    _, _, _, weights, pixels, *_ = function.args

    def operands(builder: Any, k: Any, offset: Any) -> tuple[Values, Values]:
        start, place = builder.gep(pixels, [offset]), builder.mul(k, INT(tile.rows))
        lines = [_words(builder, builder.gep(start, [INT(v * tile.lanes)]), tile) for v in range(vectors)]
        return lines, [_word(builder, builder.gep(weights, [place]), r, tile.rows, tile) for r in range(tile.rows)]

    return operands


def _with_filters(function: Any, tile: Tile, columns: int) -> Operands:
    """Vectors of weights; scalars are pixels. Meanwhile the cache is asked for what comes next."""
    _, _, _, weights, pixels, _, _, ahead, step = function.args

    def operands(builder: Any, k: Any, offset: Any) -> tuple[Values, Values]:
        if tile.fetches_within:
            fetch_line(builder, builder.gep(ahead, [builder.mul(k, step)]))
            fetch_line(builder, builder.gep(pixels, [builder.add(offset, INT(FURTHER))]))
        place = builder.mul(k, INT(tile.filters))
        starts = [builder.add(place, INT(v)) for v in range(0, tile.filters, tile.lanes)]
        lines = [_words(builder, builder.gep(weights, [start]), tile) for start in starts]
        return lines, [_word(builder, builder.gep(pixels, [offset]), j, columns, tile) for j in range(columns)]

    return operands


def _words(builder: Any, address: Any, tile: Tile) -> Any:
    return builder.bitcast(load_vector(builder, address, tile.lanes), ir.VectorType(INT32, tile.lanes))


def _word(builder: Any, start: Any, number: int, count: int, tile: Tile) -> Any:
    return builder.bitcast(scalar(builder, start, number, count, tile), ir.VectorType(INT32, tile.lanes))


def _loop(
    builder: Any, function: Any, tile: Tile, by_pixels: bool, vectors: int, scalars: int, operands: Operands
) -> None:
    """``sums`` (scalars, vectors) += products of what ``operands`` gives for each k; returns from the function."""
    _, sums, fresh, _, _, offsets, depth, *_ = function.args
    line_first = by_pixels or tile.bytes != UNSIGNED  # of two signed factors, ARM takes the second from a lane
    number, add = PRODUCTS[tile.words]

    def products(k: Any, offset: Any, before: Values) -> Values:
        lines, ones = operands(builder, k, offset)
        pairs = [(one, line) for one in ones for line in lines]
        return [
            add(builder, tile, sum_, *((line, one) if line_first else (one, line)))
            for sum_, (one, line) in zip(before, pairs, strict=True)
        ]

    whole = ir.VectorType(number, tile.lanes)
    add_products(builder, (sums, fresh, depth, offsets), scalars * vectors, whole, products)
