"""How the gradients of a convolution are cut into tasks and parts: see `kernels.train.weights` and `.inputs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.conv.multiply import AHEAD
from ...kernels.train.inputs import window_row
from ...kernels.train.weights import Share, count_shares, scratch_of

if TYPE_CHECKING:
    from ...kernels.conv.cut import ConvShape
    from ...kernels.vector.tile import Tile
    from ...typing import Ints

CELLS = 128
"""Most cells of a part: what they see of one panel stays in the nearest cache."""

FILTERS = 512
"""Most filters of a task. Each task unrolls the input for itself, so that more are better."""

SUMS = 150_000
"""About how many sums a task has at most: they stay in the second cache, or nearly."""

SEPARATE = 100_000
"""Layers with fewer weights get a task for each image, and their sums are added afterwards: their maps are large."""

TASKS = 4
"""Tasks per thread at which the smallest ones are small enough."""

WINDOW = 64_000
"""About how many values the window on the deltas of the output has: it stays in the second cache."""

FULL = 0.8
"""Part of the lanes that pixels have to fill, lest another way is quicker."""


def rows_of_bands(shape: ConvShape, tile: Tile) -> int:
    """Rows of a task of `kernels.train.inputs.input_gradient`; 0: that is not the way for this shape."""
    if shape.size == 1 or shape.stride > 1 or shape.groups > 1 or not 0 <= shape.pad < shape.size:
        return 0
    rows = WINDOW // (shape.n * window_row(shape, tile)) - shape.size + 1
    whole = -(-shape.w // tile.lanes) * tile.lanes
    return min(rows, shape.h) if rows >= shape.size and shape.w >= FULL * whole else 0


def share_weights(shape: ConvShape, images: int, tile: Tile, threads: int) -> Share:
    """Choose the parts for a shape."""
    taps, cells = shape.c * shape.size**2, shape.out_h * shape.out_w
    adds = int(images == 1 or shape.groups * shape.n * taps >= SEPARATE)
    filters = _up(min(shape.n, FILTERS), tile.rows)
    most = max(tile.pixels, SUMS // filters // tile.pixels * tile.pixels)
    part = -(-cells // -(-cells // CELLS))
    length = _up(-(-taps // -(-taps // most)), tile.lanes)
    while True:
        scratch = _up(scratch_of(filters, length, part, tile), 16)
        share = Share(images if adds else 1, adds, filters, length, part, scratch)
        count = count_shares(images, shape, share)
        if count % threads == 0 or count >= TASKS * threads or length == tile.lanes:
            return share
        length = _up(length // 2, tile.lanes)


def _up(count: int, unit: int) -> int:
    return -(-count // unit) * unit


def panel_offsets(share: Share, tile: Tile) -> Ints:
    """Where in a panel each cell's taps lie, and entries that the micro-kernel reads and does not use."""
    return np.append(np.arange(share.cells), np.zeros(AHEAD)).astype(np.int64) * tile.pixels
