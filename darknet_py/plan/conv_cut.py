"""How the work of a convolution is cut into blocks, parts and tasks, by its shape and the processor's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.conv.cut import FEW, FILTERS, PIXELS, Cut
from ..kernels.conv.fetch import LINE
from ..kernels.conv.few import VECTORS
from ..kernels.conv.multiply import AHEAD
from ..kernels.conv.squares import is_wide
from ..kernels.vector.tile import UNSIGNED
from .conv_tasks import divide, share_out
from .processor import USUAL, ZEN4, host_cache_room, host_pace

if TYPE_CHECKING:
    from ..kernels.conv.cut import ConvShape
    from ..kernels.vector.tile import Tile
    from ..typing import Ints


DEPTH = 576
"""About how many k one part has. Longer parts read and write the waiting sums less often; shorter ones keep the weights
of a block and the pixels it meets in the nearest cache."""

NEAREST = 3000
"""Most values that the weights of a block may have on one part of k where vectors are shorter than 16 lanes: there they
must come from the nearest cache. (The products of long vectors leave time for the second one.)"""

NEAREST_8 = 2304
"""The same for float32 in vectors of 8 lanes (`is_near`), which share that cache with a window."""

DEPTH_1 = 256
"""The same for 1x1 convolutions, whose windows are wide instead: each channel is read in longer runs. Half
as much for vectors of 8 lanes."""

WINDOW = 32_000
"""About how many float32 values a window has where the second cache has room: it stays there, with weights and sums."""

NEAR_WINDOW = 3600
"""The same where all has to be near (`is_near`): it stays in the nearest cache, with the weights of a block."""

NEAR_WINDOW_1 = 8000
"""The same for 1x1 convolutions. Where channels are far apart, each k needs another page of memory; with filters in the
lanes, copying the input pays from `MANY` filters on."""

MANY = 128
"""Filters of a group from which on it does, with filters in the lanes."""

RUN = 256
"""Values of a row that could have been copied while the row's start was being found in memory."""

WAITING = 128_000
"""Most sums of a task that wait for the next part, of fused products in vectors of 8 lanes: they stay in the second
cache, with what passes by."""

TILES = 64
"""Most tiles of pixels of a task."""

TASKS, TASKS_AS_IT_LIES = 8, 16
"""Tasks per thread at which the smallest ones are small enough: no thread waits long for the last one. Of convolutions
that read their input as it lies, a task costs next to nothing: there may be more."""


ENOUGH = 2
"""Tasks per thread that each step of words has, if it can be."""


@dataclass(frozen=True)
class Images:
    """How many images a step takes together, and how far apart they are in its input and in its output."""

    count: int
    next_in: int
    next_out: int


ONE = Images(1, 0, 0)
"""One image."""


@dataclass(frozen=True)
class Way:
    """One of the three ways: its number, filters of a block, how wide its pieces of a row are at most, and what their
    width is a multiple of (but the last one's)."""

    number: int
    block: int
    width: int
    unit: int


