"""Words of two bfloat16 numbers: their products, and float32 vectors made words and back.

A bfloat16 is the upper half of a float32. The first channel's lies in a word's lower half. Only for processors with
`has_bf16_products`, whose instructions round half to even, keep NaN and infinity, and take denormal numbers for 0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llvmlite import binding, ir

from ..runtime.later import intrinsic, types
from .dots import enabled
from .llvm import INT32, called
from .simd import VectorType
from .tile import PAIRS, Tile

_HALF = ir.IntType(16)
_UPPER = 0xFFFF0000


class _Bfloat(ir.Type):  # type: ignore[misc]
    """LLVM's type, which llvmlite has not."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bfloat)

    def __hash__(self) -> int:
        return hash(_Bfloat)


_TYPED = binding.llvm_version_info[0] >= 16
"""Whether LLVM's intrinsics take and give bfloat; before, they had integers instead."""


def has_bf16_products() -> bool:
    """Whether the processor that Numba compiles for multiplies bfloat16 two at a time, in vectors of any length."""
    architecture, features = enabled()
    return architecture == "x86-64" and {"avx512bf16", "avx512vl"} <= features


def pair_tile(tile: Tile) -> Tile:
    """The micro-kernels' shape on words of bfloat16 numbers, contracted nowhere: each step gives certain bits."""
    return replace(tile, contract=False, embedded=False, words=PAIRS)


# --- LLVM code ---


def dot_pairs(builder: Any, tile: Any, sums: Any, a: Any, b: Any) -> Any:
    """``sums`` (float32 lanes) + the products of each lane's upper and lower numbers, as ``vdpbf16ps`` adds them."""
    lanes = sums.type.count
    operand = ir.VectorType(_Bfloat(), 2 * lanes) if _TYPED else ir.VectorType(INT32, lanes)
    arguments = [sums, builder.bitcast(a, operand), builder.bitcast(b, operand)]
    return called(builder, f"llvm.x86.avx512bf16.dpbf16ps.{32 * lanes}", sums.type, arguments)


def _rounded(builder: Any, first: Any, second: Any) -> Any:
    """Two vectors of float32 rounded to bfloat16, one behind the other, as integers."""
    count = 2 * first.type.count
    result = ir.VectorType(_Bfloat() if _TYPED else _HALF, count)
    name = f"llvm.x86.avx512bf16.cvtne2ps2bf16.{16 * count}"
    return builder.bitcast(called(builder, name, result, [second, first]), ir.VectorType(_HALF, count))


def joined(builder: Any, lower: Any, upper: Any) -> Any:
    """Words of the numbers of two channels, rounded."""
    halves, lanes = _rounded(builder, lower, upper), lower.type.count
    order = [i // 2 + i % 2 * lanes for i in range(2 * lanes)]
    mixed = builder.shuffle_vector(halves, halves, ir.Constant(ir.VectorType(INT32, 2 * lanes), order))
    return _as_floats(builder, mixed)


def _as_floats(builder: Any, halves: Any) -> Any:
    return builder.bitcast(halves, ir.VectorType(ir.FloatType(), halves.type.count // 2))


def upper_of(builder: Any, bits: Any) -> Any:
    """The upper numbers of words (int32 lanes), as float32."""
    masked = builder.and_(bits, ir.Constant(bits.type, [_UPPER] * bits.type.count))
    return builder.bitcast(masked, ir.VectorType(ir.FloatType(), bits.type.count))


def lower_of(builder: Any, bits: Any) -> Any:
    """The lower numbers of words (int32 lanes), as float32."""
    moved = builder.shl(bits, ir.Constant(bits.type, [16] * bits.type.count))
    return builder.bitcast(moved, ir.VectorType(ir.FloatType(), bits.type.count))


def larger_pairs(builder: Any, a: Any, b: Any) -> Any:
    """``a > b ? a : b``, number by number, of words in vectors or of single ones."""
    count = a.type.count if isinstance(a.type, ir.VectorType) else 1
    whole = ir.VectorType(INT32, count)
    x, y = (builder.bitcast(arg, whole) for arg in (a, b))
    upper = builder.select(builder.fcmp_ordered(">", upper_of(builder, x), upper_of(builder, y)), x, y)
    lower = builder.select(builder.fcmp_ordered(">", lower_of(builder, x), lower_of(builder, y)), x, y)
    mask = ir.Constant(whole, [_UPPER] * count)
    rest = ir.Constant(whole, [_UPPER ^ 0xFFFFFFFF] * count)
    return builder.bitcast(builder.or_(builder.and_(upper, mask), builder.and_(lower, rest)), a.type)


# --- as values in kernels ---


@intrinsic
def join_pairs(typingctx: Any, lower: Any, upper: Any) -> Any:
    """Words of the numbers of two channels, rounded."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return joined(builder, *args)

    return lower(lower, upper), codegen


@intrinsic
def join_lanes(typingctx: Any, first: Any, second: Any) -> Any:
    """Words of neighbouring lanes, of ``first`` followed by ``second``, rounded."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _as_floats(builder, _rounded(builder, *args))

    return first(first, second), codegen


def _halves(doc: str, code: Any) -> Any:
    """Intrinsic: float32 lanes of half of each word."""

    def operation(typingctx: Any, words: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return code(builder, builder.bitcast(args[0], ir.VectorType(INT32, words.lanes)))

        return VectorType(types.float32, words.lanes)(words), codegen

    operation.__doc__ = doc
    return intrinsic(operation)


lower_numbers = _halves("The first channel's numbers of words, as float32.", lower_of)
upper_numbers = _halves("The second channel's numbers of words, as float32.", upper_of)
