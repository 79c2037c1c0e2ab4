"""Vectors of the processor as values in kernels.

Numba's own loops are vectorised or not as LLVM pleases; what is written with these is certain. Every operation is the
plain IEEE one on each lane: no contraction, no reassociation. LLVM lowers the same code to AVX-512, AVX2, SSE or NEON
and splits vectors that are longer than a register, so that each length gives the same bits on each processor.

They work on pointers, not arrays: Numba counts references to the arrays that it hands from function to function, with
atomic operations that cost more than a vector of results. The caller vouches for every index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llvmlite import ir

from ..runtime.later import Later, cgutils, intrinsic, types
from .llvm import (
    INT,
    INT32,
    any_lane,
    broadcast,
    fetch_line,
    first_lanes,
    fused_multiply_add,
    load_mostly,
    load_vector,
    store_mostly,
    store_vector,
    vector_type,
    zeros,
)  # fmt: skip
from .tile import SHORTER

ConstantType: Any = Later("darknet_py.kernels.runtime.numba_types", "ConstantType")
"""Numba's type of a value that kernels are compiled for."""

VectorType: Any = Later("darknet_py.kernels.runtime.numba_types", "VectorType")
"""Numba's type of numbers in vector registers: of a type of numbers and their count."""

# --- pointers and memory ---


@intrinsic
def pointer(typingctx: Any, array: Any, i: Any) -> Any:
    """Pointer to ``array[i]``. It can be indexed, up and down, without any check."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0]).data
        return builder.gep(data, [args[1]])

    return types.CPointer(array.dtype)(array, types.int64), codegen


GROUP = 4
"""Vectors in the place of one where each value takes long chains of operations: the processor works on several chains
at once, but looks no further ahead than about one of them."""


@intrinsic
def grouped(typingctx: Any, tile: Any) -> Any:
    """The tile with ``GROUP`` times the lanes: the compiler makes each operation one on so many vectors."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return ConstantType(replace(tile.value, lanes=GROUP * tile.value.lanes))(tile), codegen


@intrinsic
def shorter(typingctx: Any, tile: Any) -> Any:
    """The tile with `SHORTER` lanes, if it has more."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_dummy_value()

    return ConstantType(replace(tile.value, lanes=min(SHORTER, tile.value.lanes)))(tile), codegen


@intrinsic
def shifted(typingctx: Any, start: Any, i: Any) -> Any:
    """Pointer to ``start[i]``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return start(start, types.int64), codegen


@intrinsic
def load(typingctx: Any, tile: Any, start: Any, i: Any) -> Any:
    """Vector of ``start[i : i + lanes]``, float32 or float64."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return load_vector(builder, builder.gep(args[1], [args[2]]), lanes)

    return VectorType(start.dtype, lanes)(tile, start, types.int64), codegen


@intrinsic
def load_between(typingctx: Any, tile: Any, start: Any, i: Any, low: Any, high: Any) -> Any:
    """Vector of ``start[i : i + lanes]`` (float32) with +0 in the lanes outside of low .. high - 1 (0 .. lanes).

    Memory outside is not touched.
    """
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, start, i, low, high = args
        mask = builder.xor(first_lanes(builder, high, lanes), first_lanes(builder, low, lanes))
        return load_mostly(builder, builder.gep(start, [i]), mask)

    int64 = types.int64
    return VectorType(types.float32, lanes)(tile, start, int64, int64, int64), codegen


@intrinsic
def prefetch(typingctx: Any, start: Any, i: Any) -> Any:
    """Ask the second cache for the line of ``start[i]``, which may lie anywhere."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        fetch_line(builder, builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(start, types.int64), codegen


@intrinsic
def store(typingctx: Any, start: Any, i: Any, vector: Any) -> Any:
    """``start[i : i + lanes] = vector`` (float32)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        store_vector(builder, args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(start, types.int64, vector), codegen


@intrinsic
def store_first(typingctx: Any, start: Any, i: Any, vector: Any, count: Any) -> Any:
    """``start[i : i + count] = vector[:count]`` (float32, count <= lanes)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        start, i, value, count = args
        store_mostly(builder, value, builder.gep(start, [i]), first_lanes(builder, count, vector.lanes))
        return context.get_dummy_value()

    return types.void(start, types.int64, vector, types.int64), codegen


