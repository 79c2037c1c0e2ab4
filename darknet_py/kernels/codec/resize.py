"""Darknet's image arithmetic: bytes to floats, and its bilinear resize in two passes (``resize_image``)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..runtime.jit import kernel
from ..runtime.later import overload, types

ONE = np.float32(1)


def _value(x, i, table):
    """Element ``i`` of the image as float32: a float as it is, a byte through the table."""
    raise NotImplementedError("for kernels only")


@overload(_value)
def _value_of_type(x, i, table):
    if x.dtype == types.uint8:
        return lambda x, i, table: table[x[i]]
    return lambda x, i, table: x[i]


@kernel
def to_planes(out, pixels, table, channels):
    """Bytes, pixel by pixel, to floats, channel by channel.

    Args:
        out: written float32[channels, h * w]
        pixels: uint8[h * w, channels]
        table: float32[256]: the value of each byte
        channels: int
    """
    cells = pixels.size // channels
    for k in range(channels):
        for i in range(cells):
            out[k * cells + i] = table[pixels[i * channels + k]]


@kernel
def columns_between(index, weight, w, out_w, step):
    """For each output column but the last: the input column to its left, and the weight of the right one.

    Args:
        index: written int64[out_w]: of the left column, times ``step``
        weight: written float32[out_w]
        w, out_w: int: width of the input and of the output
        step: int: values from one column of the input to the next
    """
    scale = np.float32(w - 1) / np.float32(out_w - 1) if out_w > 1 else np.float32(0)
    for c in range(out_w - 1):
        place = np.float32(c) * scale
        # Very wide outputs may round up to the last column, which has no right neighbour (Darknet stops there).
        left = max(min(np.int64(place), w - 2), 0)
        index[c] = left * step
        weight[c] = place - np.float32(left)


class Grid(NamedTuple):
    """Where an image lies in an array: value (k, r, c) at start + k * plane + r * row + c * step, for r < h, c < w."""

    start: int
    plane: int
    row: int
    step: int
    h: int
    w: int


@kernel
def resize_into(out, target, x, source, channels, table, index, weight, lines):
    """Only those input rows are narrowed that some output row needs, and each of them once.

    Args:
        out: written float32[...]
        target: Grid: of the output, its step is 1
        x: any: float32, or uint8 that the table makes float32
        source: Grid: of the input
        channels: int
        table: float32[256]: the value of each byte
        index: int64[target.w]: of `columns_between`
        weight: float32[target.w]: of `columns_between`
        lines: written float32[2, target.w]: room to work in
    """
    h, out_h, out_w = source.h, target.h, target.w
    scale = np.float32(h - 1) / np.float32(out_h - 1) if out_h > 1 else np.float32(0)
    for k in range(channels):
        held_upper = held_lower = -1
        upper, lower = 0, out_w
        for r in range(out_h):
            place = np.float32(r) * scale
            y = min(np.int64(place), h - 1)
            down = place - np.float32(y)
            if held_lower == y:
                upper, lower = lower, upper
                held_upper, held_lower = held_lower, held_upper
            if held_upper != y:
                _narrow(lines, upper, x, source, k, y, table, out_w, index, weight)
                held_upper = y
            first = target.start + k * target.plane + r * target.row
            up = ONE - down
            for c in range(out_w):
                out[first + c] = up * lines[upper + c]
            # Darknet's last row keeps its upper part alone, also where rounding left it some weight below.
            if r == out_h - 1 or h == 1:
                continue
            below = min(y + 1, h - 1)
            if held_lower != below:
                _narrow(lines, lower, x, source, k, below, table, out_w, index, weight)
                held_lower = below
            for c in range(out_w):
                out[first + c] += down * lines[lower + c]


@kernel
def _narrow(lines, place, x, source, k, y, table, out_w, index, weight):
    """lines[place : place + out_w] = row y of channel k of the input, resized to out_w values.

    Args:
        lines: written float32[2, out_w]
        place: int
        x, source: any: as for `resize_into`
        k, y: int
        table: float32[256]
        out_w: int: width of the output
        index: int64[out_w]: of `columns_between`
        weight: float32[out_w]: of `columns_between`
    """
    first, step, w = source.start + k * source.plane + y * source.row, source.step, source.w
    if w == 1:
        for c in range(out_w):
            lines[place + c] = _value(x, first, table)
        return
    for c in range(out_w - 1):
        i = first + index[c]
        right = weight[c]
        lines[place + c] = (ONE - right) * _value(x, i, table) + right * _value(x, i + step, table)
    lines[place + out_w - 1] = _value(x, first + (w - 1) * step, table)
