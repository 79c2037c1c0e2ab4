"""Vectors of words: 4 bytes in which several small numbers lie side by side, one for each of as many channels.

Memory of words is float32 memory, which nobody calculates with. A word of `BYTES` has four numbers 0 .. 255, the first
channel's in the lowest byte; weights that meet them are -127 .. 127. Sums of products are int32, and exact. A word of
`PAIRS` has two bfloat16 numbers, see `vector.pairs`.
"""

from __future__ import annotations

import struct
from typing import Any

from llvmlite import ir

from ..runtime.later import intrinsic, types
from ..runtime.processor import ARCHITECTURE, has_feature
from .llvm import INT32, broadcast, called, first_lanes, load_mostly, load_vector, shuffled, store_vector, zeros
from .pairs import larger_pairs
from .simd import VectorType
from .tile import BYTES, FLOATS, PAIRS

_BYTE = ir.IntType(8)
_LOWEST = -float.fromhex("0x1.fffffep127")
_MAGIC = 12582912.0
"""1.5 * 2**23: a small float32 that is added to it becomes a whole number, half to even, in the sum's lowest bits."""


# --- as values in kernels ---


@intrinsic
def load_ints(typingctx: Any, tile: Any, start: Any, i: Any) -> Any:
    """Vector of int32 from ``start[i : i + lanes]``, memory of words or of int32."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = load_vector(builder, builder.gep(args[1], [args[2]]), lanes)
        return builder.bitcast(loaded, ir.VectorType(INT32, lanes))

    return VectorType(types.int32, lanes)(tile, start, types.int64), codegen


@intrinsic
def as_ints(typingctx: Any, words: Any) -> Any:
    """Words as int32 lanes."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.VectorType(INT32, words.lanes))

    return VectorType(types.int32, words.lanes)(words), codegen


@intrinsic
def int_splat(typingctx: Any, tile: Any, value: Any) -> Any:
    """A vector of the low 32 bits of an int."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return broadcast(builder, builder.trunc(args[1], INT32), lanes)

    return VectorType(types.int32, lanes)(tile, types.int64), codegen


@intrinsic
def word_splat(typingctx: Any, tile: Any, word: Any) -> Any:
    """A vector of one word (the low 32 bits of an int); of +0 if the tile's lanes are numbers, whatever the word is."""
    lanes = tile.value.lanes
    vector = ir.VectorType(ir.FloatType(), lanes)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if tile.value.words == FLOATS:
            return zeros(vector)
        return builder.bitcast(broadcast(builder, builder.trunc(args[1], INT32), lanes), vector)

    return VectorType(types.float32, lanes)(tile, types.int64), codegen


@intrinsic
def load_between_or(typingctx: Any, tile: Any, start: Any, i: Any, low: Any, high: Any, other: Any) -> Any:
    """As `simd.load_between`, with the lanes of ``other`` outside of low .. high - 1."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, start, i, low, high, other = args
        mask = builder.xor(first_lanes(builder, high, lanes), first_lanes(builder, low, lanes))
        return load_mostly(builder, builder.gep(start, [i]), mask, other)

    int64 = types.int64
    return VectorType(types.float32, lanes)(tile, start, int64, int64, int64, other), codegen


@intrinsic
def add_ints(typingctx: Any, a: Any, b: Any) -> Any:
    """``a + b``, lane by lane, modulo 2**32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.add(*args)

    return (a(a, b), codegen) if a == b and a.dtype == types.int32 else None


@intrinsic
def larger_ints(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger one of int32 that lie in float32 lanes, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, y = (builder.bitcast(arg, ir.VectorType(INT32, a.lanes)) for arg in args)
        return builder.bitcast(builder.select(builder.icmp_signed(">", x, y), x, y), args[0].type)

    return a(a, b), codegen


@intrinsic
def to_floats(typingctx: Any, a: Any) -> Any:
    """int32 lanes rounded to float32, half to even."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.sitofp(args[0], ir.VectorType(ir.FloatType(), a.lanes))

    return VectorType(types.float32, a.lanes)(a), codegen


@intrinsic
def to_steps(typingctx: Any, tile: Any, x: Any, zero: Any) -> Any:
    """``x + zero`` as whole numbers, half to even, in the lowest bytes of int32 lanes (the others are not 0).

    x: float32 lanes, -zero .. 255 - zero; zero: float32 lanes, the sum of that number and 1.5 * 2**23 (`magic`).
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.fadd(args[1], args[2]), ir.VectorType(INT32, x.lanes))

    return VectorType(types.int32, x.lanes)(tile, x, zero), codegen


