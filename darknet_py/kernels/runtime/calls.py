"""Calling kernels without Python: a run of many steps is one loop in machine code.

A call from Python costs a short kernel more time than its work: each argument's type is looked at, and Python's lock is
taken back afterwards, for which a thread may have to wait until another one has been woken. So what a step's kernel is
to be called with is written into a block of memory once (`jit.Native`), and `run_calls` goes from block to block.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir

from . import objects
from .denormals import read_word, write_word
from .jit import Kernel, Native, kernel
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
        self._tables = np.empty((threads, len(blocks), 2), np.int64)
        self._tables[:, :, 0] = [native.address for native in natives]
        self._tables[:, :, 1] = (
            starts + self._blocks.ctypes.data + np.arange(threads)[:, None] * self._blocks.strides[0]
        )
        self.tables = self._tables.ctypes.data + np.arange(threads) * self._tables.strides[0]
        """Of each thread: where its table for `run_calls` lies."""
        self.count = len(blocks)
        self._runs = [Prepared(run_calls, int(table), 0, 0, 0, 0) for table in self.tables]

    def run(self, first: int, end: int, thread: int = 0, bits: tuple[int, int] = (0, 0)) -> int:
        """A thread makes some of the calls; the number of the one whose kernel raised an error, or -1.

        ``bits``: see `run_calls`.
        """
        return self._runs[thread](int(self.tables[thread]), first, end, *bits)


class Prepared:
    """A kernel of integers that returns one, for calls in which microseconds count: by one thread at a time."""

    def __init__(self, kernel: Kernel, *arguments: Any) -> None:
        """``arguments``: of the kinds that it will be called with; arrays stay what they are here."""
        native = kernel.native(arguments)
        assert native is not None
        self._arguments = arguments
        self._block = bytearray(native.block(arguments))
        self._numbers = struct.Struct(f"={sum(not isinstance(each, np.ndarray) for each in arguments)}q")
        self._start = len(self._block) - self._numbers.size
        self._run = partial(objects.function_at(native.address), objects.address_of(self._block))

    def __call__(self, *numbers: int) -> int:
        """``numbers``: the integers, which come last."""
        self._numbers.pack_into(self._block, self._start, *numbers)
        if self._run() != 0:
            raise RuntimeError("a kernel raised an error")
        return int.from_bytes(self._block[:8], sys.byteorder, signed=True)


@intrinsic
def number_at(typingctx: Any, address: Any) -> Any:
    """The int64 at an address."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], ir.IntType(64).as_pointer()))

    return types.int64(types.int64), codegen


@intrinsic
def _call(typingctx: Any, address: Any, block: Any) -> Any:
    """Call ``int32 f(block)``."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = builder.inttoptr(args[0], ir.FunctionType(_INT32, [_BYTE_POINTER]).as_pointer())
        return builder.call(function, [builder.inttoptr(args[1], _BYTE_POINTER)])

    return types.int32(types.int64, types.int64), codegen


@kernel
def run_calls(table, first, end, cleared, wanted):
    """Make some calls of a table; returns the number of the one that raised an error, or -1.

    Args:
        table: int: where it lies: of each call the addresses of its function and of its block
        first, end: int: which calls; ``end`` is not one of them
        cleared, wanted: int: bits of the thread's floating-point control word that are 0 meanwhile, and then are 1
    """
    before = read_word()
    word = before & ~cleared | wanted
    if word != before:
        write_word(word)
    failed = -1
    for i in range(first, end):
        if _call(number_at(table + 16 * i), number_at(table + 16 * i + 8)) != 0:
            failed = i
            break
    if word != before:
        write_word(before)
    return failed
