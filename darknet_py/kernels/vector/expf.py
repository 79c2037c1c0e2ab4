"""The C library's ``expf`` and ``logf`` of many values at a time, with its bits.

glibc (from 2.27 on, on every processor) and musl have the same two functions, ARM's "optimized routines": each takes a
table and a polynomial of degree 3 or 4, in double, and rounds to float. The polynomials are off by as much as 2**-33:
the result is not always the float nearest to the true one, and only the same polynomials give the same floats. In what
order their products and sums are rounded, and whether some are fused, differs from build to build, but moves the double
by less than a relative 2**-46 (below). So: compute it in any order, widen it to an interval, and where both ends round
to the same float, that is the result of every build. Where they do not, one value in 2**20, a lane is made a nan: the
caller computes with vectors to the end and, where a nan comes out, asks the C library, value by value.

How much: in ``expf``, x * 32 / ln 2 is rounded to a multiple of 2**-40 at worst (x near -104), which r, of which the
polynomial is taken, inherits: 2**-41 ln 2 / 32 = 2**-46.5 of the result. In ``logf``, r is off by 2**-53, of a
logarithm of at least 0.0197 (nearer to 1, r is exact): 2**-47.3 of it. All other roundings are of 2**-53.

Whether the C library here is of that kind, `library.matches_library` finds out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from ..runtime.jit import kernel
from ..runtime.later import intrinsic, types
from .llvm import INT, INT32, vector_type
from .simd import (
    VectorType,
    add,
    fma,
    larger,
    mul,
    negated,
    smaller,
    splat,
    sub,
    unless_nan,
    widen,
)  # fmt: skip
from .tables import look_up

_PARTS = 32
"""Of an octave, in ``expf``."""

_ROOTS = (np.exp2(np.arange(_PARTS) / _PARTS).view(np.int64) - (np.arange(_PARTS) << 47)).tolist()
"""Bits of 2**(i / 32), less what is added with the number of octaves: i / 32, in its exponent."""

_SCALE = float.fromhex("0x1.71547652b82fep+0") * _PARTS
"""32 / ln 2"""

_ROUND = 1.5 * 2.0**52
"""A double to which others are added to round them to a whole number, which is then in its lowest bits."""

_EXP_3 = float.fromhex("0x1.c6af84b912394p-5") / _PARTS**3
_EXP_2 = float.fromhex("0x1.ebfce50fac4f3p-3") / _PARTS**2
_EXP_1 = float.fromhex("0x1.62e42ff0c52d6p-1") / _PARTS
"""2**(r / 32) = 1 + _EXP_1 r + _EXP_2 r**2 + _EXP_3 r**3 for |r| <= 1/2, nearly."""

LOWEST, HIGHEST = np.float32(-87), np.float32(90)
"""Below, floats are denormal soon; at HIGHEST and above, ``expf`` is infinity."""

_LN2 = float.fromhex("0x1.62e42fefa39efp-1")

_LOG_BITS = 0x3F330000
"""The bits of the float from which on the table divides an octave into 16 parts, by bits."""

_RECIPROCALS = tuple(map(float.fromhex, (
    "0x1.661ec79f8f3bep+0", "0x1.571ed4aaf883dp+0", "0x1.49539f0f010bp+0", "0x1.3c995b0b80385p+0",
    "0x1.30d190c8864a5p+0", "0x1.25e227b0b8eap+0", "0x1.1bb4a4a1a343fp+0", "0x1.12358f08ae5bap+0",
    "0x1.0953f419900a7p+0", "0x1p+0", "0x1.e608cfd9a47acp-1", "0x1.ca4b31f026aap-1",
    "0x1.b2036576afce6p-1", "0x1.9c2d163a1aa2dp-1", "0x1.886e6037841edp-1", "0x1.767dcf5534862p-1",
)))  # fmt: skip
"""1/c for a c near the middle of each part, chosen such that both 1/c and log c are near to doubles."""

_LOGARITHMS = tuple(map(float.fromhex, (
    "-0x1.57bf7808caadep-2", "-0x1.2bef0a7c06ddbp-2", "-0x1.01eae7f513a67p-2", "-0x1.b31d8a68224e9p-3",
    "-0x1.6574f0ac07758p-3", "-0x1.1aa2bc79c81p-3", "-0x1.a4e76ce8c0e5ep-4", "-0x1.1973c5a611cccp-4",
    "-0x1.252f438e10c1ep-5", "0x0p+0", "0x1.aa5aa5df25984p-5", "0x1.c5e53aa362eb4p-4",
    "0x1.526e57720db08p-3", "0x1.bc2860d22477p-3", "0x1.1058bc8a07ee1p-2", "0x1.4043057b6ee09p-2",
)))  # fmt: skip
"""log c"""

_LOG_4 = float.fromhex("-0x1.00ea348b88334p-2")
_LOG_3 = float.fromhex("0x1.5575b0be00b6ap-2")
_LOG_2 = float.fromhex("-0x1.ffffef20a4123p-2")
"""log(1 + r) = r + _LOG_2 r**2 + _LOG_3 r**3 + _LOG_4 r**4, nearly."""

_INTERVAL = 8
"""A double's last bits that are not sure: it may be off by 2**7 of its last places, more than a relative 2**-46."""

_CUT_OFF = 29
"""Bits of a double that a float does not have. It lies in the middle of two floats where they are 1, 0, 0, ..."""


@kernel(forceinline=True)
def add_product(tile, c, a, b):
    """``c + a * b``, in one rounding where the processor can: only where that does not matter. Returns a vector.

    Args:
        tile: Tile
        c, a, b: vector
    """
    return fma(a, b, c) if tile.fused else add(mul(a, b), c)


