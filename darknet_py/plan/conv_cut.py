"""How the work of a convolution is cut into blocks, parts and tasks, by its shape and the processor's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.conv_few import VECTORS
from ..kernels.convolution import FEW, FILTERS, PIXELS, Cut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.convolution import ConvShape
    from ..kernels.tile import Tile

    Ints = NDArray[np.int64]

DEPTH = 576
"""About how many k one part has. Longer parts read and write the waiting sums less often; shorter ones keep the weights
of a block and the pixels it meets in the nearest cache."""

DEPTH_1 = 256
"""The same for 1x1 convolutions: their windows are wider instead, as the input is read across its channels."""

WINDOW = 48_000
"""About how many float32 values a window has: it stays in the second cache, with weights and sums."""

TASKS = 4
"""Least tasks per thread, if there are that many blocks: no thread waits long for the last one."""

FINISH_PIXELS, FINISH_FILTERS, FINISH_FEW = 7.0, 13.0, 20.0
"""Cycles that finishing a vector of sums takes: with filters in the lanes it has to be transposed."""


@dataclass(frozen=True)
class Way:
    """One of the three ways: its number, filters of a block, how wide its pieces of a row are at most, and what their
    width is a multiple of (but the last one's)."""

    number: int
    block: int
    width: int
    unit: int


def cut_work(
    shape: ConvShape, tile: Tile, threads: int, pooled: tuple[int, int] = (0, 0)
) -> tuple[Cut, Ints, Ints]:
    """Choose the blocks for a shape: (cut, tasks, pieces), see `kernels.convolution.convolution`.

    ``pooled``: height and width of the output if a 2x2 maximum pooling follows: tasks then have pairs of rows.
    """
    way = choose_way(shape, tile)
    taps = shape.size**2
    channels = -(-shape.c // max(1, round(shape.c * taps / (DEPTH if taps > 1 else DEPTH_1))))
    pieces = cut_row(shape.out_w, way)
    rows, together = _window_extent(shape, channels, pieces, way)
    rows += rows % 2 if pooled[0] else 0
    blocks = -(-shape.n // way.block)
    grid = [
        (y, min(y + rows, shape.out_h), i, min(i + together, len(pieces) - 1))
        for y in range(0, shape.out_h, rows)
        for i in range(0, len(pieces) - 1, together)
    ]
    split = min(blocks, max(1, -(-TASKS * threads // (len(grid) * shape.groups))))
    tasks = [
        (group, b * blocks // split, (b + 1) * blocks // split, *part)
        for group in range(shape.groups)
        for b in range(split)
        for part in grid
    ]
    longest = int(max(pieces[together:] - pieces[:-together]))
    row = 0 if way.number == FILTERS and taps == 1 else _row_length(shape, longest, tile)
    plane = row * ((rows - 1) * shape.stride + shape.size)
    area = way.block * way.width
    sums = channels * plane + way.width
    waiting = -(-blocks // split) * rows * together if channels < shape.c else 1
    band = sums + waiting * area + tile.lanes * tile.filters
    scratch = band + (-(-blocks // split) * way.block * rows * shape.out_w + 2 * tile.lanes + 1 if pooled[0] else 0)
    cut = Cut(
        way.number, way.block, area, channels, row, plane, sums, band, *pooled, -(-scratch // 16) * 16
    )  # fmt: skip
    return cut, np.array(tasks, np.int64), pieces


def choose_way(shape: ConvShape, tile: Tile) -> Way:
    """The way that takes fewest cycles: sums of lanes and rows that hold nothing are lost, and finishing differs."""
    depth = shape.c * shape.size**2
    vectors = shape.out_h * -(-shape.out_w // tile.lanes)
    blocks = -(-shape.n // tile.rows) * tile.rows
    filters = shape.out_h * shape.out_w * -(-shape.n // tile.filters) * 2
    cycles = {
        PIXELS: vectors * blocks * (depth / 2 + FINISH_PIXELS),
        FILTERS: filters * (depth / 2 * 1.02 + FINISH_FILTERS),
        FEW: vectors * shape.n * (depth * 0.7 + FINISH_FEW),
    }
    return min(ways(tile), key=lambda way: cycles[way.number])


def ways(tile: Tile) -> list[Way]:
    """All ways, for a tile."""
    return [
        Way(PIXELS, tile.rows, tile.pixels, tile.lanes),
        Way(FILTERS, tile.filters, tile.columns, 1),
        Way(FEW, 1, VECTORS * tile.lanes, tile.lanes),
    ]


def cut_row(out_w: int, way: Way) -> Ints:
    """Columns at which the pieces of a row start, and its end: as even as their unit allows."""
    units = -(-out_w // way.unit)
    count = -(-units // (way.width // way.unit))
    return np.minimum(np.arange(count + 1) * units // count * way.unit, out_w).astype(np.int64)


def _window_extent(shape: ConvShape, channels: int, pieces: Ints, way: Way) -> tuple[int, int]:
    """Rows and pieces per task. (A 1x1 convolution has one row: parts of it; others: whole rows.)"""
    count = len(pieces) - 1
    if shape.size == 1:
        wanted = WINDOW // (channels * way.width)
        parts = max(1, round(count / max(1, wanted)))
        return 1, -(-count // parts)
    rows = max(1, (WINDOW // (channels * (shape.w + 2 * shape.pad)) - shape.size) // shape.stride + 1)
    rows = min(rows, max(1, round(64 / count)))
    return -(-shape.out_h // -(-shape.out_h // rows)), count


def _row_length(shape: ConvShape, longest: int, tile: Tile) -> int:
    """Values of a row of the window: for each phase of the stride whole vectors."""
    part = -(-((longest - 1) * shape.stride + shape.size) // shape.stride)
    return min(shape.stride, shape.size) * -(-part // tile.lanes) * tile.lanes


def offsets(shape: ConvShape, cut: Cut) -> Ints:
    """Where in the window (or the input) each (channel, ky, kx) finds the pixels of a piece."""
    c, ky, kx = np.meshgrid(np.arange(cut.channels), *[np.arange(shape.size)] * 2, indexing="ij")
    if cut.row == 0:
        return (c * shape.plane).reshape(-1)
    width = cut.row // min(shape.stride, shape.size)
    return (c * cut.plane + ky * cut.row + kx % shape.stride * width + kx // shape.stride).reshape(-1)


