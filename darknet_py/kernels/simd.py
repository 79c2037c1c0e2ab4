"""Vectors of the processor as values in kernels, and the tile shape that suits this processor.

Numba's own loops are vectorised or not as LLVM pleases; what is written with these is certain. Every operation is the
plain IEEE one on each lane: no contraction, no reassociation. LLVM lowers the same code to AVX-512, AVX2, SSE or NEON
and splits vectors that are longer than a register, so that each shape gives the same bits on each processor.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import lower_getattr_generic
from numba.core.registry import cpu_target
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox

MAX_PIXELS = 48
"""Most pixels of a tile: their validity is kept in the bits of one int64."""


@dataclass(frozen=True)
class Tile:
    """Shape of the block of sums that the convolution keeps in registers: ``rows`` filters x ``vectors`` of pixels.

    In a kernel's arguments it is a type of its own, so that each shape is compiled, and cached on disk, for itself.
    """

    lanes: int
    rows: int
    vectors: int

    @property
    def pixels(self) -> int:
        """Pixels of a whole tile."""
        return self.lanes * self.vectors


class TileType(types.Type):  # type: ignore[misc]
    """Numba's type of a `Tile`: the shape is in the type, nothing is in the value."""

    def __init__(self, lanes: int, rows: int, vectors: int) -> None:
        self.lanes, self.rows, self.vectors = lanes, rows, vectors
        super().__init__(name=f"Tile(lanes={lanes}, rows={rows}, vectors={vectors})")


class VectorType(types.Type):  # type: ignore[misc]
    """Numba's type of ``lanes`` numbers in vector registers."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vector({dtype} x {lanes})")


register_model(TileType)(models.OpaqueModel)


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: VectorType) -> None:
        super().__init__(manager, vector, _vector(vector.dtype, vector.lanes))


@typeof_impl.register(Tile)
def _typeof_tile(tile: Tile, context: Any) -> TileType:
    return TileType(tile.lanes, tile.rows, tile.vectors)


@unbox(TileType)
def _unbox_tile(tile: TileType, value: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _TileAttributes(AttributeTemplate):  # type: ignore[misc]
    key = TileType

    def generic_resolve(self, tile: TileType, name: str) -> Any:
        return types.int64 if name in ("lanes", "rows", "vectors") else None


@lower_getattr_generic(TileType)
def _tile_attribute(context: Any, builder: Any, tile: TileType, value: Any, name: str) -> Any:
    return ir.Constant(ir.IntType(64), getattr(tile, name))


def host_tile() -> Tile:
    """The shape for the processor that Numba compiles for, or the one that ``DARKNET_PY_TILE`` names ("16x8x3").

    The sums, the pixels of one step, one weight and one product have to fit the vector registers.
    """
    asked = os.environ.get("DARKNET_PY_TILE")
    if asked:
        lanes, rows, vectors = (int(part) for part in asked.split("x"))
        return Tile(lanes, rows, vectors)
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    enabled = features.split(",")
    if "+avx512f" in enabled:
        return Tile(lanes=16, rows=8, vectors=3)
    if "+avx" in enabled:
        return Tile(lanes=8, rows=4, vectors=2)
    if triple.startswith(("aarch64", "arm64")):
        return Tile(lanes=4, rows=8, vectors=3)
    return Tile(lanes=4, rows=4, vectors=2)


# --- code generation shared with the micro-kernel ---


def _vector(dtype: Any, lanes: int) -> ir.VectorType:
    return ir.VectorType(ir.FloatType() if dtype == types.float32 else ir.DoubleType(), lanes)


def load_vector(builder: Any, pointer: Any, lanes: int) -> Any:
    """``lanes`` floats from an address of any alignment."""
    vector = ir.VectorType(pointer.type.pointee, lanes)
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=4)


def store_vector(builder: Any, vector: Any, pointer: Any) -> None:
    """Write a vector to an address of any alignment."""
    builder.store(vector, builder.bitcast(pointer, vector.type.as_pointer()), align=4)


def broadcast(builder: Any, value: Any, lanes: int) -> Any:
    """A vector of one value."""
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, undefined, zeros)


# --- memory ---
#
# Inner loops work on pointers: Numba counts references to the arrays that it hands from function to function, with
# atomic operations that cost more than a vector of results. The caller vouches for every index.


@intrinsic
def pointer(typingctx: Any, array: Any, i: Any) -> Any:
    """Pointer to ``array[i]``. It can be indexed, from 0 up or down, without any check."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0]).data
        return builder.gep(data, [args[1]])

    return types.CPointer(array.dtype)(array, types.int64), codegen


