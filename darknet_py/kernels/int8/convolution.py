"""Convolution of words of 8-bit integers: as `conv.convolution`, a word in the place of a channel's value."""

from __future__ import annotations

from ..conv.convolution import FILTERS, TASK_NUMBERS, Operands, run_task
from ..conv.fetch import fetch_before
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import pointer, shifted
from ..words.multiply import multiply_words
from .finish import finish_columns, finish_rows


def channels_out(shape, finish):
    """Channels of a group's output: values or words."""
    return shape.n if finish.floats else -(-shape.n // 4)


@plan_kernel(
    tasks=lambda tasks: tasks.size // TASK_NUMBERS,
    temporary={"scratch": lambda workers, cut: workers * cut.scratch},
)
def convolution_int8(
    queue, out, source, weights, corrections, singles, scratch, tasks, pieces, offsets, shape, cut, finish, tile
):
    """A convolution with all that follows it, for some images, on words: ``shape.c`` counts those that are multiplied.

    Args:
        out: written float32[count_images(tasks):cut.next_out, shape.groups, channels_out(shape, finish),
            output_plane(shape, cut)]: words, or values
        source: float32[count_images(tasks):cut.next_in, shape.groups:shape.group, shape.c // tile.parts:shape.plane,
            shape.h, shape.w] or more: words
        weights: float32[shape.groups, -(-shape.n // cut.block) * cut.block, shape.c, shape.size, shape.size]: words,
            in the order of `conv.pack.pack_weights`
        corrections: int32[finish.pitch]: what each filter's sums lack because the input's zero is not 0, and because
            128 was subtracted, if so
        singles: float32[3, finish.pitch]: see `finish`
        scratch: temporary float32[workers, cut.scratch]: a window, the sums that wait, rows that are to be pooled
        tasks: int64[tasks.size // TASK_NUMBERS, TASK_NUMBERS]: as for `conv.convolution.convolution`
        pieces: int64[pieces.size]: likewise
        offsets: int64[cut.channels * shape.size * shape.size + AHEAD]: likewise
        shape: ConvShape
        cut: Cut
        finish: WordFinish
        tile: Tile

    Requires:
        tile.words == 1 and tile.rows % 4 == 0 and (shape.groups == 1 or shape.n % 4 == 0)
        shape.c % tile.parts == 0 and cut.channels % tile.parts == 0 and (cut.row > 0 or tile.bytes == 0)
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        finish.pitch >= shape.groups * shape.n + tile.filters
        covers_all(tasks, pieces, shape, cut)
        cut.way in (PIXELS, FILTERS)
        cut.block == block_sides(cut, tile)[0] and cut.area == cut.block * block_sides(cut, tile)[1]
        (pieces[1:] - pieces[:-1]).max() <= block_sides(cut, tile)[1] and (pieces[1:] > pieces[:-1]).all()
        cut.row == 0 or (cut.row % tile.lanes == 0 and cut.plane % cut.row == 0 and cut.plane > 0)
        cut.row > 0 or (cut.way == FILTERS and shape.size == 1 and offsets.max() == (cut.channels - 1) * shape.plane)
        is_word_finish(finish) and not (finish.floats and cut.pool_h)
        pieces[0] == 0 and pieces[pieces.size - 1] == shape.out_w
        cut.channels * cut.plane <= cut.sums <= cut.band <= cut.scratch
        offsets.min() >= 0 and (cut.row == 0 or offsets.max() < cut.channels * cut.plane)
    """
    worker = join(queue, scratch.size // cut.scratch)
    if worker < 0:
        return
    window = pointer(scratch, worker * cut.scratch)
    filters = (shape.n + cut.block - 1) // cut.block * cut.block
    channels = shape.n if finish.floats else (shape.n + 3) // 4
    plane = cut.pool_h * cut.pool_w if cut.pool_h > 0 else shape.out_h * shape.out_w
    while True:
        number = next_task(queue)
        if number < 0:
            return
        task = number * TASK_NUMBERS
        image, group = tasks[task], tasks[task + 1]
        operands = Operands(
            pointer(out, image * cut.next_out + group * channels * plane),
            pointer(weights, group * filters * shape.c * shape.size * shape.size),
            pointer(singles, group * shape.n), pointer(corrections, group * shape.n), pointer(offsets, 0),
        )  # fmt: skip
        run_task(
            _block, 4, finish.missing, operands, pointer(source, image * cut.next_in + group * shape.group), window,
            pointer(tasks, task + 2), pointer(pieces, 0), shape, cut, finish, tile,
        )  # fmt: skip


@kernel(forceinline=True)
def _block(operands, out, plane, sums, pixels, shape, cut, finish, tile, piece):
    """One block of sums on one part of k, and what follows it if it is the last part.

    Args:
        operands: Operands: ``doubles`` points to the corrections
        out: written float32*: channel 0
        plane, sums, pixels, shape, cut, finish, tile, piece: any: as for `conv.convolution._block`
    """
    channel, channels, first, count = piece.channel, piece.channels, piece.first, piece.width
    f, taps = piece.block * cut.block, shape.size * shape.size
    weights = shifted(operands.weights, (channel * piece.rows + f * channels) * taps)
    fresh, last, length = channel == 0, channel + channels == shape.c, channels * taps
    present = min(cut.block, shape.n - f)
    out = shifted(out, (f if finish.floats else f // 4) * plane + first)
    corrections, singles = shifted(operands.doubles, f), shifted(operands.singles, f)
    if cut.way == FILTERS:
        ahead = shifted(weights, (cut.block + piece.step * piece.number) * length)
        far = length if cut.row == 0 else 0
        fetch_before(tile, ahead, piece.step * length, pixels, first, count, operands.offsets, far)
        multiply_words(
            tile, False, count, sums, fresh, weights, pixels, operands.offsets, length, ahead, piece.step
        )  # fmt: skip
        if last:
            finish_columns(tile, out, plane, sums, present, count, corrections, singles, finish)
    else:
        vectors = (count + tile.lanes - 1) // tile.lanes
        multiply_words(tile, True, vectors, sums, fresh, weights, pixels, operands.offsets, length, weights, 0)
        if last:
            rows = present if finish.floats else (present + 3) // 4 * 4
            finish_rows(tile, out, plane, sums, rows, count, corrections, singles, finish)
