"""Words of narrow numbers moved about: as words, or number by number where channels change places."""

from __future__ import annotations

import numpy as np

from ..layers.rearrange import reorg_start, spread
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import pointer


@plan_kernel(tasks=lambda channels: channels)
def upsample_words(queue, out, x, channels, h, w, stride):
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
        spread(out, x, channel, h, w, stride, _same, np.float32(0))


@kernel(forceinline=True)
def _same(word, scale):
    """The word, with which nobody calculates.

    Args:
        word: float32
        scale: float32: of no use
    """
    return word


@kernel(forceinline=True)
def byte_of(value, cells, size):
    """Where in memory of words a number lies, by its place in channel-by-channel order: its first byte.

    Args:
        value: int
        cells: int: values of a channel
        size: int: bytes of a number: 1, 2
    """
    channel = value // cells
    word, place = divmod(channel * size, 4)
    return (word * cells + value % cells) * 4 + place


@kernel
def clear_behind(out, channels, cells, size):
    """Zeros in the place of channels that the last word has beyond the last one.

    (They meet weights of 0; but NaN times 0 would be NaN.)

    Args:
        out: written uint8*: of words
        channels, cells: int: how many there are, and values of each
        size: int: bytes of a number
    """
    for place in range(channels * size % 4, 4 if channels * size % 4 else 0):
        for i in range(cells):
            out[(channels * size // 4 * cells + i) * 4 + place] = 0


@plan_kernel(tasks=lambda c: c)
def reorg_words(queue, out, x, c, h, w, out_cells, size, stride, reverse):
    """As `layers.rearrange.reorg`, of the numbers of words.

    Args:
        out: written uint8[4 * -(-c * h * w // out_cells * size // 4) * out_cells]: of words
        x: uint8[4 * -(-c * size // 4) * h * w]: of words
        c, h, w: int: channels and sides of the input
        out_cells: int: values of a channel of the output
        size: int: bytes of a number
        stride: int: side of the blocks of pixels that become channels
        reverse: bool: small -> large

    Requires:
        c % (stride * stride) == 0 and c * h * w % out_cells == 0 and size in (1, 2)
    """
    large_c, cells = c // (stride * stride), h * w
    while True:
        k = next_task(queue)
        if k < 0:
            return
        if k == 0:
            clear_behind(pointer(out, 0), c * h * w // out_cells, out_cells, size)
        start = reorg_start(k, large_c, h, w, stride)
        for j in range(h):
            small, large = (k * h + j) * w, start + j * stride * stride * w
            for i in range(w):
                source, target = (small + i, large + i * stride) if reverse else (large + i * stride, small + i)
                to, at = byte_of(target, out_cells, size), byte_of(source, cells, size)
                for b in range(size):
                    out[to + b] = x[at + b]


@plan_kernel(tasks=lambda channels: channels)
def copy_channels_words(queue, out, x, channels, first_out, first_in, cells, size, last):
    """Some channels of words to others that need not begin with a word.

    Args:
        out: written uint8[4 * -(-(first_out + channels) * size // 4) * cells] or more: of words
        x: uint8[4 * -(-(first_in + channels) * size // 4) * cells] or more: of words
        channels: int: how many
        first_out, first_in: int: the first one's number there and here
        cells: int: values of a channel
        size: int: bytes of a number
        last: bool: nothing comes behind them: what the last word lacks becomes 0

    Requires:
        size in (1, 2)
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        if last and channel == 0:
            clear_behind(pointer(out, 0), first_out + channels, cells, size)
        target = pointer(out, byte_of((first_out + channel) * cells, cells, size))
        source = pointer(x, byte_of((first_in + channel) * cells, cells, size))
        for i in range(cells):
            for b in range(size):
                target[4 * i + b] = source[4 * i + b]
