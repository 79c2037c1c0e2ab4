"""The C library's own vector ``expf``, which gcc -Ofast calls in loops (glibc's libmvec, on x86-64)."""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir

from .later import cgutils, intrinsic, types

_NAME = "_ZGVbN4v_expf"


def _load() -> bool:
    try:
        binding.load_library_permanently("libmvec.so.1")
    except RuntimeError:
        return False
    return binding.address_of_symbol(_NAME) is not None


AVAILABLE = _load()
"""Whether this machine has it. Kernels that call `expf_four` cannot be compiled where it is not."""


@intrinsic
def expf_four(typingctx: Any, values: Any, i: Any) -> Any:
    """``expf`` of the four float32 values from ``values[i]`` on, in place."""
    signature = types.void(types.Array(types.float32, 1, "C"), types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0])
        four = ir.VectorType(ir.FloatType(), 4)
        place = builder.bitcast(builder.gep(array.data, [args[1]]), four.as_pointer())
        function = builder.module.globals.get(_NAME) or ir.Function(
            builder.module, ir.FunctionType(four, [four]), _NAME
        )
        builder.store(builder.call(function, [builder.load(place, align=4)]), place, align=4)
        return context.get_dummy_value()

    return signature, codegen
