"""Darknet's image arithmetic: bytes to floats, and its bilinear resize in two passes (``resize_image``)."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from ..runtime.jit import kernel

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


@kernel
def resize_into(
    out, start, out_row, out_plane, x, step, row, plane, table, channels, h, w, out_h, out_w, index, weight, lines
):
    """Only those input rows are narrowed that some output row needs, and each of them once.

    Args:
        out: written float32[...]: value (k, r, c) at start + k * out_plane + r * out_row + c
        start, out_row, out_plane: int
        x: any: value (k, r, c) at k * plane + r * row + c * step, float32, or uint8 that the table makes float32
        step, row, plane: int
        table: float32[256]: the value of each byte
        channels: int
        h, w: int: sides of the input
        out_h, out_w: int: sides of the output
        index: int64[out_w]: of `columns_between`
        weight: float32[out_w]: of `columns_between`
        lines: written float32[2, out_w]: room to work in
    """
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
                _narrow(lines, upper, x, k * plane + y * row, step, table, w, out_w, index, weight)
                held_upper = y
            target = start + k * out_plane + r * out_row
            up = ONE - down
            for c in range(out_w):
                out[target + c] = up * lines[upper + c]
            # Darknet's last row keeps its upper part alone, also where rounding left it some weight below.
            if r == out_h - 1 or h == 1:
                continue
            below = min(y + 1, h - 1)
            if held_lower != below:
                _narrow(lines, lower, x, k * plane + below * row, step, table, w, out_w, index, weight)
                held_lower = below
            for c in range(out_w):
                out[target + c] += down * lines[lower + c]


@kernel
def _narrow(lines, target, x, source, step, table, w, out_w, index, weight):
    """lines[target : target + out_w] = the input row at x[source], resized to out_w values.

    Args:
        lines: written float32[2, out_w]
        target: int
        x: any: as for `resize_into`
        source, step: int: place of the row's first value, and values from one to the next
        table: float32[256]
        w, out_w: int: width of the input and of the output
        index: int64[out_w]: of `columns_between`
        weight: float32[out_w]: of `columns_between`
    """
    if w == 1:
        for c in range(out_w):
            lines[target + c] = _value(x, source, table)
        return
    for c in range(out_w - 1):
        i = source + index[c]
        right = weight[c]
        lines[target + c] = (ONE - right) * _value(x, i, table) + right * _value(x, i + step, table)
    lines[target + out_w - 1] = _value(x, source + (w - 1) * step, table)
