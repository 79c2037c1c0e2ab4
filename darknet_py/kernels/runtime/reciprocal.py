"""The reciprocal estimate of x86 processors (``rcpps``), which ``gcc -Ofast`` puts in place of divisions.

The instruction is good to 12 bits, and its low bits are the maker's choice: a program that uses it does not compute
the same on Intel's processors as on AMD's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from .jit import kernel
from .later import intrinsic, types
from .processor import ARCHITECTURE

HAS_ESTIMATE = ARCHITECTURE == "x86-64"
"""Whether this processor has the instruction."""


def intel_estimate(x: np.float32) -> np.float32:
    """What Intel's processors give for a positive normal ``x``.

    The fraction's first 11 bits and a half stand for the fraction; the reciprocal is rounded to 12 bits. (The rule
    gives the same 2048 values that emulators of Intel's processors have in a table.)
    """
    fraction, exponent = np.frexp(x)  # x = fraction * 2**exponent, fraction in [.5, 1)
    midpoint = (int(float(fraction) * 4096) * 2 + 1) / 8192
    estimate: np.float32 = np.float32(np.ldexp(np.floor(4096 / midpoint + 0.5) / 4096, -int(exponent)))
    return estimate


def own_estimate(x: np.float32) -> np.float32:
    """What the processor here gives, if `HAS_ESTIMATE`."""
    result = np.empty(1, np.float32)
    _estimate(result, np.float32(x))
    estimate: np.float32 = result[0]
    return estimate


@intrinsic
def _rcp(typingctx: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), 4)
        name = "llvm.x86.sse.rcp.ps"
        function = builder.module.globals.get(name) or ir.Function(
            builder.module, ir.FunctionType(vector, [vector]), name
        )
        zero = ir.Constant(ir.IntType(32), 0)
        lanes = builder.insert_element(ir.Constant(vector, ir.Undefined), args[0], zero)
        return builder.extract_element(builder.call(function, [lanes]), zero)

    return types.float32(types.float32), codegen


@kernel
def _estimate(out, x):
    """The processor's estimate of 1 / x.

    Args:
        out: written float32[1]
        x: float32
    """
    out[0] = _rcp(x)
