"""Words of 8-bit integers from float32 and back, and moved about."""

from __future__ import annotations

import numpy as np

from ..layers.rearrange import reorg_start
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, any_unequal, load_between, mul, pointer, splat, store_first, sub
from ..vector.words import add_ints, as_ints, byte_lanes, int_splat, interleave, load_ints, magic, to_floats
from .finish import step_of

BLOCK = 2048
"""Most pixels of a task."""


@plan_kernel(tasks=lambda channels, cells: -(-channels // 4) * -(-cells // BLOCK))
def quantize_int8(queue, out, notes, x, channels, cells, inverse, zero, tile):
    """Words of float32 values: ``round_half_even(clip(x * inverse, -zero, 255 - zero) + zero)``; 0 becomes ``zero``.

    Args:
        out: written float32[-(-channels // 4), cells]: words
        notes: written int64[-(-channels // 4), -(-cells // BLOCK)]: by task: 1: a value is NaN or infinite, 0: none is
        x: float32[channels, cells]
        channels, cells: int: channels, and values of each
        inverse: float32: 1 / step
        zero: int: the number that stands for 0
        tile: Tile

    Requires:
        tile.words == 1 and 0 <= zero <= 255
    """
    parts = (cells + BLOCK - 1) // BLOCK
    low, high = splat(tile, np.float32(-zero)), splat(tile, np.float32(255 - zero))
    middle, factor = magic(tile, zero), splat(tile, inverse)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        word, first = task // parts, task % parts * BLOCK
        strange = splat(tile, np.float32(0))  # becomes NaN where a value is none or infinite
        for i in range(first, min(first + BLOCK, cells), tile.lanes):
            count, c = min(tile.lanes, cells - i), 4 * word
            xa = _present(tile, x, c, channels, cells, i, count)
            xb = _present(tile, x, c + 1, channels, cells, i, count)
            xc = _present(tile, x, c + 2, channels, cells, i, count)
            xd = _present(tile, x, c + 3, channels, cells, i, count)
            strange = add(strange, add(add(sub(xa, xa), sub(xb, xb)), add(sub(xc, xc), sub(xd, xd))))
            a, b = step_of(tile, mul(xa, factor), low, high, middle), step_of(tile, mul(xb, factor), low, high, middle)
            c_, d = step_of(tile, mul(xc, factor), low, high, middle), step_of(tile, mul(xd, factor), low, high, middle)
            store_first(pointer(out, word * cells), i, interleave(a, b, c_, d), count)
        notes[task] = 1 if any_unequal(strange, strange) else 0


@kernel(forceinline=True)
def _present(tile, x, channel, channels, cells, i, count):
    """Values of a channel; 0 if there is no such channel. Returns a vector.

    Args:
        tile: Tile
        x: float32[channels, cells]
        channel, channels, cells, i, count: int
    """
    if channel >= channels:
        return splat(tile, np.float32(0))
    return load_between(tile, pointer(x, channel * cells), i, 0, count)


@plan_kernel(tasks=lambda channels, cells: channels * -(-cells // BLOCK))
def dequantize_int8(queue, out, x, channels, cells, step, zero, tile):
    """Float32 values of words: ``float32(q - zero) * step``.

    Args:
        out: written float32[channels, cells]
        x: float32[-(-channels // 4), cells]: words
        channels, cells: int: channels, and values of each
        step: float32
        zero: int: the number that stands for 0
        tile: Tile

    Requires:
        tile.words == 1
    """
    parts = (cells + BLOCK - 1) // BLOCK
    less, factor = int_splat(tile, -zero), splat(tile, step)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        channel, first = task // parts, task % parts * BLOCK
        line, source = pointer(out, channel * cells), pointer(x, channel // 4 * cells)
        for i in range(first, min(first + BLOCK, cells), tile.lanes):
            count = min(tile.lanes, cells - i)
            words = load_ints(tile, source, i) if count == tile.lanes else _some_ints(tile, source, i, count)
            value = to_floats(add_ints(byte_lanes(tile, words, channel % 4), less))
            store_first(line, i, mul(value, factor), count)


@kernel(forceinline=True)
def _some_ints(tile, source, i, count):
    """The first lanes of a vector of words; returns a vector of int32.

    Args:
        tile: Tile
        source: float32*
        i, count: int
    """
    return as_ints(load_between(tile, source, i, 0, count))


@plan_kernel(tasks=lambda channels: channels)
def upsample_int8(queue, out, x, channels, h, w, stride):
    """Each word becomes a block of ``stride`` x ``stride``.

    Args:
        out: written float32[channels, h * stride, w * stride]: words
        x: float32[channels, h, w]: words
        channels, h, w: int: words of channels, and sides of the input
        stride: int: side of a block
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for y in range(h):
            source = (channel * h + y) * w
            first = (channel * h + y) * stride * w * stride
            for i in range(w):
                for m in range(stride):
                    out[first + i * stride + m] = x[source + i]
            for n in range(1, stride):
                for i in range(w * stride):
                    out[first + n * w * stride + i] = out[first + i]


@kernel(forceinline=True)
def byte_of(value, cells):
    """Where in memory of words a value lies, by its number in channel-by-channel order.

    Args:
        value: int
        cells: int: values of a channel
    """
    channel = value // cells
    return (channel // 4 * cells + value % cells) * 4 + channel % 4


@plan_kernel(tasks=lambda c: c)
def reorg_int8(queue, out, x, c, h, w, out_cells, stride, reverse):
    """As `layers.rearrange.reorg`, of bytes of words.

    Args:
        out: written uint8[4 * -(-c * h * w // out_cells // 4) * out_cells]: of words
        x: uint8[4 * -(-c // 4) * h * w]: of words
        c, h, w: int: channels and sides of the input
        out_cells: int: values of a channel of the output
        stride: int: side of the blocks of pixels that become channels
        reverse: bool: small -> large

    Requires:
        c >= stride * stride and c * h * w % out_cells == 0
    """
    large_c, cells = c // (stride * stride), h * w
    while True:
        k = next_task(queue)
        if k < 0:
            return
        start = reorg_start(k, large_c, h, w, stride)
        for j in range(h):
            small, large = (k * h + j) * w, start + j * stride * stride * w
            for i in range(w):
                source, target = (small + i, large + i * stride) if reverse else (large + i * stride, small + i)
                out[byte_of(target, out_cells)] = x[byte_of(source, cells)]


@plan_kernel(tasks=lambda channels: channels)
def copy_channels_int8(queue, out, x, channels, first_out, first_in, cells):
    """Some channels of words to others that need not begin with a word.

    Args:
        out: written uint8[4 * -(-(first_out + channels) // 4) * cells] or more: of words
        x: uint8[4 * -(-(first_in + channels) // 4) * cells] or more: of words
        channels: int: how many
        first_out, first_in: int: the first one's number there and here
        cells: int: values of a channel
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        target = pointer(out, byte_of((first_out + channel) * cells, cells))
        source = pointer(x, byte_of((first_in + channel) * cells, cells))
        for i in range(cells):
            target[4 * i] = source[4 * i]
