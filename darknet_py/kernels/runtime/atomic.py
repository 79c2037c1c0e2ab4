"""How the threads that run a plan together share out the tasks of its steps, and wait for each other between them.

A step's kernel gets a ``queue`` of counters (int64): `CELLS` of the step before it, then as many of its own. The
threads take tasks by number (`next_task`) until none is left; a step begins when all threads have left the one before
it. So they meet inside of their kernels, without Python's lock and without going to sleep.

The tasks are cut into shares, runs of as many numbers. A thread begins in its own share and goes on in those of others
when that is done. So of two steps whose tasks are cut alike (rows of a map, say) it has the same parts, and finds what
it wrote in its own cache: another core's is far away. Tasks of different size are ordered such that shares are alike.

How many tasks there are stands in the queue, and nowhere else while a step runs: whoever made the queue asked the
kernel's own ``tasks`` (`kernels.runtime.work`), so that there are no two counts that could differ. Which thread has a
queue is told by its length: it is as much longer as the thread's number (`queue_of`).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from .jit import kernel
from .later import cgutils, intrinsic, types

SHARES = 8
"""Shares of a step's tasks, at most."""

CELLS = 2 * SHARES
"""Counters of a step: eight, and how many tasks of each share were taken (in another line of the cache, as those who
wait for the end of a step look at the first ones)."""

LEFT, THREADS, COUNT, PARTS = range(4)
"""A step's counters: of threads that have left it; how many there are; how many tasks there are; how many shares."""


def new_queue(tasks: int) -> NDArray[np.int64]:
    """A queue for one step alone, that one thread runs, with nothing before it."""
    queue = np.zeros(2 * CELLS, np.int64)
    fill_queue(queue[CELLS:], tasks, 1)
    return queue


def fill_queue(cells: NDArray[np.int64], tasks: int, threads: int) -> None:
    """The counters of a step before it begins, from zeros."""
    cells[THREADS] = threads
    cells[COUNT] = tasks
    cells[PARTS] = max(1, min(threads, SHARES, tasks))


def queue_of(counters: NDArray[np.int64], step: int, thread: int) -> NDArray[np.int64]:
    """A thread's queue of a step. ``counters``: `CELLS` before the first step, those of all steps, one for each thread
    but the first."""
    return counters[CELLS * step : CELLS * (step + 2) + thread]


PATIENCE = 2000
"""How often a thread looks whether the others have left before it lets other programs have its core meanwhile. (Without
the processor's instruction for such loops: virtual machines take a thread that uses it off its core.)"""

_INT = ir.IntType(64)


def _cell(context: Any, builder: Any, array_type: Any, array: Any, i: Any) -> Any:
    data = cgutils.create_struct_proxy(array_type)(context, builder, array).data
    return builder.gep(data, [i])


@intrinsic
def take(typingctx: Any, queue: Any, i: Any) -> Any:
    """``queue[i]``, and one is added to it: atomically, and what was written before is seen by who takes after."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _cell(context, builder, signature.args[0], *args), _INT(1), "acq_rel")

    return types.int64(types.Array(types.int64, 1, "C"), types.int64), codegen


@intrinsic
def look(typingctx: Any, queue: Any, i: Any) -> Any:
    """``queue[i]`` as it is now, whatever was read before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_cell(context, builder, signature.args[0], *args), "acquire", 8)

    return types.int64(types.Array(types.int64, 1, "C"), types.int64), codegen


@intrinsic
def put(typingctx: Any, queue: Any, i: Any, value: Any) -> Any:
    """``queue[i] = value``; what was written before is seen by who looks."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array, place, number = args
        builder.store_atomic(number, _cell(context, builder, signature.args[0], array, place), "release", 8)
        return context.get_dummy_value()

    return types.void(types.Array(types.int64, 1, "C"), types.int64, types.int64), codegen


@intrinsic
def change(typingctx: Any, queue: Any, i: Any, before: Any, after: Any) -> Any:
    """``queue[i] = after`` if it is ``before``; returns whether it was: atomically."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array, place, old, new = args
        cell = _cell(context, builder, signature.args[0], array, place)
        return builder.extract_value(builder.cmpxchg(cell, old, new, "acq_rel", "acquire"), 1)

    return types.boolean(types.Array(types.int64, 1, "C"), types.int64, types.int64, types.int64), codegen


@intrinsic
def give_way(typingctx: Any) -> Any:
    """Let other threads run on this core."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"
        builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), []), name), [])
        return context.get_dummy_value()

    return types.void(), codegen


@kernel
def begin(queue):
    """Wait until all threads have left the step before; returns the thread's number."""
    looked = 0
    while look(queue, LEFT) < queue[THREADS]:
        looked += 1
        if looked > PATIENCE:
            give_way()
    return queue.size - 2 * CELLS


@kernel
def leave(queue):
    """The thread takes no more tasks of the step."""
    take(queue, CELLS + LEFT)


@kernel
def next_task(queue):
    """The number of a task that is not taken; -1 if none is left: the thread must leave, and not ask again."""
    thread = begin(queue)
    count, parts = queue[CELLS + COUNT], queue[CELLS + PARTS]
    part = thread * parts // queue[CELLS + THREADS]
    for _ in range(parts):
        first = count * part // parts
        size = count * (part + 1) // parts - first
        cell = CELLS + SHARES + part
        if look(queue, cell) < size:
            task = take(queue, cell)
            if task < size:
                return first + task
        part = part + 1 if part + 1 < parts else 0
    leave(queue)
    return -1


@kernel
def join(queue, places):
    """The thread's number among the workers of a step; -1 if it has no place: it must leave the step to the others.

    Args:
        places: int: for how many workers there is memory
    """
    worker = begin(queue)
    if worker < places:
        return worker
    leave(queue)
    return -1
