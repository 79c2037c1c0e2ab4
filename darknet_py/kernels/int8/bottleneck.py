"""An inverted bottleneck of 8-bit integers in one step, as `conv.bottleneck`: pixels in the lanes, four channels at a
time, which are a word.

A task has some rows of the output. Of each word of the wide map it makes the rows that its outputs meet, a frame of
them, and the depthwise convolution's outputs, all in the nearest cache; the last convolution finds these of all words
in the second cache. The numbers are those of layer by layer: each output is rounded to its own scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..conv.bottleneck_cut import bands
from ..conv.pack import copy_window
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import pointer, shifted
from .depthwise import count_taps, make_rows
from .finish import WordFinish
from .fours import make_words
from .shortcut import add_words

if TYPE_CHECKING:
    from ..conv.bottleneck_cut import Bottleneck
    from ..vector.tile import Tile

NEAR = 128
"""Pixels of whose channels the last convolution makes all filters' outputs in turn: they stay in the nearest cache."""


class WordBand(NamedTuple):
    """How the work is cut, and where in a worker's scratch memory everything lies; a frame is at its begin.

    Attributes:
        rows: of outputs of a task.
        row: words of a row of the frame, phase by phase (see `conv.pack.copy_window`).
        wide: where rows of a word of the wide map lie, behind the frame.
        middle: where the depthwise convolution's outputs lie, word by word.
        part: words of those of a word.
        scratch: words of a worker's scratch memory.
    """

    rows: int
    row: int
    wide: int
    middle: int
    part: int
    scratch: int


class Zeros(NamedTuple):
    """The numbers that stand for 0.

    Attributes:
        wide: in the wide map.
        middle, last: in the outputs of the depthwise convolution and of the last one.
        added, total: in the map that is added, and in the sum.
    """

    wide: int
    middle: int
    last: int
    added: int
    total: int


