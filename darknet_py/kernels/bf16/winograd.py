"""Winograd's minimal filtering of words of bfloat16 numbers: transforms in float32, products of rounded numbers."""

from __future__ import annotations

from ..conv.cut import Operands
from ..conv.winograd import back_alone, run_winograd
from ..conv.winograd_cut import TASK_NUMBERS, shared_tiles
from ..runtime.work import plan_kernel
from ..vector.simd import pointer
from ..words.multiply import multiply_word_tiles
from .finish import finish_columns, pool_columns


@plan_kernel(
    tasks=lambda tasks: tasks.size // TASK_NUMBERS,
    temporary={"tiles": shared_tiles, "scratch": lambda workers, cut: workers * cut.scratch},
)
def winograd_bf16(
    queue, out, source, tiles, weights, singles, doubles, scratch, tasks, offsets, shape, cut, finish, transform, tile
):
    """As `conv.winograd.winograd`, of words: ``shape.c`` counts words of channels.

    Args:
        out: written float32[count_tiled(tasks, cut):cut.next_out, shape.n if finish.floats else -(-shape.n // 2),
            output_plane(shape, cut)]: words, or values
        source: float32[count_tiled(tasks, cut):cut.next_in, shape.c, shape.h, shape.w]: words
        tiles: float32[transform.positions * cut.shared:cut.apart, shape.c * tile.parts, cut.pitch] or more: of
            `transform_tiles`
        weights: float32[-(-shape.n // tile.filters), transform.positions, shape.c, tile.filters]: words
        singles: float32[7, finish.pitch]: see `conv.epilogue.Finish`
        doubles: float64[2, finish.pitch]: likewise
        scratch: temporary float32[workers, cut.scratch]: a window, a task's own tiles, sums, outputs
        tasks: int64[tasks.size // TASK_NUMBERS, TASK_NUMBERS]: as for `conv.winograd.winograd`
        offsets: int64[shape.c + AHEAD]: multiples of cut.pitch
        shape: ConvShape: with the size and the stride of tiles
        cut: WinogradCut
        finish: PairFinish
        transform: Winograd
        tile: Tile

    Requires:
        tiles_cover_all(tasks, shape, cut, tile) and parts_fit(shape, cut, transform, tile)
        tile.words == 2 and tile.filters == 2 * tile.lanes
        is_pair_finish(finish) and not (finish.floats and cut.pool_h)
        shape.size == transform.inputs and shape.stride == transform.step
        cut.across == -(-shape.out_w // transform.outputs) and cut.down == -(-shape.out_h // transform.outputs)
        finish.pitch >= shape.n + tile.filters
        (cut.pool_h == 0) == (cut.pool_w == 0)
        cut.channels * cut.plane <= cut.tiles <= cut.sums <= cut.pixels <= cut.scratch
        offsets[: shape.c].max() == (shape.c - 1) * cut.pitch
    """
    operands = Operands(
        pointer(out, 0), pointer(weights, 0), pointer(singles, 0), pointer(doubles, 0), pointer(offsets, 0)
    )
    run_winograd(
        queue, multiply_word_tiles, back_alone, finish_columns, pool_columns, (1 if finish.floats else 2, 0),
        operands, source, tiles, scratch, tasks, shape, cut, finish, transform, tile,
    )  # fmt: skip
