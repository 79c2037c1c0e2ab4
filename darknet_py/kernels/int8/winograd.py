"""3x3 convolutions of words of 8-bit integers by Winograd's minimal filtering, in whole numbers: the same integers.

Tiles of 2x2 outputs, whose transform of inputs has sums and differences of four numbers only: 11 bits with a sign. That
of the filters has halves; doubled in both directions it gives whole numbers of 12 bits, and four times the sums.
(`conv.winograd` has the rest.) It pays where numbers are multiplied as 16 bits anyway: 2.25 times fewer products.
"""

from __future__ import annotations

from ..conv.cut import Operands
from ..conv.winograd import back_alone, run_winograd
from ..conv.winograd_cut import TASK_NUMBERS, shared_tiles
from ..runtime.work import plan_kernel
from ..vector.simd import pointer
from ..words.multiply import multiply_word_tiles
from .convolution import channels_out
from .finish import finish_columns, pool_columns

__all__ = ["channels_out", "winograd_int8"]


@plan_kernel(
    tasks=lambda tasks: tasks.size // TASK_NUMBERS,
    temporary={"tiles": shared_tiles, "scratch": lambda workers, cut: workers * cut.scratch},
)
def winograd_int8(
    queue, out, source, tiles, weights, corrections, singles, scratch, tasks, offsets, shape, cut, finish, transform,
    tile,
):  # fmt: skip
    """A convolution with all that follows it, tile by tile, for some images.

    Args:
        out: written float32[count_tiled(tasks, cut):cut.next_out, channels_out(shape, finish),
            output_plane(shape, cut)]: words, or values
        source: float32[count_tiled(tasks, cut):cut.next_in, shape.c, shape.h, shape.w]: words
        tiles: float32[transform.positions * cut.shared:cut.apart, shape.c * tile.parts, cut.pitch] or more: of
            `transform_tiles`
        weights: float32[-(-shape.n // tile.filters), transform.positions, shape.c * tile.parts, tile.filters]: words
        corrections: int32[finish.pitch]: see `convolution_int8`
        singles: float32[3, finish.pitch]: see `finish`
        scratch: temporary float32[workers, cut.scratch]: a window, a task's own tiles, sums, outputs
        tasks: int64[tasks.size // TASK_NUMBERS, TASK_NUMBERS]: as for `conv.winograd.winograd`
        offsets: int64[shape.c * tile.parts + AHEAD]: multiples of cut.pitch
        shape: ConvShape: with the size and the stride of tiles; ``shape.c`` counts words of the input
        cut: WinogradCut
        finish: WordFinish
        transform: Winograd
        tile: Tile

    Requires:
        tile.words == 1 and tile.bytes == 2 and transform.outputs == 2 and transform.stride == 1
        tiles_cover_all(tasks, shape, cut, tile) and parts_fit(shape, cut, transform, tile)
        is_word_finish(finish) and not (finish.floats and cut.pool_h)
        shape.size == transform.inputs and shape.stride == transform.step
        cut.across == -(-shape.out_w // transform.outputs) and cut.down == -(-shape.out_h // transform.outputs)
        finish.pitch >= shape.n + tile.filters
        (cut.pool_h == 0) == (cut.pool_w == 0)
        cut.channels * cut.plane <= cut.tiles <= cut.sums <= cut.pixels <= cut.scratch
        offsets[: shape.c * tile.parts].max() == (shape.c * tile.parts - 1) * cut.pitch
    """
    operands = Operands(
        pointer(out, 0), pointer(weights, 0), pointer(singles, 0), pointer(corrections, 0), pointer(offsets, 0)
    )
    run_winograd(
        queue, multiply_word_tiles, back_alone, finish_columns, pool_columns,
        (1 if finish.floats else 4, finish.missing), operands, source, tiles, scratch, tasks, shape,
        cut, finish, transform, tile,
    )  # fmt: skip
