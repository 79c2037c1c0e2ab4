"""What Numba has to be told of our classes. Importing this imports Numba."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import imputils
from numba.core.registry import cpu_target
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, overload, register_model, typeof_impl, unbox

from . import later


class ConstantType(types.Type):
    """Numba's type of one value. ``value``: the value itself, for intrinsics."""

    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__(name=str(value))


register_model(ConstantType)(models.OpaqueModel)


@unbox(ConstantType)
def _unbox(constant: ConstantType, value: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _Attributes(AttributeTemplate):
    key = ConstantType

    def generic_resolve(self, value: ConstantType, attr: str) -> Any:  # type: ignore[override]
        number = getattr(value.value, attr, None)
        return None if number is None else types.boolean if isinstance(number, bool) else types.int64


@imputils.lower_getattr_generic(ConstantType)
def _attribute(context: Any, builder: Any, constant: ConstantType, value: Any, name: str) -> Any:
    number = getattr(constant.value, name)
    return ir.Constant(ir.IntType(1 if isinstance(number, bool) else 64), number)


_NUMBERS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: ir.IntType(32)}
"""What vectors may consist of."""


class VectorType(types.Type):
    """Numba's type of ``lanes`` numbers in vector registers."""

    def __init__(self, dtype: Any, lanes: int) -> None:
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vector({dtype} x {lanes})")


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: VectorType) -> None:
        super().__init__(manager, vector, ir.VectorType(_NUMBERS[vector.dtype], vector.lanes))


@typeof_impl.register(later.Intrinsic)
def _of_intrinsic(intrinsic: later.Intrinsic, context: Any) -> Any:
    known = intrinsic.registered
    cpu_target.typing_context.refresh()
    return cpu_target.typing_context.resolve_value_type(known)


_registered: set[Any] = set()


def register() -> None:
    """Tell Numba what has been defined since this was called last."""
    for cls in later.constants:
        if cls not in _registered:
            _registered.add(cls)
            typeof_impl.register(cls)(lambda value, context: ConstantType(value))
    for cls in later.callees:
        if cls not in _registered:
            _registered.add(cls)
            typeof_impl.register(cls)(lambda kernel, context: types.Dispatcher(kernel.callee))
    for function, chooser in later.overloads:
        if function not in _registered:
            _registered.add(function)
            overload(function)(chooser)
