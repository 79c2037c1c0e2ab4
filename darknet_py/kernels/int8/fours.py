"""A 1x1 convolution of words with pixels in the lanes: four filters at a time, whose outputs are one word.

Where there are few products for each output (of 4 to 48 channels), what follows them takes most of the time; so sums
never leave the registers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ..runtime.jit import kernel
from ..runtime.later import intrinsic, types
from ..vector.dots import add_dots, operand_of
from ..vector.llvm import INT, INT32, broadcast, first_lanes, load_some, load_vector
from ..vector.simd import VectorType, shifted, splat, store, store_first
from ..vector.words import words_of_channels
from .sloped import slopes_of, whole_of

VECTORS = 2
"""Vectors of pixels at a time: with four filters, enough sums that none waits for its last product."""


@intrinsic
def _whole_sums(typingctx: Any, tile: Any, starts: Any, weights: Any, pixels: Any, plane: Any, depth: Any) -> Any:
    """``starts[f] +`` products of filter f's words and of `VECTORS` vectors of pixels: of the first vector four, ...

    starts: int32 (4,); weights: words (depth, tile.parts, 4), as they meet `dots.operand` of a word; pixels: words,
    those of a pixel ``plane`` apart; depth: at least 1.
    """
    int64 = types.int64
    return _sums_of(tile, VECTORS)(tile, starts, weights, pixels, int64, int64), _codegen(tile.value, VECTORS)


@intrinsic
def _first_sums(
    typingctx: Any, tile: Any, starts: Any, weights: Any, pixels: Any, plane: Any, depth: Any, count: Any
) -> Any:
    """The same of the first ``count`` lanes of one vector; memory behind them is not read."""
    int64 = types.int64
    return _sums_of(tile, 1)(tile, starts, weights, pixels, int64, int64, int64), _codegen(tile.value, 1)


def _sums_of(tile: Any, vectors: int) -> Any:
    """The type of four filters' sums."""
    return types.UniTuple(VectorType(types.int32, tile.value.lanes), 4 * vectors)


def _codegen(tile: Any, vectors: int) -> Any:
    """The loop over the words of a pixel; what comes behind it is in the same function."""
    lanes, whole = tile.lanes, ir.VectorType(INT32, tile.lanes)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, starts, weights, pixels, plane, depth, *count = args
        mask = first_lanes(builder, count[0], lanes) if count else None
        first = [broadcast(builder, builder.load(builder.gep(starts, [INT(f)])), lanes) for f in range(4)]
        entry, loop = builder.block, builder.append_basic_block("words")
        builder.branch(loop)
        builder.position_at_end(loop)
        k, place, before = builder.phi(INT), builder.phi(pixels.type), [builder.phi(whole) for _ in range(4 * vectors)]
        places = [builder.gep(place, [INT(v * lanes)]) for v in range(vectors)]
        read = [load_vector(builder, at, lanes) if mask is None else load_some(builder, at, mask) for at in places]
        after: list[Any] = before
        for part in range(tile.parts):
            line = builder.gep(weights, [builder.mul(builder.add(builder.mul(k, INT(tile.parts)), INT(part)), INT(4))])
            words = [broadcast(builder, builder.load(builder.gep(line, [INT(f)])), lanes) for f in range(4)]
            factors = [builder.bitcast(word, whole) for word in words]
            seen = [builder.bitcast(operand_of(builder, tile, vector, part), whole) for vector in read]
            pairs = [(pixels, factor) for pixels in seen for factor in factors]
            after = [add_dots(builder, tile, sum_, *pair) for sum_, pair in zip(after, pairs, strict=True)]
        following = builder.add(k, INT(1))
        for phi, start, again in zip(
            [k, place, *before],
            [INT(0), pixels, *first * vectors],
            [following, builder.gep(place, [plane]), *after],
            strict=True,
        ):
            phi.add_incoming(start, entry)
            phi.add_incoming(again, loop)
        done = builder.append_basic_block("finished")
        builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)
        builder.position_at_end(done)
        return context.make_tuple(builder, signature.return_type, after)

    return codegen


@kernel(forceinline=True)
def _words(tile, a, b, c, d, singles, pitch, slopes):
    """Words of the sums of four filters; returns a vector.

    Args:
        tile: Tile
        a, b, c, d: vector: of int32
        singles: float32*: factors, and ``pitch`` on biases
        pitch: int
        slopes: vectors: see `sloped.slopes_of`
    """
    return words_of_channels(
        whole_of(a, splat(tile, singles[0]), splat(tile, singles[pitch]), slopes),
        whole_of(b, splat(tile, singles[1]), splat(tile, singles[pitch + 1]), slopes),
        whole_of(c, splat(tile, singles[2]), splat(tile, singles[pitch + 2]), slopes),
        whole_of(d, splat(tile, singles[3]), splat(tile, singles[pitch + 3]), slopes),
    )


@kernel
def make_words(tile, out, pixels, plane, count, depth, weights, corrections, singles, finish):
    """Words of four filters' outputs.

    Args:
        tile: Tile
        out: written float32*: words: (count,)
        pixels: float32*: words: (depth, count), ``plane`` apart; what lies behind them is not read
        plane, count: int
        depth: int: at least 1
        weights: float32*: words: (depth, tile.parts, 4): a filter's weights of a word of the input
        corrections: int32*: (4,)
        singles: float32*: (4,), of `finish.FACTOR`, and ``finish.pitch`` on of `finish.BIAS`
        finish: WordFinish: of words, with an activation that `finish.keeps_scale`
    """
    slopes, pitch, block = slopes_of(tile, finish), finish.pitch, VECTORS * tile.lanes
    whole = count // block * block
    for j in range(0, whole, block):
        s = _whole_sums(tile, corrections, weights, shifted(pixels, j), plane, depth)
        store(out, j, _words(tile, s[0], s[1], s[2], s[3], singles, pitch, slopes))
        store(out, j + tile.lanes, _words(tile, s[4], s[5], s[6], s[7], singles, pitch, slopes))
    for j in range(whole, count, tile.lanes):
        present = min(tile.lanes, count - j)
        s = _first_sums(tile, corrections, weights, shifted(pixels, j), plane, depth, present)
        store_first(out, j, _words(tile, s[0], s[1], s[2], s[3], singles, pitch, slopes), present)
