"""Calling kernels without Python: a run of many steps is one loop in machine code.

A call from Python costs a short kernel more time than its work: each argument's type is looked at, and Python's lock is
taken back afterwards, for which a thread may have to wait until another one has been woken. So what a step's kernel is
to be called with is written into a block of memory once (`jit.Native`), and `run_calls` goes from block to block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from .jit import Native, kernel
from .later import intrinsic, types

COUNT_AT, LENGTH_AT = 3, 6
"""Where in a block, in 8 bytes each, stand the first argument's number of values and its length (see `values`)."""

_BYTE_POINTER, _INT32 = ir.IntType(8).as_pointer(), ir.IntType(32)


class Calls:
    """Calls of kernels, ready to be made by some threads, in their order."""

    def __init__(self, natives: Sequence[Native], arguments: Sequence[tuple[Any, ...]], threads: int = 1) -> None:
        """
        Args:
            natives: of each call, the kernel's code.
            arguments: what it gets; they must stay where they are.
            threads: how many make the calls. The first argument, an array of one dimension, is as much longer for
                each as its number.
        """
        self._arguments = arguments  # keeps their memory
        blocks = [native.block(given) for native, given in zip(natives, arguments, strict=True)]
        starts = np.cumsum([0, *map(len, blocks)])[:-1]
        self._blocks = np.tile(np.frombuffer(b"".join(blocks), np.int64), (threads, 1))
        for place in (COUNT_AT, LENGTH_AT):
            self._blocks[:, starts // 8 + place] += np.arange(threads)[:, None]
        tables = np.empty((threads, len(blocks), 2), np.int64)
        tables[:, :, 0] = [native.address for native in natives]
        tables[:, :, 1] = starts + self._blocks.ctypes.data + np.arange(threads)[:, None] * self._blocks.strides[0]
        self._tables: list[NDArray[np.int64]] = list(tables.reshape(threads, -1))
        run_calls(self._tables[0], 0, 0)  # compiled, and called at once by all threads afterwards

    def run(self, first: int, end: int, thread: int = 0) -> int:
        """A thread makes some of the calls; the number of the one whose kernel raised an error, or -1."""
        return int(run_calls(self._tables[thread], first, end))


@intrinsic
def _call(typingctx: Any, address: Any, block: Any) -> Any:
    """Call ``int32 f(block)``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = builder.inttoptr(args[0], ir.FunctionType(_INT32, [_BYTE_POINTER]).as_pointer())
        return builder.call(function, [builder.inttoptr(args[1], _BYTE_POINTER)])

    return types.int32(types.int64, types.int64), codegen


@kernel
def run_calls(table, first, end):
    """Make some calls of a table; returns the number of the one that raised an error, or -1.

    Args:
        table: int64[end, 2] or more: of each call the addresses of its function and of its block
        first, end: int: which calls; ``end`` is not one of them
    """
    for i in range(first, end):
        if _call(table[2 * i], table[2 * i + 1]) != 0:
            return i
    return -1
