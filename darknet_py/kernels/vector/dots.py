"""Sums of products of bytes, as each kind of processor makes them: a row for each. All of them give the same integers.

What differs besides the instruction is how the numbers 0 .. 255 of the input's words are put before it (`Tile.bytes`).
Those that do not go there as they lie are put into a window first (`operand`); weights follow when they are packed, and
what was subtracted from the numbers comes back with the correction of the sums, also then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import binding, ir

from ..runtime.later import intrinsic, types
from ..runtime.processor import architecture_of, host
from .llvm import INT32, called
from .tile import AVX2, BYTES, HALVES, SIGNED, SSE, UNSIGNED, Tile

_BYTE, _HALF = ir.IntType(8), ir.IntType(16)


@dataclass(frozen=True)
class Dots:
    """One kind of instruction.

    Attributes:
        architecture: as in `runtime.processor`.
        features: LLVM's names of what the processor needs.
        bytes: how the numbers are multiplied, see `Tile.bytes`.
        products: LLVM code: builder, sums (int32 lanes), words of pixels and of weights -> sums + products.
    """

    architecture: str
    features: frozenset[str]
    bytes: int
    products: Callable[[Any, Any, Any, Any], Any]


def _vpdpbusd(builder: Any, sums: Any, pixels: Any, weights: Any) -> Any:
    """Which does not saturate."""
    lanes = sums.type.count
    # LLVM's own type for the operands changed with its version 22.
    operand = ir.VectorType(_BYTE, 4 * lanes) if binding.llvm_version_info[0] >= 22 else sums.type
    words = [builder.bitcast(each, operand) for each in (pixels, weights)]
    return called(builder, f"llvm.x86.avx512.vpdpbusd.{32 * lanes}", sums.type, [sums, *words])


_MADD = {4: "sse2.pmadd.wd", 8: "avx2.pmadd.wd", 16: "avx512.pmaddw.d.512"}


def _vpmaddwd(builder: Any, sums: Any, pixels: Any, weights: Any) -> Any:
    """(``vpmaddubsw``, of bytes, saturates: it takes a third multiplication, or weights of 7 bits, to be exact.)"""
    lanes = sums.type.count
    words = [builder.bitcast(each, ir.VectorType(_HALF, 2 * lanes)) for each in (pixels, weights)]
    return builder.add(sums, called(builder, f"llvm.x86.{_MADD[lanes]}", sums.type, words))


def _arm(name: str) -> Callable[[Any, Any, Any, Any], Any]:
    def products(builder: Any, sums: Any, pixels: Any, weights: Any) -> Any:
        words = [builder.bitcast(each, ir.VectorType(_BYTE, 16)) for each in (pixels, weights)]
        return called(builder, f"llvm.aarch64.neon.{name}.v4i32.v16i8", sums.type, [sums, *words])

    return products


DOTS = (
    Dots("x86-64", frozenset({"avxvnni"}), UNSIGNED, _vpdpbusd),
    Dots("x86-64", frozenset({"avx512vnni", "avx512vl"}), UNSIGNED, _vpdpbusd),
    Dots("x86-64", frozenset(), HALVES, _vpmaddwd),
    Dots("arm64", frozenset({"i8mm"}), UNSIGNED, _arm("usdot")),
    Dots("arm64", frozenset({"dotprod"}), SIGNED, _arm("sdot")),
)
"""From the best to the plainest."""

IMPLIED = {"apple-m": {"dotprod"}}
"""Features of processors whose LLVM does not list them, by what its name of them starts with."""


def enabled() -> tuple[str, frozenset[str]]:
    """Architecture and features of the processor that Numba compiles for."""
    triple, name, listed = host()
    features = {feature[1:] for feature in listed.split(",") if feature.startswith("+")}
    for start, more in IMPLIED.items():
        features |= more if name.startswith(start) else set()
    return architecture_of(triple), frozenset(features)


def usable_dots() -> list[Dots]:
    """What this processor has, the best first."""
    architecture, features = enabled()
    return [dots for dots in DOTS if dots.architecture == architecture and dots.features <= features]


def why_no_dots() -> str | None:
    """Why int8 is not computed here; None: it is."""
    if usable_dots():
        return None
    architecture, _ = enabled()
    if architecture == "arm64":
        return "an ARM with dot products of bytes (dotprod, of ARMv8.2), which this one lacks"
    return f"x86-64, or an ARM with dot products of bytes; this is {architecture}"


def word_tile(tile: Tile) -> Tile:
    """The micro-kernels' shape on words of 8-bit integers. No step of theirs is contracted: each gives certain bits."""
    found = usable_dots()
    kind = found[0].bytes if found else UNSIGNED  # (a plan to be looked at can be made anywhere)
    shape = replace(tile, contract=False, embedded=False, words=BYTES, bytes=kind)
    return shortened(shape) if kind == HALVES else shape


