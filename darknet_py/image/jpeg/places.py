"""Sets of places in a block: int64, a bit for each of its 64 coefficients, the lowest for the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from ...kernels.runtime.jit import kernel
from ...kernels.runtime.later import cgutils, intrinsic, types
from ...kernels.runtime.processor import host

_BLOCK, _SET, _BIT = ir.VectorType(ir.IntType(16), 64), ir.IntType(64), ir.IntType(1)
_CHOICE = ir.VectorType(_BIT, 64)

DEPOSITS = "+bmi2" in host()[2].split(",") and host()[1] not in {"bdver4", "znver1", "znver2"}
"""Whether the processor spreads bits over places in one instruction (``pdep``), and does not take long for it."""


@intrinsic
def nonzero(typingctx: Any, coefficients: Any, at: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """Which of the block ``coefficients[at : at + 64]`` (int16) are not 0."""

    def codegen(context: Any, b: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        source = cgutils.create_struct_proxy(signature.args[0])(context, b, args[0]).data
        block = b.load(b.bitcast(b.gep(source, [args[1]]), _BLOCK.as_pointer()), align=2)
        return b.bitcast(b.icmp_signed("!=", block, ir.Constant(_BLOCK, [0] * 64)), _SET)

    return types.int64(types.Array(types.int16, 1, "C"), types.int64), codegen


@intrinsic
def refine_block(
    typingctx: Any, coefficients: Any, at: Any, bit: Any, ones: Any, plus: Any, minus: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """Coefficients of the block ``coefficients[at : at + 64]`` (int16) grow by ``bit``, away from 0.

    Those of ``ones``, which are not 0, if they do not have that bit; those of ``plus`` and ``minus`` are 0, and become
    ``bit`` or ``-bit``.
    """

    def codegen(context: Any, b: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        source = cgutils.create_struct_proxy(signature.args[0])(context, b, args[0]).data
        place = b.bitcast(b.gep(source, [args[1]]), _BLOCK.as_pointer())
        ones, plus, minus = (b.bitcast(places, _CHOICE) for places in args[3:])
        none = ir.Constant(_BLOCK, [0] * 64)
        one = b.insert_element(none, b.trunc(args[2], _BLOCK.element), ir.Constant(ir.IntType(32), 0))
        bits = b.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64))
        negative = b.sub(none, bits)
        block = b.load(place, align=2)
        more = b.and_(ones, b.icmp_signed("==", b.and_(block, bits), none))
        below = b.icmp_signed("<", block, none)
        growth = b.select(b.or_(plus, more), b.select(b.and_(more, below), negative, bits), none)
        b.store(b.add(block, b.select(minus, negative, growth)), place, align=2)
        return context.get_dummy_value()

    array, int64 = types.Array(types.int16, 1, "C"), types.int64
    return types.void(array, int64, int64, int64, int64, int64), codegen


@kernel(forceinline=True)
def spread(bits, places, count):
    """The places that have a 1 among the next bits, the highest one being that of the first place.

    Args:
        bits: int: from the highest one on
        places: int
        count: int: how many places there are
    """
    if DEPOSITS:
        return _deposit(_reversed(bits), places)
    ones = 0
    for _ in range(count):
        ones |= places & -places & bits >> 63
        places &= places - 1
        bits <<= 1
    return ones


@kernel(forceinline=True)
def nth(places, n):
    """The set of the place that has n places before it; empty if there is none.

    Args:
        places, n: int
    """
    if DEPOSITS:
        return _deposit(1 << n, places)
    for _ in range(n):
        places &= places - 1
    return places & -places


@intrinsic
def count_places(typingctx: Any, places: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """How many places there are in a set."""

    def codegen(context: Any, b: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return b.ctpop(args[0])

    return types.int64(types.int64), codegen


@intrinsic
def _reversed(typingctx: Any, bits: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """The highest bit becomes the lowest."""

    def codegen(context: Any, b: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return b.bitreverse(args[0])

    return types.int64(types.int64), codegen


@intrinsic
def _deposit(typingctx: Any, bits: Any, places: Any) -> tuple[Any, Callable[..., ir.Value]]:
    """The places whose bit is 1, the lowest bit being that of the first place. Only if `DEPOSITS`."""

    def codegen(context: Any, b: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        if not DEPOSITS:
            return ir.Constant(_SET, 0)
        function = cgutils.get_or_insert_function(b.module, ir.FunctionType(_SET, [_SET, _SET]), "llvm.x86.bmi.pdep.64")
        return b.call(function, args)

    return types.int64(types.int64, types.int64), codegen
