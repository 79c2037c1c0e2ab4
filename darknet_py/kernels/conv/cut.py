"""How a convolution's work is cut into tasks and blocks, as its kernels see it (`plan.conv_cut` does that)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..runtime.work import each_part_once
from .few import VECTORS

TASK_NUMBERS = 8
"""Numbers of a task, see `convolution.convolution`."""


PIXELS, FILTERS, FEW = range(3)


class ConvShape(NamedTuple):
    """A convolution's numbers. ``c`` and ``n`` are the channels and filters of one group; ``plane`` is the distance of
    two channels in the input, ``group`` that of two groups."""

    c: int
    h: int
    w: int
    n: int
    groups: int
    size: int
    stride: int
    pad: int
    out_h: int
    out_w: int
    plane: int
    group: int


class Cut(NamedTuple):
    """How the work of a convolution is cut into blocks.

    Attributes:
        way: what a block is: `PIXELS` or `FILTERS` (which fill the lanes), or `FEW`: pixels, of one filter.
        block: filters of a block.
        area: sums of a block.
        channels: channels of one part of k.
        row: values of a row of the window, the copy of the input that a task works on; 0: no copy, the input serves.
        plane: distance of two channels of the window.
        sums: where in a worker's scratch memory the sums lie, behind the window.
        pool_h, pool_w: sides of the output after a 2x2 maximum pooling; 0: none. Tasks and pieces then begin at even
            rows and columns, and a piece's sums wait for those of the row below.
        next_in, next_out: distance of two images in the input and in the output.
        scratch: values of a worker's scratch memory.
    """

    way: int
    block: int
    area: int
    channels: int
    row: int
    plane: int
    sums: int
    pool_h: int
    pool_w: int
    next_in: int
    next_out: int
    scratch: int


class Piece(NamedTuple):
    """One block of sums on one part of k.

    Attributes:
        block: number of the block of filters.
        first: number of the piece's first pixel in a channel, before it is pooled.
        width: pixels of the piece.
        place: where in a channel of the output belongs what is made of it.
        squares: of 2x2 that it completes, if it is pooled.
        below: if it is pooled, the distance of its sums from those of the row above it; 0: it is the upper row.
        channel: first channel of the part.
        channels: channels of the part.
        rows: all filters of the group, absent ones included.
        number: of the piece in the task.
        step: lines of the next block's weights that this piece asks the cache for.
    """

    block: int
    first: int
    width: int
    place: int
    squares: int
    below: int
    channel: int
    channels: int
    rows: int
    number: int
    step: int


def count_images(tasks):
    """How many images the tasks of a `convolution` are for."""
    return int(tasks[::TASK_NUMBERS].max()) + 1


def output_plane(shape, cut):
    """Values of a channel of the output of a `convolution`."""
    return cut.pool_h * cut.pool_w if cut.pool_h > 0 else shape.out_h * shape.out_w


def block_sides(cut, tile):
    """Filters of a block and most pixels of a piece, for the way of a cut."""
    if cut.way == FEW:
        return 1, VECTORS * tile.lanes
    return (tile.rows, tile.pixels) if cut.way == PIXELS else (tile.filters, tile.columns)


def covers_all(tasks, pieces, shape, cut):
    """Whether the tasks of a `convolution` are all of it, each part once."""
    numbers = tasks.reshape(-1, TASK_NUMBERS)
    first, end = numbers[:, [0, 1, 2, 4, 6]], numbers[:, [0, 1, 3, 5, 7]] + [1, 1, 0, 0, 0]
    blocks = -(-shape.n // cut.block)
    return each_part_once(first, end, [count_images(tasks), shape.groups, blocks, shape.out_h, pieces.size - 1])


class Operands(NamedTuple):
    """Pointers to what one group of filters works with: see `convolution.convolution`."""

    out: Any
    weights: Any
    singles: Any
    doubles: Any
    offsets: Any
