"""The scalar mathematics of the C library, exactly as compiled C calls it.

Numba may replace ``math.exp`` in a loop by a vector version (Intel's SVML, when that package is installed) whose last
bits differ. Here the address of the C function passes through an empty assembly statement before the call, so that the
optimiser cannot know which function it is: it can neither vectorise, fold nor replace it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _opaque_call(builder: Any, name: str, function_type: Any, args: Any) -> Any:
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, function_type, name)
    pointer_type = function_type.as_pointer()
    identity = ir.InlineAsm(ir.FunctionType(pointer_type, [pointer_type]), "", "=r,0", side_effect=False)
    return builder.call(builder.call(identity, [function]), args)


@intrinsic
def exp(typingctx: Any, x: Any) -> Any:
    """``double exp(double)``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        return _opaque_call(builder, "exp", ir.FunctionType(double, [double]), args)

    return types.float64(types.float64), codegen


@intrinsic
def expf(typingctx: Any, x: Any) -> Any:
    """``float expf(float)``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single = ir.FloatType()
        return _opaque_call(builder, "expf", ir.FunctionType(single, [single]), args)

    return types.float32(types.float32), codegen


@intrinsic
def pow(typingctx: Any, x: Any, y: Any) -> Any:
    """``double pow(double, double)``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        return _opaque_call(builder, "pow", ir.FunctionType(double, [double, double]), args)

    return types.float64(types.float64, types.float64), codegen