@intrinsic
def magic(typingctx: Any, tile: Any, zero: Any) -> Any:
    """What `to_steps` adds for an int zero."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.fadd(builder.sitofp(args[1], ir.FloatType()), ir.FloatType()(_MAGIC))
        return broadcast(builder, value, lanes)

    return VectorType(types.float32, lanes)(tile, types.int64), codegen


_MAGIC_BITS = 0x4B400000
_MAGIC_BYTES = _MAGIC_BITS * 0x01010101 % 2**32


@intrinsic
def interleave(typingctx: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Words of the lowest bytes of four vectors from `to_steps`, ``a``'s in the lowest byte."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.VectorType(INT32, a.lanes)
        words = builder.sub(args[0], ir.Constant(whole, [_MAGIC_BYTES] * a.lanes))
        for i in (1, 2, 3):
            words = builder.add(words, builder.shl(args[i], ir.Constant(whole, [8 * i] * a.lanes)))
        return builder.bitcast(words, ir.VectorType(ir.FloatType(), a.lanes))

    return VectorType(types.float32, a.lanes)(a, b, c, d), codegen


@intrinsic
def store_low_bytes(typingctx: Any, start: Any, i: Any, vector: Any) -> Any:
    """Lanes' lowest bytes one behind the other, from word ``start[i]`` on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low = builder.trunc(args[2], ir.VectorType(_BYTE, vector.lanes))
        words = builder.bitcast(low, ir.VectorType(ir.FloatType(), vector.lanes // 4))
        store_vector(builder, words, builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(start, types.int64, vector), codegen


@intrinsic
def byte_lanes(typingctx: Any, tile: Any, words: Any, number: Any) -> Any:
    """Byte ``number`` (an int, 0 .. 3) of each word as an int32 lane, 0 .. 255."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.VectorType(INT32, lanes)
        shift = broadcast(builder, builder.trunc(builder.mul(args[2], args[2].type(8)), INT32), lanes)
        return builder.and_(builder.lshr(args[1], shift), ir.Constant(whole, [255] * lanes))

    return words(tile, words, types.int64), codegen


def _larger_floats(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _larger_bytes(builder: Any, a: Any, b: Any) -> Any:
    many = ir.VectorType(_BYTE, 4 * (a.type.count if isinstance(a.type, ir.VectorType) else 1))
    x, y = (builder.bitcast(arg, many) for arg in (a, b))
    return builder.bitcast(builder.select(builder.icmp_unsigned(">", x, y), x, y), a.type)


_LARGER = {FLOATS: _larger_floats, BYTES: _larger_bytes, PAIRS: larger_pairs}


@intrinsic
def larger_in(typingctx: Any, tile: Any, a: Any, b: Any) -> Any:
    """``a > b ? a : b`` of vectors or single values; number by number where the tile's lanes are words."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _LARGER[tile.value.words](builder, *args[1:])

    return a(tile, a, b), codegen


_LEAST = {FLOATS: _LOWEST, BYTES: 0.0, PAIRS: struct.unpack("<f", b"\x7f\xff\x7f\xff")[0]}
"""Darknet's -FLT_MAX; bytes of 0; the lowest finite bfloat16 twice."""


@intrinsic
def lowest(typingctx: Any, tile: Any) -> Any:
    """A vector of what maxima start from."""
    lanes = tile.value.lanes
    vector = ir.VectorType(ir.FloatType(), lanes)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(vector, [_LEAST[tile.value.words]] * lanes)

    return VectorType(types.float32, lanes)(tile), codegen


@intrinsic
def to_whole(typingctx: Any, x: Any, zero: Any, least: Any) -> Any:
    """``max(round_half_even(x) + zero, least)`` as int32 lanes; what is more than 255, up to infinity, stays such.

    x: float32 lanes, no NaN; zero: as for `to_steps`; least: an int, 0 .. 255.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # Behind the addition bits grow with numbers from 0 on, and those below 0 are negative integers.
        whole = ir.VectorType(INT32, x.lanes)
        bits = builder.bitcast(builder.fadd(*args[:2]), whole)
        magic = ir.Constant(whole, [_MAGIC_BITS] * x.lanes)
        limit = builder.add(broadcast(builder, builder.trunc(args[2], INT32), x.lanes), magic)
        return builder.sub(builder.select(builder.icmp_signed(">", bits, limit), bits, limit), magic)

    return VectorType(types.int32, x.lanes)(x, zero, types.int64), codegen


_PACKS = {4: ("sse2", ".128", "sse2"), 8: ("avx2", "", "avx2"), 16: ("avx512", ".512", "avx512bw")}
"""By lanes: how LLVM calls instructions that make narrower integers, and the feature that has them."""


def _packed_bytes(builder: Any, vectors: list[Any]) -> Any:
    """Bytes of four vectors of int32 that are not negative, of four lanes each in turn; more than 255 counts as 255."""
    lanes = vectors[0].type.count
    family, ending, feature = _PACKS[lanes]
    if ARCHITECTURE == "x86-64" and has_feature(feature):
        wide, name = ir.VectorType(ir.IntType(16), 2 * lanes), f"llvm.x86.{family}.packssdw{ending}"
        pairs = [called(builder, name, wide, vectors[i : i + 2]) for i in (0, 2)]
        return called(builder, f"llvm.x86.{family}.packuswb{ending}", ir.VectorType(_BYTE, 4 * lanes), pairs)
    most = ir.Constant(vectors[0].type, [255] * lanes)
    small = [builder.select(builder.icmp_signed("<", vector, most), vector, most) for vector in vectors]
    parts = [_as(builder, builder.trunc(vector, ir.VectorType(_BYTE, lanes)), 32) for vector in small]
    halves = [shuffled(builder, parts[i], parts[i + 1], list(range(lanes // 2))) for i in (0, 2)]
    order = [q + first for q in range(lanes // 4) for first in range(0, lanes, lanes // 4)]
    return _as(builder, shuffled(builder, halves[0], halves[1], order), 8)


@intrinsic
def words_of_channels(typingctx: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Words of four vectors from `to_whole`, ``a``'s in the lowest byte; more than 255 counts as 255."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = _packed_bytes(builder, list(args))
        order = [16 * q + 4 * channel + i for q in range(a.lanes // 4) for i in range(4) for channel in range(4)]
        return builder.bitcast(shuffled(builder, parts, parts, order), ir.VectorType(ir.FloatType(), a.lanes))

    return VectorType(types.float32, a.lanes)(a, b, c, d), codegen


# --- four channels of a pixel side by side: lanes are (pixel, channel) ---


@intrinsic
def load_four(typingctx: Any, tile: Any, start: Any, i: Any) -> Any:
    """Vector of ``start[i : i + 4]`` (float32 or int32) over and over."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        four = load_vector(builder, builder.gep(args[1], [args[2]]), 4)
        return shuffled(builder, four, four, [lane % 4 for lane in range(lanes)])

    return VectorType(start.dtype, lanes)(tile, start, types.int64), codegen


@intrinsic
def quartets(typingctx: Any, tile: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Four vectors of words (int32 lanes) channel by channel: a lane has one channel's bytes of a, b, c and d.

    Each four lanes of the i-th vector are the four channels of the i-th of four neighbouring words.
    """
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = [_as(builder, arg, 8) for arg in args[1:]]
        pairs: list[list[Any]] = []
        for half in (0, 8):  # the first or the last two words of four
            order = [16 * q + half + i + first for q in range(lanes // 4) for i in range(8) for first in (0, 4 * lanes)]
            pairs.append([_as(builder, shuffled(builder, parts[k], parts[k + 1], order), 16) for k in (0, 2)])
        vectors = []
        for word in range(4):
            start = 4 * (word % 2)
            order = [8 * q + start + i + first for q in range(lanes // 4) for i in range(4) for first in (0, 2 * lanes)]
            vectors.append(_as(builder, shuffled(builder, pairs[word // 2][0], pairs[word // 2][1], order), 32))
        return context.make_tuple(builder, signature.return_type, vectors)

    return types.UniTuple(a, 4)(tile, a, b, c, d), codegen


@intrinsic
def words_of_quartets(typingctx: Any, tile: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Words of four vectors from `to_whole`, whose lanes are as `quartets` has them; more than 255 counts as 255."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(_packed_bytes(builder, list(args[1:])), ir.VectorType(ir.FloatType(), lanes))

    return VectorType(types.float32, lanes)(tile, a, b, c, d), codegen


@intrinsic
def channels_of_quartets(typingctx: Any, tile: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Four vectors, lanes as `quartets` has them, to one for each channel; as float32 lanes, whatever they are."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        floats = ir.VectorType(ir.FloatType(), lanes)
        a, b, c, d = (builder.bitcast(arg, floats) for arg in args[1:])
        quarters = range(0, lanes, 4)
        vectors = []
        for channel in range(4):
            two = [q + channel + first for q in quarters for first in (0, lanes, 0, lanes)]
            left, right = shuffled(builder, a, b, two), shuffled(builder, c, d, two)
            order = [q + i + first for q in quarters for first in (0, lanes) for i in (0, 1)]
            vectors.append(shuffled(builder, left, right, order))
        return context.make_tuple(builder, signature.return_type, vectors)

    return types.UniTuple(VectorType(types.float32, lanes), 4)(tile, a, b, c, d), codegen


def _as(builder: Any, vector: Any, bits: int) -> Any:
    """The same bytes as integers of so many bits."""
    width = 32 if vector.type.element == ir.FloatType() else vector.type.element.width
    return builder.bitcast(vector, ir.VectorType(ir.IntType(bits), vector.type.count * width // bits))