def cut_work(
    shape: ConvShape, tile: Tile, threads: int, pooled: tuple[int, int] = (0, 0), images: Images = ONE
) -> tuple[Cut, Ints, Ints]:
    """Choose the blocks for a shape: (cut, tasks, pieces), see `kernels.conv.convolution.convolution`.

    ``pooled``: height and width of the output if a 2x2 maximum pooling follows: tasks then have pairs of rows. What the
    packed weights depend on does not depend on ``images``.
    """
    way = choose_way(shape, tile)
    taps = shape.size**2
    depth = DEPTH if taps > 1 else DEPTH_1 // 2 if tile.lanes == 8 else DEPTH_1
    if tile.lanes < 16:
        depth = min(depth, (NEAREST_8 if is_near(tile) else NEAREST) // way.block)
    channels = -(-shape.c // max(1, round(shape.c * taps / depth)))
    channels = -(-channels // tile.parts) * tile.parts
    pieces = cut_row(shape.out_w, _paired(way) if pooled[0] else way)
    copied = reads_window(way, shape, tile)
    room = window_room(tile, taps) // channels
    rows, together = _window_extent(shape, room, pieces, tile)
    rows += rows % 2 if pooled[0] else 0
    if tile.words and taps == 1:
        together = _shorter(together, len(pieces) - 1, -(-shape.n // way.block) * shape.groups * images.count, threads)
    if is_wide.py_func(tile, way.number == PIXELS, pooled[0], channels, shape.c):
        pieces, together = np.append(pieces[:-1:together], pieces[-1]), 1
    places = divide(shape, (rows, together), len(pieces) - 1, images.count * shape.groups, threads, pooled[0] > 0)
    rows, together = (int(np.diff(starts).max()) for starts in places)
    finest = (TASKS if copied else TASKS_AS_IT_LIES) * threads
    if threads == 1 and not pooled[0] and channels >= shape.c:
        finest = 1  # nothing waits, and nobody
    blocks = -(-shape.n // way.block)
    area = way.block * way.width
    most = WAITING // (rows * together * area) if channels < shape.c and is_near(tile) and tile.contract else blocks
    tasks, most = share_out(shape, threads, blocks, places, pieces, images.count, finest, most)
    row = _row_length(shape, _longest(pieces, together), tile) if copied else 0
    plane = row * ((rows - 1) * shape.stride + shape.size)
    if taps == 1 and copied:  # an odd number of lines: a pixel's channels then lie in many sets of the cache
        plane = (-(-row // LINE) | 1) * LINE
    sums = channels * plane + way.width
    waiting = 1
    if channels < shape.c:
        waiting = most * rows * together
    elif pooled[0]:
        waiting = 2 if way.number == FILTERS else 2 * most
    scratch = sums + waiting * area + tile.lanes * tile.filters
    cut = Cut(
        way=way.number, block=way.block, area=area, channels=channels, row=row, plane=plane, sums=sums,
        pool_h=pooled[0], pool_w=pooled[1], next_in=images.next_in, next_out=images.next_out,
        scratch=-(-scratch // 16) * 16,
    )  # fmt: skip
    return cut, tasks, pieces


def reads_window(way: Way, shape: ConvShape, tile: Tile) -> bool:
    """Whether a task copies the part of the input that it works on; else it reads it where it lies."""
    if shape.size > 1 or tile.bytes != UNSIGNED or way.number == FEW:
        return True
    if way.number == PIXELS:
        return not tile.finishes_within
    return is_near(tile) and not tile.fetches_within and shape.n >= MANY


def _paired(way: Way) -> Way:
    """The way with pieces that begin at even columns."""
    return replace(way, width=way.width // 2 * 2, unit=way.unit + way.unit % 2)


def _shorter(together: int, pieces: int, others: int, threads: int) -> int:
    """Pieces of a task of a 1x1 convolution, of which there are ``others`` besides: few products in four bytes are done
    before a second thread has begun, unless there are enough tasks."""
    wanted = -(-ENOUGH * threads // others)
    return min(together, max(-(-pieces // wanted), 1))


def choose_way(shape: ConvShape, tile: Tile) -> Way:
    """The way that takes fewest cycles."""
    return min(ways(tile), key=lambda way: estimated_cycles(way, shape, tile))


def estimated_cycles(way: Way, shape: ConvShape, tile: Tile) -> float:
    """Cycles of one group: of a tile per k, its multiply-adds or its loads, whichever is more; of a tile, its start and
    end, and finishing its vectors (those with filters in the lanes are transposed).

    What is not loads was measured on processors of `processor.USUAL`'s pace; it takes longer where products do.
    """
    depth = shape.c * shape.size**2
    widths = np.diff(cut_row(shape.out_w, way))
    pace = ZEN4 if tile.embedded else host_pace()
    slower = USUAL.products / pace.products
    near = shape.size == 1 and is_near(tile)  # what such windows copy has been asked for before
    single = tile.lanes if tile.indexed else 1  # values that are read at a time for one factor of the products
    if way.number == FILTERS:
        loads = (widths / single + 3) / pace.loads
        end = 11.0 if tile.finishes_within else 26.0
        # What lies channel by channel in other lines, and often in other pages, comes late, unless it is asked for.
        far = 1.08 if near and not (tile.fetches_within or reads_window(way, shape, tile)) else 1.0
        tiles = depth * np.maximum(widths * 1.02 * slower, loads) * far + end * widths * slower
    elif way.number == PIXELS:
        vectors = -(-widths // tile.lanes)
        loads = (vectors + tile.rows / single + 1) / pace.loads
        end = 1.5 if tile.finishes_within else 3.0 if near and tile.keeps_sums else 7.0
        tiles = depth * np.maximum(vectors * tile.rows / pace.products, loads) + end * tile.rows * vectors * slower
    else:
        tiles = -(-widths // tile.lanes) * (0.7 * depth + 20) * slower
    blocks = -(-shape.n // way.block)
    rest = 0.0
    if way.number != FILTERS:  # there, weights that pass by are fetched ahead
        copied = shape.size == 1 and reads_window(way, shape, tile)
        window = pace.copying * (0.5 if near else 1) * -(-shape.out_w // tile.lanes) if copied else 0
        rest = (0.4 * shape.n + window) * depth * slower
    return float((tiles + 40).sum()) * shape.out_h * blocks + rest


def ways(tile: Tile) -> list[Way]:
    """All ways, for a tile. (Words have those of several filters: there are no few.)"""
    many = [Way(PIXELS, tile.rows, tile.pixels, tile.lanes), Way(FILTERS, tile.filters, tile.columns, 1)]
    return many if tile.words else [*many, Way(FEW, 1, VECTORS * tile.lanes, tile.lanes)]


def cut_row(out_w: int, way: Way) -> Ints:
    """Columns at which the pieces of a row start, and its end: as even as their unit allows."""
    units = -(-out_w // way.unit)
    count = -(-units // (way.width // way.unit))
    return np.minimum(np.arange(count + 1) * units // count * way.unit, out_w).astype(np.int64)


def is_near(tile: Tile) -> bool:
    """Whether weights and windows have to come from the nearest cache: float32 in vectors of 8 lanes."""
    return tile.lanes == 8 and not tile.words


def window_room(tile: Tile, taps: int) -> int:
    """About how many values a window should have."""
    if is_near(tile):
        return NEAR_WINDOW if taps > 1 else NEAR_WINDOW_1
    room = host_cache_room()
    return WINDOW if room is None else min(WINDOW, room // 4)


def _window_extent(shape: ConvShape, plane: int, pieces: Ints, tile: Tile) -> tuple[int, int]:
    """Rows and pieces per task, such that its window is not too large and overlaps little with its neighbours'.

    ``plane``: about how many values of a channel it should have.

    A 1x1 convolution has one row.
    """
    count = len(pieces) - 1
    best = (float("inf"), 1, 1)
    for together in dict.fromkeys(-(-count // parts) for parts in range(1, count + 1)):
        width = _longest(pieces, together)
        row = _row_length(shape, width, tile)
        rows = max(1, min((plane // row - shape.size) // shape.stride + 1, TILES // together, shape.out_h))
        height = (rows - 1) * shape.stride + shape.size
        too_large = max(1.0, row * height / (2 * plane + 1))
        cost = (row + RUN) * height / (rows * width) * too_large
        best = min(best, (cost, rows, together), key=lambda choice: choice[0])
    _, rows, together = best
    return -(-shape.out_h // -(-shape.out_h // rows)), together


def _longest(pieces: Ints, together: int) -> int:
    return int((pieces[together:] - pieces[:-together]).max())


def _row_length(shape: ConvShape, longest: int, tile: Tile) -> int:
    """Values of a row of the window: for each phase of the stride whole vectors."""
    part = -(-((longest - 1) * shape.stride + shape.size) // shape.stride)
    return min(shape.stride, shape.size) * -(-part // tile.lanes) * tile.lanes


def offsets(shape: ConvShape, cut: Cut) -> Ints:
    """Where in the window (or the input) each (channel, ky, kx) finds the pixels of a piece."""
    c, ky, kx = np.meshgrid(np.arange(cut.channels), *[np.arange(shape.size)] * 2, indexing="ij")
    if cut.row == 0:
        return with_room((c * shape.plane).reshape(-1))
    width = cut.row // min(shape.stride, shape.size)
    return with_room((c * cut.plane + ky * cut.row + kx % shape.stride * width + kx // shape.stride).reshape(-1))


def with_room(table: Ints) -> Ints:
    """A table of offsets with the entries behind it that the micro-kernels read and do not use."""
    return np.append(table, np.zeros(AHEAD, np.int64))
