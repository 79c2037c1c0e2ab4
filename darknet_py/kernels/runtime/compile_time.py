"""Values that kernels are compiled for: as an argument each is a type of its own, with nothing left at run time."""

from __future__ import annotations

from typing import Any, TypeVar

from llvmlite import ir
from numba import types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, register_model, typeof_impl, unbox

_Class = TypeVar("_Class", bound=type)


class ConstantType(types.Type):
    """Numba's type of one value. ``value``: the value itself, for intrinsics."""

    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__(name=str(value))


register_model(ConstantType)(models.OpaqueModel)


def compile_time(cls: _Class) -> _Class:
    """Decorator of a frozen dataclass: kernels can take its objects, and read their numbers, as constants.

    A kernel is compiled, and cached on disk, for each object anew; objects that print alike count as the same.
    """
    typeof_impl.register(cls)(lambda value, context: ConstantType(value))
    return cls


@unbox(ConstantType)
def _unbox(constant: ConstantType, value: Any, c: Any) -> NativeValue:
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _Attributes(AttributeTemplate):
    key = ConstantType

    def generic_resolve(self, value: ConstantType, attr: str) -> Any:  # type: ignore[override]
        number = getattr(value.value, attr, None)
        return None if number is None else types.boolean if isinstance(number, bool) else types.int64


@lower_getattr_generic(ConstantType)
def _attribute(context: Any, builder: Any, constant: ConstantType, value: Any, name: str) -> Any:
    number = getattr(constant.value, name)
    return ir.Constant(ir.IntType(1 if isinstance(number, bool) else 64), number)
