"""From full rows of the components to RGB, with stb_image's rounding (12 fractional bits; green's second term cut)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from ...kernels.runtime.borrow import borrow
from ...kernels.runtime.jit import kernel
from ...kernels.runtime.later import cgutils, intrinsic, types
from .upsample import upsample_row

LANES = 16
"""Pixels that are converted together."""

RED_CR, GREEN_CR, GREEN_CB, BLUE_CB = 5743, 2925, 1410, 7258
"""1.402, 0.71414, 0.34414 and 1.772 times 4096, rounded."""

GREY, YCC, RGB, CMYK, YCCK, YCCK_GREY = range(6)
"""What the rows are turned into: 1 channel (GREY, YCCK_GREY) or 3."""


@kernel
def convert_planes(out, planes, layout, width, height, mode, lines, sums):
    """All components' samples to pixels.

    Args:
        out: written uint8[height, width, 1 or 3]
        planes: uint8[...]: of all components
        layout: int64[n, 5]: of each component: start of its plane, its row length, rows of samples, and how many pixels
            a sample spans across and down
        width, height: int
        mode: int: how the components make a colour
        lines: written uint8[n, width + 3] or more: room to work in
        sums: written uint16[width]: room to work in
    """
    out, planes, lines, sums = borrow(out), borrow(planes), borrow(lines), borrow(sums)
    stride = lines.size // layout.shape[0]
    channels = out.size // (width * height)
    for y in range(height):
        for k in range(layout.shape[0]):
            start, row, rows, across, down = layout[k]
            # row of samples below this pixel row's upper edge, counted in steps of half a sample
            steps = y + (down >> 1)
            lower = start + row * min(steps // down, rows - 1)
            upper = start + row * min(max(steps // down - 1, 0), rows - 1)
            near, far = (lower, upper) if steps % down >= down >> 1 else (upper, lower)
            samples = (width + across - 1) // across
            upsample_row(
                lines[k * stride : k * stride + samples * across],
                planes[near : near + samples],
                planes[far : far + samples],
                across,
                down,
                sums[:samples],
            )
        convert_row(out[y * width * channels : (y + 1) * width * channels], lines, stride, width, mode)


@kernel
def convert_row(out, lines, stride, width, mode):
    """One row of pixels.

    Args:
        out: written uint8[...]: this row's pixels
        lines: uint8[...]: one row per component
        stride: int: values from one component to the next
        width: int
        mode: int: how the components make a colour
    """
    first, second, third = lines[:width], lines[stride : stride + width], lines[2 * stride : 2 * stride + width]
    black = lines[3 * stride : 3 * stride + width]
    if mode == GREY:
        for i in range(width):
            out[i] = first[i]
    elif mode == YCC:
        _ycc_row(out, lines, stride, width)
    elif mode == RGB:
        for i in range(width):
            out[3 * i] = first[i]
            out[3 * i + 1] = second[i]
            out[3 * i + 2] = third[i]
    elif mode == CMYK:
        for i in range(width):
            out[3 * i] = _product(first[i], black[i])
            out[3 * i + 1] = _product(second[i], black[i])
            out[3 * i + 2] = _product(third[i], black[i])
    elif mode == YCCK:
        _ycc_row(out, lines, stride, width)
        for i in range(width):
            for k in range(3):
                out[3 * i + k] = _product(255 - out[3 * i + k], black[i])
    else:
        for i in range(width):
            out[i] = _product(255 - first[i], black[i])


@kernel
def _product(a, b):
    """a * b / 255, rounded (Blinn's).

    Args:
        a, b: uint8
    """
    t = np.int64(a) * np.int64(b) + 128
    return (t + (t >> 8)) >> 8


@kernel
def _ycc_row(out, lines, stride, width):
    """A row of luma and chroma to red, green and blue.

    Args:
        out, lines, stride, width: any: as for `convert_row`
    """
    whole = width - width % LANES
    for i in range(0, whole, LANES):
        _ycc_pixels(out, 3 * i, lines, i, stride)
    for i in range(whole, width):
        luma = (lines[i] << 12) + (1 << 11)
        cb = lines[stride + i] - 128
        cr = lines[2 * stride + i] - 128
        out[3 * i] = _byte((luma + RED_CR * cr) >> 12)
        out[3 * i + 1] = _byte((luma - GREEN_CR * cr + ((-GREEN_CB * cb) >> 8 << 8)) >> 12)
        out[3 * i + 2] = _byte((luma + BLUE_CB * cb) >> 12)


@kernel
def _byte(x):
    """The nearest number that a byte can be.

    Args:
        x: int
    """
    return max(0, min(x, 255))


_BYTES, _INTS = ir.VectorType(ir.IntType(8), LANES), ir.VectorType(ir.IntType(32), LANES)


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_INTS, [value] * LANES)


def _to_bytes(b: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """The integer part (of 12 fractional bits), limited to 0 to 255."""
    x = b.ashr(x, _splat(12))
    for sign, limit in (("<", 0), (">", 255)):
        x = b.select(b.icmp_signed(sign, x, _splat(limit)), _splat(limit), x)
    return b.trunc(x, _BYTES)


def _interleaved(b: ir.IRBuilder, red: ir.Value, green: ir.Value, blue: ir.Value) -> ir.Value:
    """One vector of red, green, blue, red, ..."""
    index = ir.VectorType(ir.IntType(32), 2 * LANES)
    both = b.shuffle_vector(red, green, ir.Constant(index, list(range(2 * LANES))))
    wide = b.shuffle_vector(blue, blue, ir.Constant(index, list(range(2 * LANES))))
    order = [k * LANES + i for i in range(LANES) for k in range(3)]
    return b.shuffle_vector(both, wide, ir.Constant(ir.VectorType(ir.IntType(32), 3 * LANES), order))


@intrinsic
def _ycc_pixels(
    typingctx: Any, out: Any, start: Any, lines: Any, at: Any, stride: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """LANES pixels of `_ycc_row`: three vectors of `lines` (from at + k * stride on) become one of `out`."""
    array = types.Array(types.uint8, 1, "C")
    signature = types.void(array, types.int64, array, types.int64, types.int64)

    def codegen(context: Any, b: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
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
