"""Depthwise convolution of words of 8-bit integers: one filter for each of a word's four channels.

Four taps are four vectors of words; shuffled, each lane has one channel's four pixels, which one
dot product multiplies by four weights. Lanes are then pixels x channels, until the results become words again.
"""

from __future__ import annotations

from typing import NamedTuple

from ..conv.pack import copy_window
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.dots import add_dot
from ..vector.simd import pointer, shifted, store, store_first
from ..vector.words import (
    as_ints,
    channels_of_quartets,
    int_splat,
    load_four,
    load_ints,
    quartets,
    words_of_quartets,
)
from .finish import finish_rows, keeps_scale
from .sloped import slopes_of, whole_of


class WordStrip(NamedTuple):
    """How the outputs of a word's channels are divided into tasks, and how a task's frame lies in memory.

    Attributes:
        rows: of outputs of a task.
        row: words of a row of the frame, phase by phase (see `conv.pack.copy_window`).
        frame: words of the frame, and room for a vector behind it.
        scratch: words of a worker's scratch memory: a frame, and sums of a row of the four channels.
    """

    rows: int
    row: int
    frame: int
    scratch: int


def count_taps(size: int) -> int:
    """Taps of a filter in fours, with absent ones: of 3x3 those of a row, for `_slide`; else one behind the other."""
    return 12 if size == 3 else -(-size * size // 4) * 4


def is_word_strip(strip, shape, tile):
    """Whether the fields fit each other and a convolution."""
    height = (strip.rows - 1) * shape.stride + shape.size
    whole = -(-shape.out_w // tile.lanes) * tile.lanes
    phases = min(shape.stride, shape.size)
    return (
        strip.rows > 0 and strip.row % (phases * tile.lanes) == 0 and strip.frame >= height * strip.row + tile.lanes
        and strip.row // phases >= shape.out_w + (shape.size - 1) // shape.stride
        and strip.scratch >= strip.frame + 4 * whole
    )  # fmt: skip


@plan_kernel(
    tasks=lambda shape, strip, images: images * -(-shape.groups // 4) * -(-shape.out_h // strip.rows),
    temporary={"scratch": lambda workers, strip: workers * strip.scratch},
)
def depthwise_int8(
    queue, out, source, weights, corrections, singles, scratch, offsets, images, next_in, next_out, shape, strip,
    finish, tile,
):  # fmt: skip
    """A depthwise convolution with all that follows it, for some images, on words.

    Args:
        out: written float32[images:next_out, shape.groups if finish.floats else -(-shape.groups // 4), shape.out_h,
            shape.out_w]: words, or values
        source: float32[images:next_in, -(-shape.groups // 4), shape.h, shape.w]: words
        weights: float32[-(-shape.groups // 4), offsets.size]: words: a channel's weights of four taps; four channels,
            then the next taps (see `count_taps`)
        corrections: int32[finish.pitch]: as for `int8.convolution.convolution_int8`
        singles: float32[3, finish.pitch]: see `finish`
        scratch: temporary float32[workers, strip.scratch]
        offsets: int64[count_taps(shape.size)]: where in a frame each tap finds the first output's word, in fours; of
            taps that are not there, anywhere
        images: int: how many
        next_in, next_out: int: distance of two images in the input and in the output
        shape: ConvShape
        strip: WordStrip
        finish: WordFinish
        tile: Tile

    Requires:
        shape.c == 1 and shape.n == 1 and tile.words == 1
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        finish.pitch >= shape.groups + tile.filters
        is_word_finish(finish)
        is_word_strip(strip, shape, tile)
        offsets.min() >= 0
        offsets.max() < shape.size * strip.row - shape.out_w + 1
    """
    worker = join(queue, scratch.size // strip.scratch)
    if worker < 0:
        return
    frame = pointer(scratch, worker * strip.scratch)
    sums = shifted(frame, strip.frame)
    parts = (shape.out_h + strip.rows - 1) // strip.rows
    words, plane = (shape.groups + 3) // 4, shape.out_h * shape.out_w
    channels = shape.groups if finish.floats else words
    while True:
        task = next_task(queue)
        if task < 0:
            return
        word, y = task // parts, task % parts * strip.rows
        image, word = word // words, word % words
        rows = min(strip.rows, shape.out_h - y)
        copy_window(
            tile, frame, pointer(source, image * next_in + word * shape.plane), shape, strip.row,
            strip.frame - tile.lanes, -shape.pad, y * shape.stride - shape.pad, (rows - 1) * shape.stride + shape.size,
            1, finish.missing,
        )  # fmt: skip
        first = 4 * word if finish.floats else word
        target = pointer(out, image * next_out + (first * shape.out_h + y) * shape.out_w)
        own, correction, single = (
            pointer(weights, word * offsets.size), pointer(corrections, 4 * word), pointer(singles, 4 * word)
        )  # fmt: skip
        if keeps_scale(finish.code) and not finish.floats:
            make_rows(
                tile, target, frame, own, pointer(offsets, 0), offsets.size // 4, rows, shape, strip.row, correction,
                single, finish,
            )  # fmt: skip
            continue
        present = min(4, channels - first) if finish.floats else 4
        for i in range(rows):
            line = shifted(frame, i * shape.stride * strip.row)
            _make_sums(tile, sums, line, own, pointer(offsets, 0), offsets.size // 4, shape.out_w)
            finish_rows(tile, target, plane, 0, sums, present, shape.out_w, single, correction, finish)
            target = shifted(target, shape.out_w)


@kernel
def make_rows(tile, out, frame, weights, offsets, fours, rows, shape, row, corrections, singles, finish):
    """Rows of outputs of a word's four channels, with an activation that `keeps_scale`.

    Args:
        tile: Tile
        out: written float32*: words: (rows, shape.out_w)
        frame: float32*: words: as `conv.pack.copy_window` makes it
        weights, offsets, fours: any: as for `_multiply`
        rows: int
        shape: any: ``size``, ``stride`` and ``out_w`` of the convolution
        row: int: words of a row of the frame
        corrections, singles, finish: any: as for `_make_words`
    """
    if shape.size == 3 and shape.stride == 1:
        _slide(tile, out, frame, weights, rows, shape.out_w, row, corrections, singles, finish)
        return
    _make_words(
        tile, out, frame, weights, offsets, fours, rows, shape.out_w, shape.stride * row, corrections, singles, finish
    )  # fmt: skip


@kernel(forceinline=True)
def _multiply(tile, sums, line, weights, offsets, fours):
    """Products of some pixels with all taps; returns four vectors of int32, their lanes as `words.quartets` has them.

    Args:
        tile: Tile
        sums: vector: of int32: what the sums start from
        line: float32*: words: the first output's in the frame
        weights: float32*: words
        offsets: int64*: (4 * fours,)
        fours: int
    """
    total = sums, sums, sums, sums
    for k in range(0, 4 * fours, 4):
        seen = quartets(
            tile, load_ints(tile, line, offsets[k]), load_ints(tile, line, offsets[k + 1]),
            load_ints(tile, line, offsets[k + 2]), load_ints(tile, line, offsets[k + 3]),
        )  # fmt: skip
        total = _add_taps(tile, total, seen, as_ints(load_four(tile, weights, k)))
    return total


@kernel(forceinline=True)
def _add_taps(tile, sums, seen, weights):
    """Sums and the products of four taps; returns four vectors of int32.

    Args:
        tile: Tile
        sums, seen: vectors: four of each: of int32, and of bytes as `words.quartets` has them
        weights: vector: of words
    """
    return (
        add_dot(tile, sums[0], seen[0], weights), add_dot(tile, sums[1], seen[1], weights),
        add_dot(tile, sums[2], seen[2], weights), add_dot(tile, sums[3], seen[3], weights),
    )  # fmt: skip


@kernel
def _slide(tile, out, frame, weights, rows, width, row, corrections, singles, finish):
    """3x3: down the rows, a vector of columns at a time, loaded once for the three rows of outputs that meet it.

    Args:
        tile: Tile
        out: written float32*: words: (rows, width)
        frame: float32*: words: (rows + 2, row)
        weights: float32*: words: (12,)
        rows, width, row: int
        corrections, singles, finish: any: as for `_make_words`
    """
    start, slopes = load_four(tile, corrections, 0), slopes_of(tile, finish)
    factor, bias = load_four(tile, singles, 0), load_four(tile, singles, finish.pitch)
    nothing = start, start, start, start
    first, second = as_ints(load_four(tile, weights, 0)), as_ints(load_four(tile, weights, 4))
    third = as_ints(load_four(tile, weights, 8))
    for j in range(0, width, tile.lanes):
        line, target, count = shifted(frame, j), shifted(out, j), min(tile.lanes, width - j)
        upper = _add_taps(tile, nothing, _three(tile, line), first)
        line = shifted(line, row)
        seen = _three(tile, line)
        upper, lower = _add_taps(tile, upper, seen, second), _add_taps(tile, nothing, seen, first)
        for _ in range(rows):
            line = shifted(line, row)
            seen = _three(tile, line)
            done = _add_taps(tile, upper, seen, third)
            upper, lower = _add_taps(tile, lower, seen, second), _add_taps(tile, nothing, seen, first)
            store_first(target, 0, _joined(tile, done, factor, bias, slopes), count)
            target = shifted(target, width)


@kernel(forceinline=True)
def _three(tile, line):
    """Three neighbouring taps of some pixels; returns four vectors of bytes.

    Args:
        tile: Tile
        line: float32*: words
    """
    last = load_ints(tile, line, 2)
    return quartets(tile, load_ints(tile, line, 0), load_ints(tile, line, 1), last, last)


@kernel
def _make_words(tile, out, line, weights, offsets, fours, rows, width, step, corrections, singles, finish):
    """Rows of the output, with an activation that `keeps_scale`.

    Args:
        tile: Tile
        out: written float32*: words: (rows, width)
        line, weights, offsets, fours: any: as for `_multiply`
        rows, width: int
        step: int: words of the frame from one row's first tap to the next one's
        corrections: int32*: of the four channels
        singles: float32*: likewise
        finish: WordFinish
    """
    start, slopes = load_four(tile, corrections, 0), slopes_of(tile, finish)
    factor, bias = load_four(tile, singles, 0), load_four(tile, singles, finish.pitch)
    for _ in range(rows):
        for j in range(0, width, tile.lanes):
            sums = _multiply(tile, start, shifted(line, j), weights, offsets, fours)
            store_first(out, j, _joined(tile, sums, factor, bias, slopes), min(tile.lanes, width - j))
        line, out = shifted(line, step), shifted(out, width)


@kernel(forceinline=True)
def _joined(tile, sums, factor, bias, slopes):
    """Words of sums; returns a vector.

    Args:
        tile: Tile
        sums: vectors: four of int32, corrections included
        factor, bias: vector: of float32
        slopes: vectors: see `sloped.slopes_of`
    """
    return words_of_quartets(
        tile, whole_of(sums[0], factor, bias, slopes), whole_of(sums[1], factor, bias, slopes),
        whole_of(sums[2], factor, bias, slopes), whole_of(sums[3], factor, bias, slopes),
    )  # fmt: skip


@kernel
def _make_sums(tile, sums, line, weights, offsets, fours, width):
    """Sums of a row of the output, channel by channel.

    Args:
        tile: Tile
        sums: written float32*: int32 (4, width rounded up to whole vectors)
        line, weights, offsets, fours: any: as for `_multiply`
        width: int
    """
    pitch = (width + tile.lanes - 1) // tile.lanes * tile.lanes
    for j in range(0, width, tile.lanes):
        a, b, c, d = _multiply(tile, int_splat(tile, 0), shifted(line, j), weights, offsets, fours)
        channels = channels_of_quartets(tile, a, b, c, d)
        store(sums, j, channels[0])
        store(sums, pitch + j, channels[1])
        store(sums, 2 * pitch + j, channels[2])
        store(sums, 3 * pitch + j, channels[3])
