"""3x3 convolutions of stride 1 or 2 by Winograd's minimal filtering: few products, other bits (profile ``fast``).

Tiles of the input are transformed, multiplied position by position with transformed filters (as matrices: filters x
channels times channels x tiles), and the sums transformed back. See `winograd_code`.
"""

from __future__ import annotations

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import pointer, shifted, shorter
from ..vector.tile import SHORTER
from .activation import slope_of
from .cut import Operands
from .epilogue import finish_filters, store_columns
from .fetch import FURTHER, fetch_before
from .pack import copy_window
from .pool import Squares
from .pool_columns import pool_filters
from .sloped import is_sloped
from .winograd_code import transform_inputs, transform_outputs, transform_outputs_sloped
from .winograd_cut import TASK_NUMBERS, shared_tiles, tiles_together
from .winograd_multiply import multiply_tiles

POSITIONS = 36
"""Most positions of a transform of which long vectors ask for the next one's tiles while they multiply one's."""


@plan_kernel(
    tasks=lambda shape, cut: -(-shape.c // cut.channels),
    temporary={"tiles": shared_tiles, "scratch": lambda workers, cut: workers * cut.scratch},
)
def transform_tiles(queue, tiles, source, scratch, images, missing, shape, cut, transform, tile):
    """All tiles of all images, transformed. A task is some channels.

    Args:
        tiles: written float32[transform.positions:cut.apart, shape.c * tile.parts, cut.pitch] or more
        source: float32[images:cut.next_in, shape.c, shape.h, shape.w]
        scratch: temporary float32[workers, cut.scratch]: see `winograd`
        images: int
        missing: int: the word that stands outside of the input, see `pack.copy_window`
        shape: ConvShape: with the size and the stride of tiles
        cut: WinogradCut
        transform: Winograd
        tile: Tile

    Requires:
        cut.shared == 1
        cut.pitch >= images * cut.down * cut.across + tile_room(cut.across, tile)
        cut.apart >= shape.c * tile.parts * cut.pitch
    """
    worker = join(queue, scratch.size // cut.scratch)
    if worker < 0:
        return
    window = pointer(scratch, worker * cut.scratch)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        first, end = task * cut.channels, min((task + 1) * cut.channels, shape.c)
        for image in range(images):
            place = pointer(tiles, image * cut.down * cut.across)
            seen = pointer(source, image * cut.next_in)
            _transform(place, seen, window, first, end, 0, cut.down, missing, shape, cut, transform, tile)


@kernel
def _transform(tiles, source, window, channel0, channel1, row0, row1, missing, shape, cut, transform, tile):
    """The rows of tiles row0 .. row1 - 1 of one image, transformed.

    Args:
        tiles: written float32*: the first one's place
        source: float32*: the image
        window: written float32*: the worker's scratch memory
        channel0, channel1: int: first channel, and behind the last
        row0, row1: int: first row of tiles, and behind the last
        missing: int: see `transform_tiles`
        shape: ConvShape: with the size and the stride of tiles
        cut: WinogradCut
        transform: Winograd
        tile: Tile
    """
    height = (row1 - row0 - 1) * transform.step + transform.inputs
    part = cut.row // transform.step
    for channel in range(channel0, channel1, cut.channels):
        channels = min(cut.channels, channel1 - channel)
        copy_window(
            tile, window, shifted(source, channel * shape.plane), shape, cut.row, cut.plane, -shape.pad,
            row0 * transform.step - shape.pad, height, channels, missing,
        )  # fmt: skip
        for c in range(channels):
            for y in range(row1 - row0):
                line = shifted(window, c * cut.plane + y * transform.step * cut.row)
                out = shifted(tiles, (channel + c) * tile.parts * cut.pitch + y * cut.across)
                for x in range(0, cut.across, tile.lanes):  # what is written too much is written again, or is room
                    if tile.embedded and cut.across - x <= SHORTER:
                        transform_inputs(
                            shorter(tile), transform, shifted(out, x), cut.apart, cut.pitch,
                            shifted(line, x), cut.row, part,
                        )  # fmt: skip
                    else:
                        transform_inputs(
                            tile, transform, shifted(out, x), cut.apart, cut.pitch,
                            shifted(line, x), cut.row, part,
                        )  # fmt: skip


@plan_kernel(
    tasks=lambda tasks: tasks.size // TASK_NUMBERS,
    temporary={"tiles": shared_tiles, "scratch": lambda workers, cut: workers * cut.scratch},
)
def winograd(
    queue, out, source, tiles, weights, singles, doubles, scratch, tasks, offsets, shape, cut, finish, transform, tile
):
    """A convolution with all that follows it, tile by tile, for some images.

    Args:
        out: written float32[count_tiled(tasks, cut):cut.next_out, shape.n, output_plane(shape, cut)]
        source: float32[count_tiled(tasks, cut):cut.next_in, shape.c, shape.h, shape.w]
        tiles: float32[transform.positions * cut.shared:cut.apart, shape.c * tile.parts, cut.pitch] or more: of
            `transform_tiles`
        weights: float32[-(-shape.n // tile.filters), transform.positions, shape.c, tile.filters]: of `pack_winograd`
        singles: float32[7, finish.pitch]: see `epilogue.Finish`
        doubles: float64[2, finish.pitch]: see `epilogue.Finish`
        scratch: temporary float32[workers, cut.scratch]: a window, a task's own tiles, sums, outputs
        tasks: int64[tasks.size // TASK_NUMBERS, TASK_NUMBERS]: first block of filters and the one behind the last, the
            same of rows of tiles
        offsets: int64[shape.c + AHEAD]: multiples of cut.pitch
        shape: ConvShape: with the size and the stride of tiles
        cut: WinogradCut
        finish: Finish
        transform: Winograd
        tile: Tile

    Requires:
        tiles_cover_all(tasks, shape, cut, tile) and parts_fit(shape, cut, transform, tile)
        is_finish(finish, shape.out_h * shape.out_w)
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
        queue, multiply_tiles, _transform_back, _finish_rest, pool_filters, (1, 0), operands, source, tiles, scratch,
        tasks, shape, cut, finish, transform, tile,
    )  # fmt: skip


@kernel(forceinline=True)
def back_alone(tile, transform, out, row, sums, pitch, singles, finish, cut):
    """`transform_outputs`; nothing of what follows.

    Args:
        tile, transform, out, row, sums, pitch: any: as for `transform_outputs`
        singles, finish, cut: any: are not looked at
    """
    transform_outputs(tile, transform, out, row, sums, pitch)


@kernel(forceinline=True)
def _transform_back(tile, transform, out, row, sums, pitch, singles, finish, cut):
    """`transform_outputs`, and what follows, if that can be done at once.

    Args:
        tile, transform, out, row, sums, pitch: any: as for `transform_outputs`
        singles: float32*: see `epilogue.Finish`, from the first of the filters on
        finish: Finish
        cut: WinogradCut: what is pooled is finished afterwards
    """
    if cut.pool_h == 0 and is_sloped(tile, finish):
        transform_outputs_sloped(
            tile, transform, out, row, sums, pitch, shifted(singles, 2 * finish.pitch), slope_of(finish.code)
        )  # fmt: skip
    else:
        transform_outputs(tile, transform, out, row, sums, pitch)


@kernel(forceinline=True)
def _finish_rest(tile, out, plane, first, sums, rows, count, singles, doubles, finish):
    """What `_transform_back` has not done.

    Args:
        tile, out, plane, first, sums, rows, count, singles, doubles, finish: any: as for `finish_filters`
    """
    if is_sloped(tile, finish):
        store_columns(tile, out, plane, sums, rows, count)
    else:
        finish_filters(tile, out, plane, first, sums, rows, count, singles, doubles, finish)


@kernel(forceinline=True)
def run_winograd(
    queue, multiply, transform_back, finish_block, pool_block, words, operands, source, tiles, scratch, tasks, shape,
    cut, finish, transform, tile,
):  # fmt: skip
    """The tasks of a `winograd`, of which each thread takes some.

    Args:
        multiply, transform_back, finish_block, pool_block, words, operands: any: as for `_run_rows`
        source, tiles, scratch, tasks, shape, cut, finish, transform, tile: any: as for `winograd`
    """
    worker = join(queue, scratch.size // cut.scratch)
    if worker < 0:
        return
    window = pointer(scratch, worker * cut.scratch)
    while True:
        number = next_task(queue)
        if number < 0:
            return
        _run_rows(
            multiply, transform_back, finish_block, pool_block, words, operands, pointer(source, 0), pointer(tiles, 0),
            window, pointer(tasks, number * TASK_NUMBERS), shape, cut, finish, transform, tile,
        )  # fmt: skip


@kernel
def _run_rows(
    multiply, transform_back, finish_block, pool_block, words, operands, source, tiles, window, task, shape, cut,
    finish, transform, tile,
):  # fmt: skip
    """One task of a `winograd`: some blocks of filters on some rows of tiles.

    Args:
        multiply: kernel: as `multiply_tiles`
        transform_back: kernel: as `_transform_back`
        finish_block, pool_block: kernel: what is done behind it, as `finish_filters`, `pool_filters`
        words: ints: filters of a word of the output; the word that stands outside of the input
        operands: Operands: see `winograd`
        source: float32*: likewise
        tiles: float32*: likewise
        window: updated float32*: the worker's scratch memory
        task: int64*: (TASK_NUMBERS,)
        shape: ConvShape: with the size and the stride of tiles
        cut: WinogradCut
        finish: any: the block's
        transform: Winograd
        tile: Tile
    """
    block0, block1, row0, row1 = task[0], task[1], task[2], task[3]
    depth = shape.c * tile.parts
    if cut.shared:
        seen = shifted(tiles, row0 * cut.across)
    else:
        seen = shifted(window, cut.tiles)
        row = row0
        while row < row1:
            end = min(row1, (row // cut.down + 1) * cut.down)
            image = shifted(source, row // cut.down * cut.next_in)
            first = row // cut.down * cut.down
            place = shifted(seen, (row - row0) * cut.across)
            _transform(
                place, image, window, 0, shape.c, row - first, end - first, words[1], shape, cut, transform, tile
            )
            row = end
    for block in range(block0, block1):
        weights = shifted(operands.weights, block * transform.positions * depth * tile.filters)
        _multiply(
            multiply, window, seen, weights, operands.offsets, (row1 - row0) * cut.across, depth, cut, transform, tile
        )
        _finish(
            transform_back, finish_block, pool_block, words[0], operands.out, window, row0, row1, block * tile.filters,
            shifted(operands.singles, block * tile.filters), shifted(operands.doubles, block * tile.filters), shape,
            cut, finish, transform, tile,
        )  # fmt: skip


@kernel
def _multiply(multiply, window, seen, weights, offsets, tiles, depth, cut, transform, tile):
    """Sums of one block of filters: position by position, its weights meet all tiles.

    Args:
        multiply: kernel: see `_run_rows`
        window: written float32*: the worker's scratch memory
        seen: float32*: the first of the transformed tiles
        weights: float32*: of the block
        offsets: int64*: as for `winograd`
        tiles: int: how many
        depth: int: channels of them
        cut: WinogradCut
        transform: Winograd
        tile: Tile
    """
    pieces = (tiles + tile.columns - 1) // tile.columns
    step = (tile.filters + pieces - 1) // pieces  # each piece fetches its share of the next position's weights
    width, wider = tiles // pieces, tiles % pieces  # so many have a tile more
    # The tiles of the next position come with its weights; where there are many positions, of long vectors, both would
    # push out what is used before.
    further = FURTHER if transform.positions > POSITIONS and tile.lanes > SHORTER else cut.apart
    for position in range(transform.positions):
        sums, mine = (
            shifted(window, cut.sums + position * cut.sums_pitch),
            shifted(seen, position * cut.apart),
        )
        for k in range(0, depth, cut.part):
            length = min(cut.part, depth - k)
            some, places = shifted(weights, k * tile.filters), shifted(offsets, k)
            piece = first = 0
            while piece < pieces:
                count = width + 1 if piece < wider else width
                number = (wider if piece < wider else pieces) - piece if tile.fetches_within else 1
                ahead, pixels = shifted(some, depth * tile.filters + step * piece * length), shifted(mine, first)
                fetch_before(tile, ahead, step * length, pixels, first, count, places, length)
                multiply(
                    tile, count, number, shifted(sums, first * tile.filters), k == 0, some, pixels, places, length,
                    ahead, step, further,
                )  # fmt: skip
                piece, first = piece + number, first + number * count
        weights = shifted(weights, depth * tile.filters)


@kernel
def _finish(
    transform_back, finish_block, pool_block, per_word, out, window, row0, row1, filter0, singles, doubles, shape, cut,
    finish, transform, tile,
):  # fmt: skip
    """Outputs of one block of filters: some tiles of a row at a time.

    Args:
        transform_back, finish_block, pool_block: kernel: see `_run_rows`
        per_word: int: filters of a word of the output
        out: written float32*: of the first image
        window: updated float32*: the worker's scratch memory
        row0, row1: int: first row of tiles, and behind the last
        filter0: int: first filter of the block
        singles, doubles: any: see `_run_rows`, from that filter on
        shape: ConvShape
        cut: WinogradCut
        finish: any: the block's
        transform: Winograd
        tile: Tile
    """
    present = min(tile.filters, shape.n - filter0)
    together = tiles_together(transform.outputs, tile)
    width = together * transform.outputs
    buffer, row_pitch = shifted(window, cut.pixels), width * tile.filters
    spatial = cut.pool_h * cut.pool_w if cut.pool_h > 0 else shape.out_h * shape.out_w
    for row in range(row0, row1):
        image, y = row // cut.down, row % cut.down * transform.outputs
        image_out = shifted(out, image * cut.next_out + filter0 // per_word * spatial)
        height = min(transform.outputs, shape.out_h - y)
        for x in range(0, cut.across, together):
            for i in range(x, min(x + together, cut.across)):
                sums = shifted(window, cut.sums + ((row - row0) * cut.across + i) * tile.filters)
                place = shifted(buffer, (i - x) * transform.outputs * tile.filters)
                for v in range(0, tile.filters, tile.lanes):
                    transform_back(
                        tile, transform, shifted(place, v), row_pitch, shifted(sums, v), cut.sums_pitch,
                        shifted(singles, v), finish, cut,
                    )  # fmt: skip
            column = x * transform.outputs
            count = min(width, shape.out_w - column)
            if cut.pool_h == 0:
                for j in range(height):
                    finish_block(
                        tile, shifted(image_out, (y + j) * shape.out_w + column), spatial, 0,
                        shifted(buffer, j * row_pitch), present, count, singles, doubles, finish,
                    )  # fmt: skip
            else:
                for j in range(0, min(height, 2 * cut.pool_h - y), 2):
                    below = row_pitch if j + 1 < height else 0
                    squares = Squares(0, 0, below, count, min((count + 1) // 2, cut.pool_w - column // 2))
                    if squares.number > 0:
                        pool_block(
                            tile, shifted(image_out, (y + j) // 2 * cut.pool_w + column // 2), spatial,
                            shifted(buffer, j * row_pitch), present, squares, singles, doubles, finish,
                        )  # fmt: skip
