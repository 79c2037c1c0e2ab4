"""LLVM code that the vector operations and the micro-kernels share."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

INT = ir.IntType(64)
INT32 = ir.IntType(32)

_NUMBERS = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "int32": INT32}


def vector_type(dtype: Any, lanes: int) -> ir.VectorType:
    """LLVM's type of ``lanes`` numbers of a Numba type: float32, float64 or int32."""
    return ir.VectorType(_NUMBERS[str(dtype)], lanes)


def zeros(vector: ir.VectorType) -> ir.Constant:
    """A vector of +0."""
    return ir.Constant(vector, [0.0] * vector.count)


def load_vector(builder: Any, address: Any, lanes: int) -> Any:
    """``lanes`` values from an address of any alignment."""
    vector = ir.VectorType(address.type.pointee, lanes)
    return builder.load(builder.bitcast(address, vector.as_pointer()), align=4)


def store_vector(builder: Any, vector: Any, address: Any) -> None:
    """Write a vector to an address of any alignment."""
    builder.store(vector, builder.bitcast(address, vector.type.as_pointer()), align=4)


def load_some(builder: Any, address: Any, mask: Any, other: Any = None) -> Any:
    """Lanes of memory whose mask is set; the others are not touched, and are those of ``other``, by default +0."""
    vector = ir.VectorType(address.type.pointee, mask.type.count)
    address = builder.bitcast(address, vector.as_pointer())
    function = _masked(builder, "load", vector, vector, [address.type, INT32, mask.type, vector])
    return builder.call(function, [address, INT32(4), mask, ir.Constant(vector, None) if other is None else other])


def store_some(builder: Any, vector: Any, address: Any, mask: Any) -> None:
    """Write the lanes whose mask is set."""
    address = builder.bitcast(address, vector.type.as_pointer())
    function = _masked(builder, "store", vector.type, ir.VoidType(), [vector.type, address.type, INT32, mask.type])
    builder.call(function, [vector, address, INT32(4), mask])


def _masked(builder: Any, verb: str, vector: Any, result: Any, arguments: list[Any]) -> Any:
    return declared(builder, f"llvm.masked.{verb}.v{vector.count}f32.p0", result, arguments)


def declared(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """A function of LLVM's or of the system, by its name and types."""
    module = builder.module
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)


def called(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """What such a function gives of some values."""
    return builder.call(declared(builder, name, result, [argument.type for argument in arguments]), arguments)


def shuffled(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    """Lanes of ``a`` followed by ``b``, by their numbers."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT32, len(order)), order))


def first_lanes(builder: Any, count: Any, lanes: int) -> Any:
    """Mask of the lanes below ``count`` (int64, 0 .. lanes)."""
    bits = builder.sub(builder.shl(INT(1), count), INT(1))
    return builder.bitcast(builder.trunc(bits, ir.IntType(lanes)), ir.VectorType(ir.IntType(1), lanes))


def any_lane(builder: Any, mask: Any) -> Any:
    """Whether a mask has a lane."""
    bits = ir.IntType(mask.type.count)
    return builder.icmp_unsigned("!=", builder.bitcast(mask, bits), bits(0))


def fetch_line(builder: Any, address: Any, write: bool = False) -> None:
    """Ask the second cache for the line at an address, to be read or to be written."""
    called(builder, "llvm.prefetch.p0", ir.VoidType(), [address, INT32(int(write)), INT32(2), INT32(1)])  # second, data


def broadcast(builder: Any, value: Any, lanes: int) -> Any:
    """A vector of one value."""
    undefined = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(undefined, value, INT32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes))


def fused_multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c`` in one rounding, lane by lane; only for processors that have it (`Tile.fused`)."""
    kind = "f32" if a.type.element == ir.FloatType() else "f64"
    return called(builder, f"llvm.fma.v{a.type.count}{kind}", a.type, [a, b, c])
