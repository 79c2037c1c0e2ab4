"""Maximum pooling with stride 1, in a time that hardly depends on the windows' size (spatial pyramids: 5, 9, 13)."""

from __future__ import annotations

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import load, load_between, pointer, shifted, store, store_first
from ..vector.words import larger_in, lowest
from .pooling import count_pools, planes_of_task

ROOM = 16
"""Values behind a framed plane that vectors may read and write."""


def framed(size, out_h, out_w):
    """Values of a plane with all that the windows see outside of it."""
    return (out_h + size - 1) * (out_w + size - 1) + ROOM


@plan_kernel(
    tasks=count_pools,
    temporary={"scratch": lambda workers, size, out_h, out_w: workers * framed(size, out_h, out_w)},
)
def maxpool_wide(queue, out, x, scratch, channels, h, w, out_h, out_w, size, offset, tile):
    """As `pooling.maxpool` with stride 1: maxima of 2, 4, 8, ... neighbours, along rows and then along columns.

    Of words as `words.pool.maxpool_words`; then a channel is that of a word, and all below is so number by number.

    Darknet's maximum is the first one of a window, row by row, that is larger than all before it and than LOWEST: which
    decides between +0 and -0, and passes over nans. The first one of two runs of values that follow each other, or
    overlap, is that of the first run, unless that of the second is larger. So maxima of runs can be put together from
    those of shorter ones; and the first along each row, then along the column of those, is the first row by row.

    Args:
        out: written float32[channels, out_h, out_w]
        x: float32[channels, h, w]
        scratch: temporary float32[workers, framed(size, out_h, out_w)]: a plane, with LOWEST around it
        channels, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a window
        offset: int: the window of output (i, j) starts at (i + offset, j + offset)
        tile: Tile

    Requires:
        offset <= 0
        out_h in (windows(h - 2 * offset, size, 1), windows(h - 2 * offset + 1, size, 1))
        out_w in (windows(w - 2 * offset, size, 1), windows(w - 2 * offset + 1, size, 1))
        tile.lanes <= ROOM
    """
    rows, pitch = out_h + size - 1, out_w + size - 1
    worker = join(queue, scratch.size // (rows * pitch + ROOM))
    if worker < 0:
        return
    frame = pointer(scratch, worker * (rows * pitch + ROOM))
    inside = -offset * pitch  # rows above and below have no neighbours to look at
    planes = planes_of_task(channels, out_h, out_w)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for channel in range(task * planes, min((task + 1) * planes, channels)):
            _copy(tile, frame, pointer(x, channel * h * w), h, w, rows * pitch, pitch, offset)
            run = _double(tile, shifted(frame, inside), h * pitch, 1, size)
            _merge(tile, shifted(frame, inside), h * pitch, size - run)
            run = _double(tile, frame, rows * pitch, pitch, size)
            first, second = frame, shifted(frame, (size - run) * pitch)
            for i in range(out_h):
                line = pointer(out, (channel * out_h + i) * out_w)
                for j in range(0, out_w, tile.lanes):
                    largest = larger_in(tile, load(tile, second, j), load(tile, first, j))
                    store_first(line, j, largest, min(tile.lanes, out_w - j))
                first, second = shifted(first, pitch), shifted(second, pitch)


@kernel
def _copy(tile, frame, x, h, w, count, pitch, offset):
    """A plane into its frame: nans, and what is below, become LOWEST.

    Args:
        tile: Tile
        frame: written float32*: (count + ROOM,)
        x: float32*: (h, w)
        h, w: int: sides of the plane
        count: int: values of the frame
        pitch: int: values of a row of the frame
        offset: int: the plane's corner is at (-offset, -offset) of the frame
    """
    outside = lowest(tile)
    for i in range(0, count, tile.lanes):
        store(frame, i, outside)
    for y in range(h):
        line = shifted(frame, (y - offset) * pitch - offset)
        for j in range(0, w, tile.lanes):
            present = min(tile.lanes, w - j)
            values = load_between(tile, x, y * w + j, 0, present)
            store_first(line, j, larger_in(tile, values, outside), present)


@kernel
def _double(tile, values, count, step, size):
    """Each value becomes the maximum of as many values, ``step`` apart, as the largest power of two within ``size``.

    Returns how many. Those at the end see fewer.

    Args:
        tile: Tile
        values: updated float32*: (count + ROOM,)
        count: int: how many values
        step: int: from one value of a run to the next
        size: int: not more than this
    """
    run = 1
    while 2 * run <= size:
        _merge(tile, values, count, run * step)
        run *= 2
    return run


@kernel
def _merge(tile, values, count, distance):
    """Each value becomes the larger one of itself and the one at a distance, itself if they are equal.

    Args:
        tile: Tile
        values: updated float32*: (count + ROOM,)
        count: int: how many values
        distance: int: to the other one; if that lies beyond the end, a value stays what it is, or becomes anything
    """
    for i in range(0, count - distance, tile.lanes):
        store(values, i, larger_in(tile, load(tile, values, i + distance), load(tile, values, i)))
