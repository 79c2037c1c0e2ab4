"""Convolution as Darknet computes it, bit for bit: per output, k ascending over (channel, ky, kx), each product and
each sum rounded to float32. Blocks over filters, pixels and k (whose float32 sums wait in memory) change no bit."""

from __future__ import annotations

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import pointer, shifted
from .cut import FEW, FILTERS, PIXELS, TASK_NUMBERS, Operands, Piece
from .epilogue import finish_filters, finish_pixels
from .fetch import fetch_before
from .few import multiply_few
from .finished import is_usual, run_finished
from .multiply import multiply_filters, multiply_pixels
from .pack import copy_pixels, copy_window, make_operands
from .pool import Squares, pool_pixels
from .pool_columns import pool_filters
from .sloped import run_sloped_block
from .squares import is_wide, run_wide


@plan_kernel(
    tasks=lambda tasks: tasks.size // TASK_NUMBERS,
    temporary={"scratch": lambda workers, cut: workers * cut.scratch},
)
def convolution(
    queue, out, source, weights, singles, doubles, scratch, tasks, pieces, offsets, shape, cut, finish, tile
):
    """A convolution with all that follows it, for some images. A dimension ``count:pitch`` has its values pitch apart.

    Args:
        out: written float32[count_images(tasks):cut.next_out, shape.groups, shape.n, output_plane(shape, cut)]
        source: float32[count_images(tasks):cut.next_in, shape.groups:shape.group, shape.c:shape.plane, shape.h,
            shape.w] or more
        weights: float32[shape.groups, -(-shape.n // cut.block) * cut.block, shape.c, shape.size, shape.size]: in the
            order of `pack_weights`
        singles: float32[7, finish.pitch]: see `Finish`
        doubles: float64[2, finish.pitch]: see `Finish`
        scratch: temporary float32[workers, cut.scratch]: a window, the sums that wait
        tasks: int64[tasks.size // TASK_NUMBERS, TASK_NUMBERS]: image; group; first block of filters and the one behind
            the last; the same of rows, of pieces
        pieces: int64[pieces.size]: columns of the output at which the pieces of a row start, and out_w
        offsets: int64[cut.channels * shape.size * shape.size + AHEAD]: where each tap lies in the window
        shape: ConvShape
        cut: Cut
        finish: Finish
        tile: Tile

    Requires:
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        finish.pitch >= shape.groups * shape.n + tile.filters
        covers_all(tasks, pieces, shape, cut)
        cut.way in (PIXELS, FILTERS, FEW)
        cut.block == block_sides(cut, tile)[0] and cut.area == cut.block * block_sides(cut, tile)[1]
        (pieces[1:] > pieces[:-1]).all()
        is_wide(tile, cut.way == PIXELS, cut.pool_h, cut.channels, shape.c) or (
            (pieces[1:] - pieces[:-1]).max() <= block_sides(cut, tile)[1])
        cut.row == 0 or (cut.row % tile.lanes == 0 and cut.plane >= cut.row > 0)
        cut.row > 0 or (shape.size == 1 and offsets.max() == (cut.channels - 1) * shape.plane)
        cut.row > 0 or cut.way == FILTERS or (cut.way == PIXELS and tile.finishes_within)
        is_finish(finish, shape.out_h * shape.out_w)
        is_plain(singles, finish)
        pieces[0] == 0 and pieces[pieces.size - 1] == shape.out_w
        cut.pool_h == 0 or ((pieces[:-1] % 2 == 0).all() and (tasks[4::TASK_NUMBERS] % 2 == 0).all())
        (cut.pool_h == 0) == (cut.pool_w == 0)
        cut.channels * cut.plane <= cut.sums <= cut.scratch
        offsets.min() >= 0 and (cut.row == 0 or offsets.max() < cut.channels * cut.plane)
    """
    run_tasks(
        queue, _block, 1, 0, out, source, weights, singles, doubles, scratch, tasks, pieces, offsets, shape, cut,
        finish, tile,
    )  # fmt: skip


