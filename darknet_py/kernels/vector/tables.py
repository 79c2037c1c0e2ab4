"""Looking numbers up in small tables, lane by lane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from .llvm import INT, INT32

_HALF = 8
"""int64 of a register of AVX-512; one instruction picks from two registers."""


def look_up(context: Any, builder: Any, table: Sequence[int], index: Any) -> Any:
    """``table[index % len(table)]``, lane by lane: a vector of int64.

    Args:
        context, builder: of the code that is made.
        table: int64, their number a power of two from 16 on.
        index: a vector of int64.
    """
    if _has_avx512(context) and index.type.count % _HALF == 0:
        return _picked(builder, table, index)
    return _gathered(builder, table, index)


def _has_avx512(context: Any) -> bool:
    _, _, features = context.codegen().magic_tuple()
    return "+avx512f" in features.split(",")


def _picked(builder: Any, table: Sequence[int], index: Any) -> Any:
    """From registers: from two by the lowest four bits of the index, and one of those by each further bit."""
    eight = ir.VectorType(INT, _HALF)
    function = _function(builder, "llvm.x86.avx512.vpermi2var.q.512", eight, [eight] * 3)
    rows = [ir.Constant(eight, list(table[i : i + _HALF])) for i in range(0, len(table), _HALF)]
    parts = []
    for first in range(0, index.type.count, _HALF):
        mine = _lanes(builder, index, range(first, first + _HALF))
        found = [builder.call(function, [rows[i], mine, rows[i + 1]]) for i in range(0, len(rows), 2)]
        bit = 2 * _HALF
        while len(found) > 1:
            is_set = builder.icmp_unsigned("!=", builder.and_(mine, _splat(eight, bit)), _splat(eight, 0))
            found = [builder.select(is_set, found[i + 1], found[i]) for i in range(0, len(found), 2)]
            bit *= 2
        parts.append(found[0])
    while len(parts) > 1:
        parts = [_joined(builder, parts[i], parts[i + 1]) for i in range(0, len(parts), 2)]
    return parts[0]


def _gathered(builder: Any, table: Sequence[int], index: Any) -> Any:
    """From memory, one by one."""
    kind = ir.ArrayType(INT, len(table))
    name = f"darknet_py.table.{'.'.join(f'{number:x}' for number in table[:3])}"
    memory = builder.module.globals.get(name)
    if memory is None:
        memory = ir.GlobalVariable(builder.module, kind, name)
        memory.linkage, memory.global_constant = "internal", True
        memory.initializer = ir.Constant(kind, list(table))
    places = builder.and_(index, _splat(index.type, len(table) - 1))
    result = ir.Constant(index.type, ir.Undefined)
    for lane in map(INT32, range(index.type.count)):
        place = builder.gep(memory, [INT(0), builder.extract_element(places, lane)])
        result = builder.insert_element(result, builder.load(place), lane)
    return result


def _lanes(builder: Any, vector: Any, which: range) -> Any:
    order = ir.Constant(ir.VectorType(INT32, len(which)), list(which))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), order)


def _joined(builder: Any, a: Any, b: Any) -> Any:
    order = ir.Constant(ir.VectorType(INT32, 2 * a.type.count), list(range(2 * a.type.count)))
    return builder.shuffle_vector(a, b, order)


def _splat(vector: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(vector, [value] * vector.count)


def _function(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    module = builder.module
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)