def shortened(tile: Tile) -> Tile:
    """Vectors of 16 bits that the processor has: some that has longer ones of float32 has none of them."""
    _, features = enabled()
    longest = 16 if "avx512bw" in features else 8 if "avx2" in features else 4
    if tile.lanes <= longest:
        return tile
    shape = AVX2 if longest == 8 else SSE
    return replace(tile, lanes=shape.lanes, rows=shape.rows, vectors=shape.vectors, columns=shape.columns)


def add_dots(builder: Any, tile: Tile, sums: Any, pixels: Any, weights: Any) -> Any:
    """``sums`` (int32 lanes) + the products of each lane's numbers, of words that were put before it (`operand`)."""
    row = next(dots for dots in usable_dots() if dots.bytes == tile.bytes)
    return row.products(builder, sums, pixels, weights)


def operand_of(builder: Any, tile: Tile, words: Any, part: int) -> Any:
    """LLVM code: what is multiplied of vectors of words, see `operand`; of float32 that is what they are."""
    value = builder.bitcast(words, ir.VectorType(INT32, tile.lanes))
    return builder.bitcast(_operand(builder, value, tile.bytes, part), words.type)


@intrinsic
def add_dot(typingctx: Any, tile: Any, sums: Any, pixels: Any, weights: Any) -> Any:
    """``sums`` (int32 lanes) + the products of each lane's four bytes, pixels' and weights' as they lie in memory.

    (`SIGNED`: of pixels - 128. Each kind puts both before its instruction here; `add_dots` takes what was put before.)
    """
    shape = tile.value

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, total, left, right = args
        for part in range(shape.parts):
            seen = _operand(builder, left, shape.bytes, part)
            factor = _signed_halves(builder, right, part) if shape.bytes == HALVES else right
            total = add_dots(builder, shape, total, seen, factor)
        return total

    return sums(tile, sums, pixels, weights), codegen


def _operand(builder: Any, words: Any, kind: int, part: int) -> Any:
    """See `operand`; ``words``: int32 lanes."""
    whole, halves = words.type, ir.VectorType(_HALF, 2 * words.type.count)
    if kind == SIGNED:
        return builder.xor(words, ir.Constant(whole, [0x80808080] * whole.count))
    if kind == HALVES and part == 0:
        return builder.and_(words, ir.Constant(whole, [0x00FF00FF] * whole.count))
    if kind == HALVES:
        shifted = builder.lshr(builder.bitcast(words, halves), ir.Constant(halves, [8] * halves.count))
        return builder.bitcast(shifted, whole)
    return words


def _signed_halves(builder: Any, words: Any, part: int) -> Any:
    """Numbers -128 .. 127 of words as 16 bits: 0 and 2, or 1 and 3."""
    halves = ir.VectorType(_HALF, 2 * words.type.count)
    eight = ir.Constant(halves, [8] * halves.count)
    value = builder.bitcast(words, halves)
    if part == 0:
        value = builder.shl(value, eight)
    return builder.bitcast(builder.ashr(value, eight), words.type)


@intrinsic
def operand(typingctx: Any, tile: Any, words: Any, part: Any) -> Any:
    """What is multiplied of words of four numbers 0 .. 255: part 0 .. ``tile.parts - 1``.

    `SIGNED`: the numbers - 128. `HALVES`: numbers 0 and 2 as 16 bits; as the second part, 1 and 3.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        first, last = (operand_of(builder, tile.value, args[1], number) for number in (0, 1))
        return builder.select(builder.icmp_signed("==", args[2], args[2].type(0)), first, last)

    return words(tile, words, types.int64), codegen