@kernel(forceinline=True)
def expf_or_nan(tile, x):
    """expf(x), or a nan: where x is one, and where the result is not sure. Returns a vector.

    Below LOWEST it is expf(LOWEST): who adds 1 sees no difference.

    Args:
        tile: Tile
        x: vector: of float32
    """
    wide = widen(smaller(splat(tile, HIGHEST), larger(splat(tile, LOWEST), x)))
    scale, rounder = splat(tile, _SCALE), splat(tile, _ROUND)
    if tile.fused:
        rounded = fma(wide, scale, rounder)
        r = fma(wide, scale, sub(rounder, rounded))
    else:
        z = mul(wide, scale)
        rounded = add(z, rounder)
        r = sub(z, sub(rounded, rounder))
    high = add_product(tile, splat(tile, _EXP_2), splat(tile, _EXP_3), r)
    low = add_product(tile, splat(tile, 1.0), splat(tile, _EXP_1), r)
    return narrow_or_nan(times_root(add_product(tile, low, high, mul(r, r)), rounded))


@kernel(forceinline=True)
def logf_or_nan(tile, x):
    """logf(x), or a nan where x is one and where the result is not sure. Returns a vector.

    Args:
        tile: Tile
        x: vector: of positive float32 that are neither denormal nor infinite; or nans
    """
    one, z, c = splat(tile, 1.0), widen(fraction(x)), reciprocal(x)
    r = fma(z, c, negated(one)) if tile.fused else sub(mul(z, c), one)
    start = add_product(tile, logarithm(x), octave(x), splat(tile, _LN2))
    p = add_product(tile, splat(tile, _LOG_2), splat(tile, _LOG_3), r)
    squared = mul(r, r)
    p = add_product(tile, p, splat(tile, _LOG_4), squared)
    return unless_nan(x, narrow_or_nan(add_product(tile, add(start, r), p, squared)))


# --- numbers by their bits ---


def _splat(vector: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(vector, [value] * vector.count)


@intrinsic
def times_root(typingctx: Any, a: Any, n: Any) -> Any:
    """``2**(n / 32) * a``, lane by lane, of float64.

    n: float64 with a whole number in their lowest bits, see `_ROUND`.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.VectorType(INT, a.lanes)
        bits = builder.bitcast(args[1], whole)
        root = look_up(context, builder, _ROOTS, bits)
        power = builder.add(root, builder.shl(bits, _splat(whole, 47)))
        return builder.fmul(args[0], builder.bitcast(power, args[0].type))

    return a(a, n), codegen


@intrinsic
def narrow_or_nan(typingctx: Any, a: Any) -> Any:
    """float64 lanes rounded to float32, or a nan where they lie too near to the middle of two, see `_INTERVAL`.

    Not for denormal results.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.VectorType(INT, a.lanes)
        shift = (1 << _CUT_OFF - 1) + (1 << _INTERVAL - 1)  # the interval around the middle goes to 0 .. 2**_INTERVAL
        moved = builder.add(builder.bitcast(args[0], whole), _splat(whole, shift))
        rest = builder.and_(moved, _splat(whole, (1 << _CUT_OFF) - (1 << _INTERVAL)))
        is_sure = builder.icmp_unsigned("!=", rest, _splat(whole, 0))
        single = vector_type(types.float32, a.lanes)
        return builder.select(is_sure, builder.fptrunc(args[0], single), ir.Constant(single, [float("nan")] * a.lanes))

    return VectorType(types.float32, a.lanes)(a), codegen


def _of_bits(doc: str, target: str, code: Any) -> Any:
    """Intrinsic of a vector of float32: ``code`` gets its bits and their distance from `_LOG_BITS`."""

    def operation(typingctx: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            bits = builder.bitcast(args[0], ir.VectorType(INT32, x.lanes))
            distance = builder.sub(bits, _splat(bits.type, _LOG_BITS))
            return code(context, builder, bits, distance)

        return VectorType(getattr(types, target), x.lanes)(x), codegen

    operation.__doc__ = doc
    return intrinsic(operation)


def _fraction(context: Any, builder: Any, bits: Any, distance: Any) -> Any:
    octaves = builder.and_(distance, _splat(bits.type, 0xFF800000))
    return builder.bitcast(builder.sub(bits, octaves), vector_type(types.float32, bits.type.count))


def _octave(context: Any, builder: Any, bits: Any, distance: Any) -> Any:
    octaves = builder.ashr(distance, _splat(bits.type, 23))
    return builder.sitofp(octaves, vector_type(types.float64, bits.type.count))


def _part(table: tuple[float, ...]) -> Any:
    numbers = np.array(table).view(np.int64).tolist()

    def code(context: Any, builder: Any, bits: Any, distance: Any) -> Any:
        part = builder.zext(builder.lshr(distance, _splat(bits.type, 19)), ir.VectorType(INT, bits.type.count))
        found = look_up(context, builder, numbers, part)
        return builder.bitcast(found, vector_type(types.float64, bits.type.count))

    return code


fraction = _of_bits("x / 2**k, from 0.7 to 1.4, for a whole k; float32.", "float32", _fraction)
octave = _of_bits("That k, as float64.", "float64", _octave)
reciprocal = _of_bits("1/c for the part of the octave in which the fraction lies, as float64.", "float64",
                      _part(_RECIPROCALS))  # fmt: skip
logarithm = _of_bits("log c, likewise.", "float64", _part(_LOGARITHMS))