def words_of(channels: int) -> int:
    """Words of a pixel."""
    return -(-channels // 4)


def weights_before(shape: Bottleneck, tile: Tile) -> tuple[int, int]:
    """Where in the weights the depthwise filters begin, and where those of the last convolution."""
    first = shape.expands * words_of(shape.e) * 4 * words_of(shape.c) * tile.parts
    return first, first + words_of(shape.e) * count_taps(shape.size)


def weights_size(shape: Bottleneck, tile: Tile) -> int:
    """Words of all weights."""
    return weights_before(shape, tile)[1] + words_of(shape.n) * 4 * words_of(shape.e) * tile.parts


def filters_of(shape: Bottleneck) -> int:
    """Filters of all convolutions, with absent ones: the wide map's twice, then those of the output."""
    return 4 * (2 * words_of(shape.e) + words_of(shape.n))


def is_word_band(band: WordBand, shape: Bottleneck, tile: Tile) -> bool:
    """Whether the fields fit each other and the layers."""
    height, phases = (band.rows - 1) * shape.stride + shape.size, min(shape.stride, shape.size)
    return (
        band.rows > 0 and band.row % (phases * tile.lanes) == 0
        and band.row // phases >= shape.out_w + (shape.size - 1) // shape.stride
        and band.wide >= height * band.row + tile.lanes
        and band.middle >= band.wide + shape.expands * min(height, shape.h) * shape.w
        and band.part >= band.rows * shape.out_w
        and band.scratch >= band.middle + words_of(shape.e) * band.part
    )  # fmt: skip


def are_zeros(zeros: Zeros) -> bool:
    """Whether the fields are what they can be."""
    return all(0 <= zero <= 255 for zero in zeros)


@plan_kernel(
    tasks=lambda shape, band, images: images * bands(shape, band),
    temporary={"scratch": lambda workers, band: workers * band.scratch},
)
def bottleneck_int8(
    queue, out, source, added, weights, corrections, singles, scratch, offsets, images, next_in, next_out, shape, band,
    zeros, tile,
):  # fmt: skip
    """The layers of a bottleneck, for some images, on words.

    Args:
        out: written float32[images:next_out, words_of(shape.n), shape.out_h, shape.out_w]: words
        source: float32[images:next_in, words_of(shape.c), shape.h, shape.w]: words
        added: float32[images * shape.adds:next_in, words_of(shape.n), shape.out_h, shape.out_w]: words
        weights: float32[weights_size(shape, tile)]: words, absent filters and channels 0: of the first convolution four
            filters after four, of each word of a pixel (see `fours`); of the depthwise one as for
            `int8.depthwise.depthwise_int8`; of the last one as of the first
        corrections: int32[filters_of(shape)]: by filter, absent ones 0: of the first convolution (or of none), the
            depthwise one, the last one; see `int8.convolution.convolution_int8`
        singles: float32[2 * filters_of(shape) + 3]: `finish.FACTOR` of all filters, `finish.BIAS` likewise; for the
            addition as ``factors`` of `int8.shortcut.shortcut_int8`
        scratch: temporary float32[workers, band.scratch]
        offsets: int64[count_taps(shape.size)]: as for `int8.depthwise.depthwise_int8`
        images: int: how many
        next_in, next_out: int: distance of two images in the input and in the output
        shape: Bottleneck
        band: WordBand
        zeros: Zeros
        tile: Tile

    Requires:
        shape.expands in (0, 1) and shape.adds in (0, 1) and (shape.expands == 1 or shape.c == shape.e)
        shape.plane == shape.h * shape.w and tile.words == 1
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        are_zeros(zeros)
        has_slope(shape.first_code) and has_slope(shape.middle_code)
        has_slope(shape.last_code) and has_slope(shape.added_code)
        is_word_band(band, shape, tile)
        offsets.min() >= 0 and offsets.max() < shape.size * band.row - shape.out_w + 1
    """
    worker = join(queue, scratch.size // band.scratch)
    if worker < 0:
        return
    frame = pointer(scratch, worker * band.scratch)
    middle = shifted(frame, band.middle)
    parts = (shape.out_h + band.rows - 1) // band.rows
    wide, plane = (shape.e + 3) // 4, shape.out_h * shape.out_w
    deep = 4 * ((shape.c + 3) // 4) * tile.parts
    around = shape.expands * wide * deep
    last, pitch = around + wide * offsets.size, singles.size // 2 - 1
    before = WordFinish(shape.first_code, 0, 0, zeros.wide, pitch)
    between = WordFinish(shape.middle_code, 0, 0, zeros.middle, pitch)
    behind = WordFinish(shape.last_code, 0, 0, zeros.last, pitch)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        image, y = task // parts, task % parts * band.rows
        rows = min(band.rows, shape.out_h - y)
        seen = pointer(source, image * next_in)
        for word in range(wide):
            _fill_frame(
                tile, frame, seen, word, pointer(weights, word * deep),
                pointer(corrections, 4 * word), pointer(singles, 4 * word), y, rows, shape, band, before,
            )  # fmt: skip
            filter_ = 4 * (wide + word)
            make_rows(
                tile, shifted(middle, word * band.part), frame, pointer(weights, around + word * offsets.size),
                pointer(offsets, 0), offsets.size // 4, rows, shape, band.row, pointer(corrections, filter_),
                pointer(singles, filter_), between,
            )  # fmt: skip
        first = 8 * wide
        target = pointer(out, image * next_out + y * shape.out_w)
        _narrow(
            tile, target, plane, middle, rows * shape.out_w, wide, pointer(weights, last),
            pointer(corrections, first), pointer(singles, first), shape, band, behind,
        )  # fmt: skip
        if shape.adds:
            other = pointer(added, image * next_in + y * shape.out_w)
            for word in range(0, (shape.n + 3) // 4 * plane, plane):
                add_words(
                    tile, shifted(target, word), shifted(other, word), rows * shape.out_w, pointer(singles, 2 * pitch),
                    zeros.total, zeros.last, zeros.added, shape.added_code,
                )  # fmt: skip


@kernel
def _fill_frame(tile, frame, source, word, weights, corrections, singles, y, rows, shape, band, finish):
    """The rows of one word of the wide map that some rows of outputs meet, with what stands around the map.

    Args:
        tile: Tile
        frame: written float32*: words: (height, band.row); behind it is room for rows of the wide map
        source: float32*: words: the image
        word: int: which one
        weights, corrections, singles: any: of the first convolution, see `fours.make_words`
        y, rows: int: first row of outputs, and how many
        shape: Bottleneck
        band: WordBand
        finish: WordFinish: of the wide map
    """
    top, height = y * shape.stride - shape.pad, (rows - 1) * shape.stride + shape.size
    seen = shifted(source, word * shape.plane)
    if shape.expands:
        begin = min(max(top, 0), shape.h)
        end = max(min(top + height, shape.h), begin)
        wide = shifted(frame, band.wide)
        make_words(
            tile, wide, shifted(source, begin * shape.w), shape.plane, (end - begin) * shape.w, (shape.c + 3) // 4,
            weights, corrections, singles, finish,
        )  # fmt: skip
        seen = shifted(wide, -begin * shape.w)
    copy_window(
        tile, frame, seen, shape, band.row, band.wide - tile.lanes, -shape.pad, top, height, 1,
        finish.zero * 0x01010101,
    )  # fmt: skip


@kernel
def _narrow(tile, out, plane, middle, pixels, depth, weights, corrections, singles, shape, band, finish):
    """The last convolution, on all pixels of a task.

    Args:
        tile: Tile
        out: written float32*: words: (words of shape.n, pixels), ``plane`` apart
        plane: int
        middle: float32*: words: (depth, pixels), ``band.part`` apart
        pixels, depth: int
        weights, corrections, singles: any: as for `fours.make_words`, of all filters
        shape: Bottleneck
        band: WordBand
        finish: WordFinish
    """
    for first in range(0, pixels, NEAR):
        count = min(NEAR, pixels - first)
        for word in range((shape.n + 3) // 4):
            make_words(
                tile, shifted(out, word * plane + first), shifted(middle, first), band.part, count, depth,
                shifted(weights, word * 4 * depth * tile.parts), shifted(corrections, 4 * word),
                shifted(singles, 4 * word), finish,
            )  # fmt: skip