@intrinsic
def shifted(typingctx: Any, start: Any, i: Any) -> Any:
    """Pointer to ``start[i]``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return start(start, types.int64), codegen


@intrinsic
def load(typingctx: Any, tile: Any, start: Any, i: Any) -> Any:
    """Vector of ``start[i : i + lanes]`` (float32)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return load_vector(builder, builder.gep(args[1], [args[2]]), tile.lanes)

    return VectorType(types.float32, tile.lanes)(tile, start, types.int64), codegen


@intrinsic
def load_masked(typingctx: Any, tile: Any, start: Any, i: Any, bits: Any) -> Any:
    """Vector of ``start[i : i + lanes]``; a lane whose bit is 0 is +0 and its memory is not touched."""
    vector = _vector(types.float32, tile.lanes)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = builder.bitcast(builder.gep(args[1], [args[2]]), vector.as_pointer())
        mask_type = ir.VectorType(ir.IntType(1), tile.lanes)
        name = f"llvm.masked.load.v{tile.lanes}f32.p0"
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(vector, [address.type, ir.IntType(32), mask_type, vector]), name
        )
        mask = builder.bitcast(builder.trunc(args[3], ir.IntType(tile.lanes)), mask_type)
        return builder.call(function, [address, ir.Constant(ir.IntType(32), 4), mask, ir.Constant(vector, None)])

    return VectorType(types.float32, tile.lanes)(tile, start, types.int64, types.int64), codegen


@intrinsic
def store(typingctx: Any, start: Any, i: Any, vector: Any) -> Any:
    """``start[i : i + lanes] = vector`` (float32)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        store_vector(builder, args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(start, types.int64, vector), codegen


@intrinsic
def splat(typingctx: Any, tile: Any, value: Any) -> Any:
    """A vector of one float32 or float64 value."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return broadcast(builder, args[1], tile.lanes)

    return VectorType(value, tile.lanes)(tile, value), codegen


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


def _converted(method: str, source: Any, target: Any, doc: str) -> Any:
    def operation(typingctx: Any, a: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, method)(args[0], _vector(target, a.lanes))

        return (VectorType(target, a.lanes)(a), codegen) if a.dtype == source else None

    operation.__name__ = f"to_{target}"
    operation.__doc__ = doc
    return intrinsic(operation)


widen: Callable[..., Any] = _converted("fpext", types.float32, types.float64, "float32 lanes as float64.")
narrow: Callable[..., Any] = _converted("fptrunc", types.float64, types.float32, "float64 lanes rounded to float32.")


@intrinsic
def where_positive(typingctx: Any, x: Any, a: Any, b: Any) -> Any:
    """``x > 0 ? a : b``, lane by lane (a nan is not positive)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero = ir.Constant(args[0].type, [0.0] * x.lanes)
        return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], args[2])

    return a(x, a, b), codegen


@intrinsic
def any_unequal(typingctx: Any, a: Any, b: Any) -> Any:
    """Whether some lane has ``a < b`` or ``a > b`` (nans are neither)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = ir.IntType(a.lanes)
        unequal = builder.bitcast(builder.fcmp_ordered("!=", *args), bits)
        return builder.icmp_unsigned("!=", unequal, ir.Constant(bits, 0))

    return types.boolean(a, b), codegen
