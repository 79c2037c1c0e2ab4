"""How the threads that run a plan together share out the tasks of its steps, and wait for each other between them.

A step's kernel gets a ``queue`` of 16 counters (int64): eight of the step before it, then eight of its own. The threads
take numbers from the step's own ones until they are beyond the last task; a step begins when all threads have left the
one before it. So they meet inside of their kernels, without Python's lock and without going to sleep.
"""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import kernel

CELLS = 8
"""Counters of a step."""

TASKS, WORKERS, ABSENT, EXPECTED = range(4)
"""A step's counters: of tasks that were taken, each thread's one beyond the last included; of threads that wanted a
number of their own; of threads that did not take part; and how many of the first and third there are in the end."""

_PATIENCE = 2000
"""How often a thread looks whether the others have left before it lets other programs have its core meanwhile. (Without
the processor's instruction for such loops: virtual machines take a thread that uses it off its core.)"""

_INT = ir.IntType(64)


def _cell(context: Any, builder: Any, array_type: Any, array: Any, i: Any) -> Any:
    data = cgutils.create_struct_proxy(array_type)(context, builder, array).data
    return builder.gep(data, [i])


@intrinsic
def _take(typingctx: Any, queue: Any, i: Any) -> Any:
    """``queue[i]``, and one is added to it: atomically, and what was written before is seen by who takes after."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _cell(context, builder, signature.args[0], *args), _INT(1), "acq_rel")

    return types.int64(types.Array(types.int64, 1, "C"), types.int64), codegen


@intrinsic
def _look(typingctx: Any, queue: Any, i: Any) -> Any:
    """``queue[i]`` as it is now, whatever was read before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_cell(context, builder, signature.args[0], *args), "acquire", 8)

    return types.int64(types.Array(types.int64, 1, "C"), types.int64), codegen


@intrinsic
def _give_way(typingctx: Any) -> Any:
    """Let other threads run on this core."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), []), name), [])
        return context.get_dummy_value()

    return types.void(), codegen


@kernel
def claim(queue, i):
    # Take the next number of the step's own counter i, TASKS or WORKERS: 0, 1, 2, ... Returns only when all threads
    # have left the step before. A thread that got a task's number beyond the last has nothing more to do, and must not
    # take another one.
    looked = 0
    while _look(queue, TASKS) + _look(queue, ABSENT) < queue[EXPECTED]:
        looked += 1
        if looked > _PATIENCE:
            _give_way()
    return _take(queue, CELLS + i)


@kernel
def stay_away(queue):
    # For a thread that takes no task at all of a step
    claim(queue, ABSENT)
