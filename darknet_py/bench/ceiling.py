"""The ceiling: how fast the convolution's micro-kernels run alone, on data that never leaves the first cache."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.conv.multiply import multiply_filters, multiply_pixels
from ..kernels.runtime.atomic import join, next_task
from ..kernels.runtime.work import plan_kernel
from ..kernels.vector.simd import pointer
from ..kernels.vector.tile import host_tile
from ..plan.pool import get_pool
from ..plan.step import Step

if TYPE_CHECKING:
    from ..kernels.vector.tile import Tile

DEPTH = 192
"""How many k a block has: so many that its beginning and end hardly count, and still all is in the first cache."""

SLICE = 0.02
"""Seconds that one measurement takes, about."""


@plan_kernel(tasks=lambda blocks: blocks)
def _pixels(queue, sums, weights, pixels, offsets, blocks, tile):
    """Blocks of sums, again and again in the same place.

    Args:
        sums: written float32[sums.size // (tile.rows * tile.pixels), tile.rows * tile.pixels]: for each thread
        weights, pixels, offsets: any: as for `multiply_pixels`
        blocks: int: how many
        tile: Tile
    """
    area = tile.rows * tile.pixels
    worker = join(queue, sums.size // area)
    if worker < 0:
        return
    own = pointer(sums, worker * area)
    while next_task(queue) >= 0:
        for _ in range(64):
            multiply_pixels(
                tile, tile.vectors, own, True, pointer(weights, 0), pointer(pixels, 0), pointer(offsets, 0), DEPTH
            )


@plan_kernel(tasks=lambda blocks: blocks)
def _filters(queue, sums, weights, pixels, offsets, blocks, tile):
    """Blocks of sums, again and again in the same place.

    Args:
        sums: written float32[sums.size // (tile.columns * tile.filters), tile.columns * tile.filters]: for each thread
        weights, pixels, offsets: any: as for `multiply_filters`
        blocks: int: how many
        tile: Tile
    """
    area = tile.columns * tile.filters
    worker = join(queue, sums.size // area)
    if worker < 0:
        return
    own = pointer(sums, worker * area)
    start = pointer(weights, 0)
    while next_task(queue) >= 0:
        for _ in range(64):
            multiply_filters(
                tile, tile.columns, own, True, start, pointer(pixels, 0), pointer(offsets, 0), DEPTH, start, 0
            )


@dataclass
class Ceiling:
    """Multiply-adds per second of the micro-kernels alone: the best seen so far.

    Attributes:
        threads: how many threads ``together`` is of.
        single: of one thread.
        together: of ``threads`` threads at once.
    """

    threads: int
    single: float = 0.0
    together: float = 0.0

    @property
    def limit(self) -> float:
        """What ``threads`` threads could do: that many times one thread's."""
        return self.threads * self.single

    def measure(self) -> None:
        """Measure again, for a few hundredths of a second: other work on the machine only ever takes away."""
        self.single = max(self.single, _speed(1))
        self.together = max(self.together, _speed(self.threads) if self.threads > 1 else self.single)


def _speed(threads: int) -> float:
    """Multiply-adds per second of the faster micro-kernel on that many threads."""
    tile = host_tile()
    ways = ((_pixels, tile.rows * tile.pixels, tile.rows), (_filters, tile.columns * tile.filters, tile.filters))
    return max(_speed_of(kernel, area, width, tile, threads) for kernel, area, width in ways)


def _speed_of(kernel: Any, area: int, width: int, tile: Tile, threads: int) -> float:
    random = np.random.RandomState(0)
    weights = random.uniform(0.5, 1, DEPTH * width).astype(np.float32)
    pixels = random.uniform(0.5, 1, 16 * tile.pixels).astype(np.float32)
    offsets = np.arange(DEPTH, dtype=np.int64) % 8 * tile.lanes
    sums = np.zeros(threads * area, np.float32)
    with get_pool(threads) as pool:

        def seconds(blocks: int) -> float:
            step = Step.of(kernel, sums=sums, weights=weights, pixels=pixels, offsets=offsets, blocks=blocks, tile=tile)
            start = perf_counter()
            pool.run_step(step)
            return perf_counter() - start

        seconds(1)  # compiles, wakes the threads
        blocks = threads
        while (took := seconds(blocks)) < SLICE / 4:
            blocks *= 2
        blocks = max(threads, round(blocks * SLICE / took))
        return blocks * 64 * area * DEPTH / seconds(blocks)
