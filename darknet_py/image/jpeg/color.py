"""From full rows of the components to RGB, with stb_image's rounding (12 fractional bits; green's second term cut)."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...kernels.jit import kernel

LANES = 16
"""Pixels that are converted together."""

RED_CR, GREEN_CR, GREEN_CB, BLUE_CB = 5743, 2925, 1410, 7258
"""1.402, 0.71414, 0.34414 and 1.772 times 4096, rounded."""

GREY, YCC, RGB, CMYK, YCCK, YCCK_GREY = range(6)
"""What the rows are turned into: 1 channel (GREY, YCCK_GREY) or 3."""


@kernel
def convert_row(out, start, lines, stride, width, mode):
    # out: uint8, this row's pixels from `start` on; lines: uint8, one row per component, `stride` apart.
    if mode == GREY:
        for i in range(width):
            out[start + i] = lines[i]
    elif mode == YCC:
        _ycc_row(out, start, lines, stride, width)
    elif mode == RGB:
        for i in range(width):
            for k in range(3):
                out[start + 3 * i + k] = lines[k * stride + i]
    elif mode == CMYK:
        for i in range(width):
            black = lines[3 * stride + i]
            for k in range(3):
                out[start + 3 * i + k] = _product(lines[k * stride + i], black)
    elif mode == YCCK:
        _ycc_row(out, start, lines, stride, width)
        for i in range(width):
            black = lines[3 * stride + i]
            for k in range(start + 3 * i, start + 3 * i + 3):
                out[k] = _product(255 - out[k], black)
    else:
        for i in range(width):
            out[start + i] = _product(255 - lines[i], lines[3 * stride + i])


@kernel
def _product(a, b):
    # a * b / 255, rounded (Blinn's)
    t = a * b + 128
    return (t + (t >> 8)) >> 8


@kernel
def _ycc_row(out, start, lines, stride, width):
    whole = width - width % LANES
    for i in range(0, whole, LANES):
        _ycc_pixels(out, start + 3 * i, lines, i, stride)
    for i in range(whole, width):
        luma = (lines[i] << 12) + (1 << 11)
        cb = lines[stride + i] - 128
        cr = lines[2 * stride + i] - 128
        out[start + 3 * i] = _byte((luma + RED_CR * cr) >> 12)
        out[start + 3 * i + 1] = _byte((luma - GREEN_CR * cr + ((-GREEN_CB * cb) >> 8 << 8)) >> 12)
        out[start + 3 * i + 2] = _byte((luma + BLUE_CB * cb) >> 12)


@kernel
def _byte(x):
    return max(0, min(x, 255))


_BYTES, _INTS = ir.VectorType(ir.IntType(8), LANES), ir.VectorType(ir.IntType(32), LANES)


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_INTS, [value] * LANES)


def _to_bytes(b: Any, x: Any) -> Any:
    """The integer part (of 12 fractional bits), limited to 0 to 255."""
    x = b.ashr(x, _splat(12))
    for sign, limit in (("<", 0), (">", 255)):
        x = b.select(b.icmp_signed(sign, x, _splat(limit)), _splat(limit), x)
    return b.trunc(x, _BYTES)


def _interleaved(b: Any, red: Any, green: Any, blue: Any) -> Any:
    """One vector of red, green, blue, red, ..."""
    index = ir.VectorType(ir.IntType(32), 2 * LANES)
    both = b.shuffle_vector(red, green, ir.Constant(index, list(range(2 * LANES))))
    wide = b.shuffle_vector(blue, blue, ir.Constant(index, list(range(2 * LANES))))
    order = [k * LANES + i for i in range(LANES) for k in range(3)]
    return b.shuffle_vector(both, wide, ir.Constant(ir.VectorType(ir.IntType(32), 3 * LANES), order))


@intrinsic
def _ycc_pixels(typingctx: Any, out: Any, start: Any, lines: Any, at: Any, stride: Any) -> Any:
    """LANES pixels of `_ycc_row`: out[start : start + 3 * LANES] of lines[at + k * stride : ... + LANES], k = 0, 1, 2."""
    array = types.Array(types.uint8, 1, "C")
    signature = types.void(array, types.int64, array, types.int64, types.int64)

    def codegen(context: Any, b: Any, signature: Any, args: Any) -> Any:
        out, start, lines, at, stride = args
        source = cgutils.create_struct_proxy(signature.args[2])(context, b, lines).data
        target = cgutils.create_struct_proxy(signature.args[0])(context, b, out).data
        components = []
        for _ in range(3):
            pointer = b.bitcast(b.gep(source, [at]), _BYTES.as_pointer())
            components.append(b.zext(b.load(pointer, align=1), _INTS))
            at = b.add(at, stride)
        luma = b.add(b.shl(components[0], _splat(12)), _splat(1 << 11))
        cb, cr = (b.sub(chroma, _splat(128)) for chroma in components[1:])
        cut = b.and_(b.mul(cb, _splat(-GREEN_CB)), _splat(-256))
        red = b.add(luma, b.mul(cr, _splat(RED_CR)))
        green = b.add(b.sub(luma, b.mul(cr, _splat(GREEN_CR))), cut)
        blue = b.add(luma, b.mul(cb, _splat(BLUE_CB)))
        pixels = _interleaved(b, *(_to_bytes(b, x) for x in (red, green, blue)))
        b.store(pixels, b.bitcast(b.gep(target, [start]), pixels.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return signature, codegen