def _shuffled(doc: str, first: int) -> Any:
    """Intrinsic: lanes first, first + 2, first + 4, ... of two vectors."""

    def operation(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            order = ir.Constant(ir.VectorType(INT32, a.lanes), [2 * i + first for i in range(a.lanes)])
            return builder.shuffle_vector(*args, order)

        return a(a, b), codegen

    operation.__doc__ = doc
    return intrinsic(operation)


even_lanes = _shuffled("Lanes 0, 2, 4, ... of ``a`` followed by ``b``.", 0)
odd_lanes = _shuffled("Lanes 1, 3, 5, ... of ``a`` followed by ``b``.", 1)


@intrinsic
def splat(typingctx: Any, tile: Any, value: Any) -> Any:
    """A vector of one float32 or float64 value."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return broadcast(builder, args[1], lanes)

    return VectorType(value, lanes)(tile, value), codegen


# --- arithmetic ---


def _lanewise(name: str, doc: str) -> Any:
    def operation(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, name)(*args)

        return (a(a, b), codegen) if a == b else None

    operation.__name__ = name[1:]
    operation.__doc__ = doc
    return intrinsic(operation)


add = _lanewise("fadd", "``a + b``, lane by lane.")
sub = _lanewise("fsub", "``a - b``, lane by lane.")
mul = _lanewise("fmul", "``a * b``, lane by lane.")
div = _lanewise("fdiv", "``a / b``, lane by lane.")


def _converted(method: str, source: str, target: str, doc: str) -> Any:
    def operation(typingctx: Any, a: Any) -> Any:
        wanted = getattr(types, target)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, method)(args[0], vector_type(wanted, a.lanes))

        return (VectorType(wanted, a.lanes)(a), codegen) if a.dtype == getattr(types, source) else None

    operation.__name__ = method
    operation.__doc__ = doc
    return intrinsic(operation)


widen = _converted("fpext", "float32", "float64", "float32 lanes as float64.")
narrow = _converted("fptrunc", "float64", "float32", "float64 lanes rounded to float32.")


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` in one rounding, lane by lane; only for processors that have it (`Tile.fused`)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return fused_multiply_add(builder, *args)

    return a(a, b, c), codegen


@intrinsic
def add_product(typingctx: Any, tile: Any, c: Any, a: Any, b: Any) -> Any:
    """``c + a * b``, lane by lane: two roundings, or one if the tile contracts."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, c, a, b = args
        if tile.value.contract:
            return fused_multiply_add(builder, a, b, c)
        return builder.fadd(c, builder.fmul(a, b))

    return c(tile, c, a, b), codegen


def _compared(doc: str, comparison: Callable[[Any, Any, Any], Any]) -> Any:
    """Intrinsic: whether ``comparison`` (builder, a, b -> mask) holds in some lane."""

    def operation(typingctx: Any, a: Any, b: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return any_lane(builder, comparison(builder, *args))

        return types.boolean(a, b), codegen

    operation.__doc__ = doc
    return intrinsic(operation)


any_unequal = _compared(
    "Whether some lane has ``a != b`` (a nan is unequal to all).", lambda b, x, y: b.fcmp_unordered("!=", x, y)
)
any_between_and_zero = _compared(
    "Whether some lane has ``b < a < 0``.",
    lambda b, x, y: b.and_(b.fcmp_ordered(">", x, y), b.fcmp_ordered("<", x, zeros(x.type))),
)
any_near_zero = _compared(
    "Whether some lane is within -b .. b (a nan is not).",
    lambda b, x, y: b.and_(b.fcmp_ordered("<=", x, y), b.fcmp_ordered(">=", x, b.fneg(y))),
)
any_beyond = _compared(
    "Whether some lane is not within -b .. b (a nan is not).",
    lambda b, x, y: b.or_(b.fcmp_unordered(">", x, y), b.fcmp_unordered("<", x, b.fneg(y))),
)


@intrinsic
def any_unsure(typingctx: Any, a: Any, b: Any, x: Any, limit: Any) -> Any:
    """Whether some lane has ``a != b`` (a nan is unequal to all), or ``x`` within -limit .. limit."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a, b, x, limit = args
        within = builder.and_(builder.fcmp_ordered("<=", x, limit), builder.fcmp_ordered(">=", x, builder.fneg(limit)))
        mask, bits = builder.or_(within, builder.fcmp_unordered("!=", a, b)), ir.IntType(x.type.count)
        return builder.icmp_unsigned("!=", builder.bitcast(mask, bits), bits(0))

    return types.boolean(a, b, x, limit), codegen


@intrinsic
def negated(typingctx: Any, a: Any) -> Any:
    """``-a``, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fneg(args[0])

    return a(a), codegen


@intrinsic
def power_of_two_times(typingctx: Any, a: Any, n: Any) -> Any:
    """``2**n * a``, lane by lane, of positive float64 that are no denormals, nor are the products.

    n: float64 with a whole number in their lowest bits, see `vector.exp`.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.VectorType(INT, a.lanes)
        a_bits, n_bits = (builder.bitcast(arg, whole) for arg in args)
        bits = builder.add(a_bits, builder.shl(n_bits, ir.Constant(whole, [52] * a.lanes)))
        return builder.bitcast(bits, args[0].type)

    return a(a, n), codegen


@intrinsic
def times_power(typingctx: Any, a: Any, n: Any) -> Any:
    """As `power_of_two_times`, of float32: n has a whole number in its lowest bits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.VectorType(INT32, a.lanes)
        a_bits, n_bits = (builder.bitcast(arg, whole) for arg in args)
        bits = builder.add(a_bits, builder.shl(n_bits, ir.Constant(whole, [23] * a.lanes)))
        return builder.bitcast(bits, args[0].type)

    return a(a, n), codegen


@intrinsic
def larger(typingctx: Any, a: Any, b: Any) -> Any:
    """``a > b ? a : b``, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return a(a, b), codegen


@intrinsic
def smaller(typingctx: Any, a: Any, b: Any) -> Any:
    """``a < b ? a : b``, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return a(a, b), codegen


@intrinsic
def first_of(typingctx: Any, count: Any, a: Any, b: Any) -> Any:
    """The first ``count`` lanes (0 .. lanes) of ``a`` and the others of ``b``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(first_lanes(builder, args[0], a.lanes), args[1], args[2])

    return a(types.int64, a, b), codegen


@intrinsic
def unless_nan(typingctx: Any, x: Any, a: Any) -> Any:
    """``x``, where it is a nan, else ``a``, lane by lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("==", args[0], args[0]), args[1], args[0])

    return a(x, a), codegen


@intrinsic
def where_negative(typingctx: Any, x: Any, a: Any, b: Any) -> Any:
    """``x < 0 ? a : b``, lane by lane (a nan is not negative)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], zeros(args[0].type)), args[1], args[2])

    return a(x, a, b), codegen


@intrinsic
def where_positive(typingctx: Any, x: Any, a: Any, b: Any) -> Any:
    """``x > 0 ? a : b``, lane by lane (a nan is not positive)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], zeros(args[0].type)), args[1], args[2])

    return a(x, a, b), codegen
