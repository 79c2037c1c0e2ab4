"""Whether denormal numbers count as zero, as in a program that ``gcc -Ofast`` has linked (``crtfastmath``).

The switch is in each thread's floating-point control word, where any library may have left it on: a Darknet loaded into
the process does so. What else in that word changes results, the direction of rounding above all, is set to IEEE 754's
default with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from llvmlite import ir

from .jit import kernel
from .later import intrinsic, types
from .processor import ARCHITECTURE

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)


@dataclass(frozen=True)
class ControlWord:
    """A processor's floating-point control word.

    Attributes:
        flush: bits that make denormal operands and results count as zero.
        others: the other bits that change results; IEEE 754's default is 0 in each.
        emit_read: puts the code that reads the word (int64) where a builder stands.
        emit_write: the same for writing it.
    """

    flush: int
    others: int
    emit_read: Callable[[Any], Any]
    emit_write: Callable[[Any, Any], None]


def _function(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    known = builder.module.globals.get(name)
    return known or ir.Function(builder.module, ir.FunctionType(result, arguments), name)


def _read_mxcsr(builder: Any) -> Any:
    slot = builder.alloca(_INT32)
    byte_pointer = ir.IntType(8).as_pointer()
    stmxcsr = _function(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), byte_pointer)
    builder.call(stmxcsr, [builder.bitcast(slot, byte_pointer)])
    return builder.zext(builder.load(slot), _INT64)


def _write_mxcsr(builder: Any, word: Any) -> None:
    slot = builder.alloca(_INT32)
    builder.store(builder.trunc(word, _INT32), slot)
    byte_pointer = ir.IntType(8).as_pointer()
    ldmxcsr = _function(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), byte_pointer)
    builder.call(ldmxcsr, [builder.bitcast(slot, byte_pointer)])


def _read_fpcr(builder: Any) -> Any:
    return builder.call(_function(builder, "llvm.aarch64.get.fpcr", _INT64), [])


def _write_fpcr(builder: Any, word: Any) -> None:
    builder.call(_function(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), _INT64), [word])


_MXCSR = ControlWord(0x8040, 0x6000, _read_mxcsr, _write_mxcsr)
"""x86-64: FTZ and DAZ; the direction of rounding."""

_FPCR = ControlWord(1 << 24, 3 << 22 | 1 << 25 | 0b111, _read_fpcr, _write_fpcr)
"""64-bit ARM: FZ; the direction of rounding, DN (NaNs lose their payload), and NEP, AH and FIZ of newer processors.

FZ flushes operands and results. (FZ16 is of half precision only, which nothing here computes with.)
"""

CONTROL_WORDS = {"x86-64": _MXCSR, "arm64": _FPCR}
"""By architecture."""

CONTROL_WORD = CONTROL_WORDS.get(ARCHITECTURE)
"""The one of the processor here; None where it is not known, and denormals stay as they are."""


@contextmanager
def denormals_as_zero(flush: bool) -> Iterator[None]:
    """While inside, denormal operands and results of this thread's floating-point arithmetic count as zero, or do not.

    All else is as IEEE 754 has it by default: results are rounded to the nearest number, and NumPy gives no warning of
    overflow and NaN, as C gives none. Whatever was set before is set again afterwards.
    """
    with np.errstate(all="ignore"):
        if CONTROL_WORD is None:
            yield
        else:
            yield from _with_word(flush)


@dataclass(frozen=True)
class Denormals:
    """`denormals_as_zero` for the threads of a run (`plan.pool`): as a context, and as bits for `runtime.calls`."""

    flush: bool

    def __call__(self) -> AbstractContextManager[None]:
        return denormals_as_zero(self.flush)

    @cached_property
    def bits(self) -> tuple[int, int]:
        """Those of the control word that are to be 0, and then to be 1."""
        control = CONTROL_WORD
        return (0, 0) if control is None else (control.flush | control.others, control.flush * self.flush)


def _with_word(flush: bool) -> Iterator[None]:
    word = np.empty(1, np.int64)
    read_control(word)
    before = int(word[0])
    cleared, wanted = Denormals(flush).bits
    wanted |= before & ~cleared
    if wanted != before:
        write_control(wanted)
    try:
        yield
    finally:
        if wanted != before:
            write_control(before)


@intrinsic
def read_word(typingctx: Any) -> Any:
    """The control word of this thread; 0 where it is not known."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _INT64(0) if CONTROL_WORD is None else CONTROL_WORD.emit_read(builder)

    return types.int64(), codegen


@intrinsic
def write_word(typingctx: Any, word: Any) -> Any:
    """Set it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if CONTROL_WORD is not None:
            CONTROL_WORD.emit_write(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@kernel
def read_control(out):
    """The control word of this thread.

    Args:
        out: written int64[1]
    """
    out[0] = read_word()


@kernel
def write_control(word):
    """Set the control word of this thread.

    Args:
        word: int
    """
    write_word(word)