@kernel(forceinline=True)
def run_tasks(
    queue, block, per_word, missing, out, source, weights, singles, doubles, scratch, tasks, pieces, offsets,
    shape, cut, finish, tile,
):  # fmt: skip
    """The tasks of a `convolution`, of which each thread takes some.

    Args:
        block, per_word, missing: any: as for `run_task`
        out: written float32[any]
        source, weights, singles, doubles, scratch, tasks, pieces, offsets, shape, cut, finish, tile: any: as for
            `convolution`
    """
    worker = join(queue, scratch.size // cut.scratch)
    if worker < 0:
        return
    window = pointer(scratch, worker * cut.scratch)
    blocks = (shape.n + cut.block - 1) // cut.block
    while True:
        number = next_task(queue)
        if number < 0:
            return
        task = number * TASK_NUMBERS
        image, group = tasks[task], tasks[task + 1]
        f = group * shape.n
        spatial = cut.pool_h * cut.pool_w if cut.pool_h > 0 else shape.out_h * shape.out_w
        operands = Operands(
            pointer(out, image * cut.next_out + f // per_word * spatial),
            pointer(weights, group * blocks * cut.block * shape.c * shape.size * shape.size),
            pointer(singles, f), pointer(doubles, f), pointer(offsets, 0),
        )  # fmt: skip
        input_ = pointer(source, image * cut.next_in + group * shape.group)
        run_task(
            block, per_word, missing, operands, input_, window, pointer(tasks, task + 2), pointer(pieces, 0), shape,
            cut, finish, tile,
        )  # fmt: skip


@kernel
def run_task(block, per_word, missing, operands, source, window, task, pieces, shape, cut, finish, tile):
    """One task: part by part of k; the sums of parts wait behind the window.

    Args:
        block: kernel: as `_block`: one block of sums on one part of k, and what follows it
        per_word: int: filters of a word of ``out``
        missing: int: the word that stands outside of the input, see `pack.copy_window`
        operands: Operands: of the task's group
        source: float32*: the group's first channel
        window: float32*: the worker's scratch memory
        task: int64*: first block and the one behind the last; the same of rows, of pieces
        pieces: int64*: as for `convolution`
        shape, cut: ConvShape, Cut
        finish: any: the block's
        tile: Tile
    """
    block0, block1, y0, y1, i0, i1 = task[0], task[1], task[2], task[3], task[4], task[5]
    filters, pixels = block1 - block0, (y1 - y0) * (i1 - i0)
    x0 = pieces[i0] * shape.stride - shape.pad
    height = (y1 - y0 - 1) * shape.stride + shape.size
    single = cut.channels >= shape.c
    rows = (shape.n + cut.block - 1) // cut.block * cut.block
    step = (cut.block + pixels - 1) // pixels
    pooled = cut.pool_h > 0
    plane = cut.pool_h * cut.pool_w if pooled else shape.out_h * shape.out_w
    each = 2 if pooled else 0  # sums of a block that wait, if parts do not
    for channel in range(0, shape.c, cut.channels):
        channels = min(cut.channels, shape.c - channel)
        seen = shifted(source, channel // tile.parts * shape.plane)
        if cut.row > 0:
            copy_part(tile, window, seen, shape, cut, x0, y0, height, channel, channels, missing)
            seen = window
        else:
            seen = shifted(seen, pieces[i0])
        # What is larger passes once: the weights of a deep layer, the pixels of a wide one. (The numbers are counted,
        # not divided out: some layers' blocks are small.)
        b = y = p = 0
        i = i0
        for _ in range(filters * pixels):
            lower = y % 2 if pooled else 0
            number = (b * each if cut.way != FILTERS else 0) + lower if single else b * pixels + p
            sums = shifted(window, cut.sums + number * cut.area)
            pixel = shifted(seen, y * cut.row * shape.stride + pieces[i] - pieces[i0])
            first, count = (y0 + y) * shape.out_w + pieces[i], pieces[i + 1] - pieces[i]
            place, squares, waits = first, 0, pooled and lower == 0 and y + 1 < y1 - y0
            if pooled:
                row, column = (y0 + y) // 2, pieces[i] // 2
                place = row * cut.pool_w + column
                squares = 0 if waits or row >= cut.pool_h else min((count + 1) // 2, cut.pool_w - column)
            piece = Piece(
                block0 + b, first, count, place, squares, lower * cut.area, channel, channels, rows, p, step
            )  # fmt: skip
            block(operands, plane, sums, pixel, shape, cut, finish, tile, piece)
            if cut.way != FILTERS:
                b += 1
                if b < filters:
                    continue
                b = 0
            p += 1
            if waits:  # for the row below
                y += 1
                continue
            i, y = i + 1, y - lower
            if i == i1:
                i, y = i0, y + (2 if pooled else 1)
                if y >= y1 - y0:
                    y = p = 0
                    b += 1


@kernel(forceinline=True)
def copy_part(tile, window, source, shape, cut, x0, y0, height, channel, channels, missing):
    """The window of a task, for one part of k.

    Args:
        tile: Tile
        window: written float32*: the worker's scratch memory
        source: float32*: the part's first channel
        shape, cut: ConvShape, Cut
        x0, y0: int: column of the input where the window starts; row of the output
        height: int: rows of the window
        channel, channels: int: first channel of the part, and how many it has
        missing: int: see `pack.copy_window`
    """
    given = channels // tile.parts
    copy = shifted(window, (channels - given) * cut.plane)
    if shape.size == 1:
        # The next part's pixels are needed next, or the next task's.
        before = channel // tile.parts * shape.plane
        ahead = given * shape.plane if channel + channels < shape.c else cut.row - before
        copy_pixels(tile, copy, source, shape.w, cut.row, cut.plane, shape.plane, x0, given, ahead)
    else:
        copy_window(
            tile, copy, source, shape, cut.row, cut.plane, x0, y0 * shape.stride - shape.pad, height, given, missing
        )  # fmt: skip
    make_operands(tile, window, given, cut.plane)


@kernel(forceinline=True)
def _block(operands, plane, sums, pixels, shape, cut, finish, tile, piece):
    """One block of sums on one part of k, and what follows it if it is the last part.

    Args:
        operands: Operands
        plane: int: values of a channel of the output
        sums: updated float32*: where the block's sums wait
        pixels: float32*: the piece's first pixel in the window
        shape, cut, finish, tile: ConvShape, Cut, Finish, Tile
        piece: Piece
    """
    if tile.finishes_within and cut.way != FEW and cut.pool_h == 0:
        run_sloped_block(cut.way == FILTERS, operands, plane, sums, pixels, shape, cut, finish, tile, piece)
        return
    if is_wide(tile, cut.way == PIXELS, cut.pool_h, cut.channels, shape.c):
        if piece.squares > 0:
            run_wide(tile, operands, plane, shifted(sums, -piece.below), pixels, shape, cut, finish, piece)
        return
    if cut.way == PIXELS and cut.pool_h == 0 and is_usual(tile, finish):
        if run_finished(tile, operands, plane, sums, pixels, shape, cut, finish, piece):
            return
    run_block(
        multiply_filters, _multiply_rows, finish_filters, finish_pixels, pool_filters, pool_pixels, 1, operands, plane,
        sums, pixels, shape, cut, finish, tile, piece,
    )  # fmt: skip


@kernel(forceinline=True)
def _multiply_rows(tile, way, vectors, sums, fresh, weights, pixels, offsets, depth):
    """Sums with pixels in the lanes, or filter by filter.

    Args:
        tile: Tile
        way: int
        vectors: int: of pixels
        sums, fresh, weights, pixels, offsets, depth: any: as for `multiply_pixels`
    """
    if way == FEW:
        multiply_few(tile, vectors, sums, fresh, weights, pixels, offsets, depth)
    else:
        multiply_pixels(tile, vectors, sums, fresh, weights, pixels, offsets, depth)


@kernel(forceinline=True)
def run_block(
    multiply, multiply_rows, finish_columns, finish_rows, pool_columns, pool_rows, per_word, operands, plane, sums,
    pixels, shape, cut, finish, tile, piece,
):  # fmt: skip
    """A block of any number format.

    Args:
        multiply, multiply_rows: kernel: as `multiply_filters`, `_multiply_rows`
        finish_columns, finish_rows: kernel: as `finish_filters`, `finish_pixels`
        pool_columns, pool_rows: kernel: as `pool_filters`, `pool_pixels`
        per_word: int: filters of a word of the output
        operands, plane, sums, pixels, shape, cut, finish, tile, piece: any: as for `_block`
    """
    channel, channels, first, count = piece.channel, piece.channels, piece.first, piece.width
    f, taps = piece.block * cut.block, shape.size * shape.size
    weights = shifted(operands.weights, (channel * piece.rows + f * channels) * taps)
    fresh, last, length = channel == 0, channel + channels == shape.c, channels * taps
    out, present = shifted(operands.out, f // per_word * plane + piece.place), min(cut.block, shape.n - f)
    singles, doubles = shifted(operands.singles, f), shifted(operands.doubles, f)
    if cut.way == FILTERS:
        # The weights of a deep layer come from far: each piece fetches its share of the next block's.
        ahead = shifted(weights, (cut.block + piece.step * piece.number) * length)
        far = length if cut.row == 0 else 0
        fetch_before(tile, ahead, piece.step * length, pixels, first, count, operands.offsets, far)
        multiply(tile, count, sums, fresh, weights, pixels, operands.offsets, length, ahead, piece.step)
        if last and cut.pool_h == 0:
            finish_columns(tile, out, plane, first, sums, present, count, singles, doubles, finish)
    else:
        vectors = (count + tile.lanes - 1) // tile.lanes
        multiply_rows(tile, cut.way, vectors, sums, fresh, weights, pixels, operands.offsets, length)
        if last and cut.pool_h == 0:
            finish_rows(tile, out, plane, first, sums, present, count, singles, doubles, finish)
    if last and piece.squares > 0:
        upper, next_ = shifted(sums, -piece.below), shape.out_w if piece.below > 0 else 0
        squares = Squares(first - next_, next_, piece.below, count, piece.squares)
        if cut.way == FILTERS:
            pool_columns(tile, out, plane, upper, present, squares, singles, doubles, finish)
        else:
            pool_rows(tile, out, plane, upper, present, squares, singles, doubles, finish)
