"""One atomic operation: how the worker threads share out the tasks of a step among themselves."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def claim(typingctx: Any, queue: Any) -> Any:
    """Take the next task number from ``queue`` (int64, one element): returns its value and adds one, atomically."""
    signature = types.int64(types.Array(types.int64, 1, "C"))

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return signature, codegen
