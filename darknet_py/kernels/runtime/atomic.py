"""How the threads that run a plan together share out the tasks of its steps, and wait for each other between them.

A step's kernel gets a ``queue`` of 16 counters (int64): eight of the step before it, then eight of its own. The threads
take tasks by number (`next_task`) until none is left; a step begins when all threads have left the one before it. So
they meet inside of their kernels, without Python's lock and without going to sleep.

How many tasks there are stands in the queue, and nowhere else while a step runs: whoever made the queue asked the
kernel's own ``tasks`` (`kernels.runtime.work`), so that there are no two counts that could differ.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from .jit import kernel
from .later import cgutils, intrinsic, types

CELLS = 8
"""Counters of a step."""

TASKS, WORKERS, ABSENT, EXPECTED, COUNT = range(5)
"""A step's counters: of tasks that were taken, each thread's one beyond the last included; of threads that wanted a
number of their own; of threads that did not take part; how many of the first and third there are in the end; and how
many tasks there are."""


def new_queue(tasks: int) -> NDArray[np.int64]:
    """A queue for one step alone, with nothing before it."""
    queue = np.zeros(2 * CELLS, np.int64)
    queue[CELLS + COUNT] = tasks
    return queue


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
    """Take the next number of one of the step's own counters: 0, 1, 2, ...

    Returns only when all threads have left the step before.

    Args:
        i: int: TASKS, WORKERS or ABSENT
    """
    looked = 0
    while _look(queue, TASKS) + _look(queue, ABSENT) < queue[EXPECTED]:
        looked += 1
        if looked > _PATIENCE:
            _give_way()
    return _take(queue, CELLS + i)


@kernel
def next_task(queue):
    """The number of a task that is not taken; -1 if none is left: the thread must leave, and not ask again."""
    task = claim(queue, TASKS)
    return task if task < queue[CELLS + COUNT] else -1


@kernel
def join(queue, places):
    """The thread's number among the workers of a step; -1 if no place is left: it must leave the step to the others.

    Args:
        places: int: for how many workers there is memory
    """
    worker = claim(queue, WORKERS)
    if worker < places:
        return worker
    claim(queue, ABSENT)
    return -1


SIGNS = 8
"""Cells of a thread that rests, or of the bell; three are used."""

RUNS, RESTS, SEEN = range(3)
"""How many runs a thread has been asked for (the bell: how often it was rung); how many of them have ended; how often
the bell had been rung when the thread last asked."""

RING, REST, AWAIT = range(3)
"""What `meet` does."""


@kernel
def meet(bell, signs, what, looks):
    """Ring the bell (`RING`); or rest until it rings, and give a sign of that before (`REST`); or wait for that sign
    (`AWAIT`). Whoever waits does so until it has looked often enough.

    Args:
        bell: int64[SIGNS]
        signs: int64[SIGNS]: of the thread that rests
        what: int
        looks: int: how often it looks
    """
    if what == RING:
        _take(bell, RUNS)
        return
    if what == REST:
        while _look(signs, RESTS) < signs[RUNS]:
            _take(signs, RESTS)
    for looked in range(looks):
        if what == REST and _look(bell, RUNS) != signs[SEEN]:
            return
        if what == AWAIT and _look(signs, RESTS) >= signs[RUNS]:
            return
        if looked > _PATIENCE:
            _give_way()
