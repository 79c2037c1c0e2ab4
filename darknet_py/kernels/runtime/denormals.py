"""Whether denormal numbers count as zero, as in a program that ``gcc -Ofast`` has linked (``crtfastmath``).

The switch is in each thread's floating-point control word, where any library may have left it on: a Darknet loaded into
the process does so.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import kernel

HAS_MXCSR = platform.machine().lower() in ("x86_64", "amd64")

FLUSH = 0x8040
"""MXCSR bits: results flushed to zero, operands taken as zero."""


@contextmanager
def denormals_as_zero(flush: bool) -> Iterator[None]:
    """While inside, denormal operands and results of this thread's floating-point arithmetic count as zero, or do not.

    Whatever was set before is set again afterwards. On processors other than x86-64 it changes nothing.
    """
    if not HAS_MXCSR:
        yield
        return
    word = np.empty(1, np.int32)
    _read_control(word)
    before = int(word[0])
    wanted = before | FLUSH if flush else before & ~FLUSH
    if wanted != before:
        _write_control(wanted)
    try:
        yield
    finally:
        if wanted != before:
            _write_control(before)


def _call(builder: Any, name: str, pointer: Any) -> None:
    byte_pointer = ir.IntType(8).as_pointer()
    function = builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(ir.VoidType(), [byte_pointer]), name
    )
    builder.call(function, [builder.bitcast(pointer, byte_pointer)])


@intrinsic
def _stmxcsr(typingctx: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        slot = builder.alloca(ir.IntType(32))
        _call(builder, "llvm.x86.sse.stmxcsr", slot)
        return builder.load(slot)

    return types.int32(), codegen


@intrinsic
def _ldmxcsr(typingctx: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        slot = builder.alloca(ir.IntType(32))
        builder.store(builder.trunc(args[0], ir.IntType(32)), slot)
        _call(builder, "llvm.x86.sse.ldmxcsr", slot)
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@kernel
def _read_control(out):
    # out int32[1]
    out[0] = _stmxcsr()


@kernel
def _write_control(word):
    # word int64
    _ldmxcsr(word)
