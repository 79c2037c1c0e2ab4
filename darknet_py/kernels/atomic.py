"""One atomic operation: how the worker threads share out the tasks of a step among themselves."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def claim(typingctx: Any, queue: Any, i: Any) -> Any:
    """Take the next number from counter ``i`` of ``queue`` (int64): returns its value and adds one, atomically.

    Counter 0 counts the tasks of a step; a kernel that needs memory of its own per worker numbers its workers with
    counter 1. The pool sets all counters to 0 before a step.
    """
    signature = types.int64(types.Array(types.int64, 1, "C"), types.int64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0])
        counter = builder.gep(array.data, [args[1]])
        return builder.atomic_rmw("add", counter, ir.Constant(ir.IntType(64), 1), "monotonic")

    return signature, codegen
