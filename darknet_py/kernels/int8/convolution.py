"""Convolution of words of 8-bit integers: as `conv.convolution`, a word in the place of a channel's value."""

from __future__ import annotations

from ..conv.convolution import run_block, run_tasks
from ..conv.cut import TASK_NUMBERS
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..words.multiply import multiply_word_filters, multiply_word_pixels
from .finish import finish_columns, finish_rows, pool_columns, pool_rows


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
        scratch: temporary float32[workers, cut.scratch]: a window, the sums that wait
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
        cut.row == 0 or (cut.row % tile.lanes == 0 and cut.plane >= cut.row > 0)
        cut.row > 0 or (cut.way == FILTERS and shape.size == 1 and offsets.max() == (cut.channels - 1) * shape.plane)
        is_word_finish(finish) and not (finish.floats and cut.pool_h)
        pieces[0] == 0 and pieces[pieces.size - 1] == shape.out_w
        cut.pool_h == 0 or ((pieces[:-1] % 2 == 0).all() and (tasks[4::TASK_NUMBERS] % 2 == 0).all())
        (cut.pool_h == 0) == (cut.pool_w == 0)
        cut.channels * cut.plane <= cut.sums <= cut.scratch
        offsets.min() >= 0 and (cut.row == 0 or offsets.max() < cut.channels * cut.plane)
    """
    run_tasks(
        queue, _block, 1 if finish.floats else 4, finish.missing, out, source, weights, singles, corrections,
        scratch, tasks, pieces, offsets, shape, cut, finish, tile,
    )  # fmt: skip


@kernel(forceinline=True)
def _block(operands, plane, sums, pixels, shape, cut, finish, tile, piece):
    """As `conv.convolution._block`.

    Args:
        operands: Operands: ``doubles`` points to the corrections
        plane, sums, pixels, shape, cut, finish, tile, piece: any
    """
    run_block(
        multiply_word_filters, multiply_word_pixels, finish_columns, finish_rows, pool_columns, pool_rows,
        1 if finish.floats else 4, operands, plane, sums, pixels, shape, cut, finish, tile, piece,
    )  # fmt: skip
