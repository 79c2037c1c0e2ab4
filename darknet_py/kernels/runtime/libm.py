"""The scalar mathematics of the C library, exactly as compiled C calls it.

Numba may replace ``math.exp`` in a loop by a vector version (Intel's SVML, when that package is installed) whose last
bits differ. Here the address of the C function passes through an empty assembly statement before the call, so that the
optimiser cannot know which function it is: it can neither vectorise, fold nor replace it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from llvmlite import ir

from .jit import kernel
from .later import intrinsic, types


def _opaque_call(builder: Any, name: str, function_type: Any, args: Any) -> Any:
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, function_type, name)
    pointer_type = function_type.as_pointer()
    identity = ir.InlineAsm(ir.FunctionType(pointer_type, [pointer_type]), "", "=r,0", side_effect=False)
    return builder.call(builder.call(identity, [function]), args)


@intrinsic
def exp(typingctx: Any, x: Any) -> Any:
    """``double exp(double)``."""

    return types.float64(types.float64), _of_doubles("exp", 1)


@intrinsic
def log(typingctx: Any, x: Any) -> Any:
    """``double log(double)``."""
    return types.float64(types.float64), _of_doubles("log", 1)


@intrinsic
def sin(typingctx: Any, x: Any) -> Any:
    """``double sin(double)``."""
    return types.float64(types.float64), _of_doubles("sin", 1)


@intrinsic
def cos(typingctx: Any, x: Any) -> Any:
    """``double cos(double)``."""
    return types.float64(types.float64), _of_doubles("cos", 1)


@intrinsic
def pow(typingctx: Any, x: Any, y: Any) -> Any:
    """``double pow(double, double)``."""
    return types.float64(types.float64, types.float64), _of_doubles("pow", 2)


def _of_doubles(name: str, count: int) -> Any:
    """Code that calls a function of doubles."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        return _opaque_call(builder, name, ir.FunctionType(double, [double] * count), args)

    return codegen


@intrinsic
def expf(typingctx: Any, x: Any) -> Any:
    """``float expf(float)``."""
    return types.float32(types.float32), _of_floats("expf", 1)


@intrinsic
def logf(typingctx: Any, x: Any) -> Any:
    """``float logf(float)``."""
    return types.float32(types.float32), _of_floats("logf", 1)


@intrinsic
def tanhf(typingctx: Any, x: Any) -> Any:
    """``float tanhf(float)``."""
    return types.float32(types.float32), _of_floats("tanhf", 1)


@intrinsic
def powf(typingctx: Any, x: Any, y: Any) -> Any:
    """``float powf(float, float)``."""
    return types.float32(types.float32, types.float32), _of_floats("powf", 2)


def _of_floats(name: str, count: int) -> Any:
    """Code that calls a function of floats."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        single = ir.FloatType()
        return _opaque_call(builder, name, ir.FunctionType(single, [single] * count), args)

    return codegen


KINDS = {
    "49517eb5850711057af7f3da5e38800e026e2956cb8dcb5017edd747d8a52a4d": "glibc's, with fused multiply-add",
    "3a7401172cd86b0b556de8945a8cd34590084fd0fd827fb341f050f285ba59d6": "glibc's, without fused multiply-add",
}
"""What is known of C libraries, by `fingerprint`.

glibc from 2.28 on has functions of both kinds on x86-64, and takes what the processor can run; on 64-bit ARM it gives
the former, and musl on x86-64 the latter.
"""


def fingerprint() -> str:
    """A hash of what the C library's three functions give for numbers of all sizes that networks meet."""
    x = np.arange(-10_000, 10_001) * 0.01
    results = np.empty(x.size), np.empty(x.size, np.float32), np.empty(x.size)
    evaluate(*results, x)
    return hashlib.sha256(b"".join(part.tobytes() for part in results)).hexdigest()


@kernel
def evaluate(exps, expfs, pows, x):
    """Each of the functions, of some values.

    Args:
        exps: written float64[n]
        expfs: written float32[n]
        pows: written float64[n]
        x: float64[n]
    """
    for i in range(x.size):
        exps[i] = exp(x[i])
        expfs[i] = expf(np.float32(x[i]))
        pows[i] = pow(abs(x[i]) + 0.01, x[i] * 0.125)
