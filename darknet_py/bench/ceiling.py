"""The ceiling: how fast the processor multiplies and adds in registers; and how near the micro-kernels come to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.conv.multiply import AHEAD, multiply_filters, multiply_pixels
from ..kernels.runtime.atomic import join, next_task
from ..kernels.runtime.work import plan_kernel
from ..kernels.vector.simd import pointer
from ..kernels.vector.tile import host_tile
from ..kernels.words.multiply import multiply_words
from ..numeric.arithmetic import PROFILES
from ..plan.pool import get_pool
from ..plan.step import Step
from .registers import CHAINS, multiply_and_add, multiply_in_words

if TYPE_CHECKING:
    from ..kernels.vector.tile import Tile
    from ..numeric.number_format import NumberFormat

DEPTH = 192
"""How many k a block has: so many that its beginning and end hardly count, and still all is in the first cache."""

SLICES = ((0.001, 20), (0.01, 5))
"""Seconds that one slice of a measurement takes, about, and how many there are: of one thread, and of several, which
have to be woken. The quickest counts: on a machine that others use, too, undisturbed times are short ones."""


@plan_kernel(tasks=lambda blocks: blocks)
def run_pixels(queue, sums, weights, pixels, offsets, blocks, tile):
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
        multiply_pixels(
            tile, tile.vectors, own, True, pointer(weights, 0), pointer(pixels, 0), pointer(offsets, 0), DEPTH
        )


@plan_kernel(tasks=lambda blocks: blocks)
def run_filters(queue, sums, weights, pixels, offsets, blocks, tile):
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
        multiply_filters(tile, tile.columns, own, True, start, pointer(pixels, 0), pointer(offsets, 0), DEPTH, start, 0)


@plan_kernel(tasks=lambda blocks: blocks)
def run_words(queue, sums, weights, pixels, offsets, blocks, tile):
    """The same with words of narrow numbers, filters in the lanes.

    Args:
        sums: written float32[sums.size // (tile.columns * tile.filters), tile.columns * tile.filters]: for each thread
        weights, pixels, offsets: any: as for `multiply_words`
        blocks: int: how many
        tile: Tile
    """
    area = tile.columns * tile.filters
    worker = join(queue, sums.size // area)
    if worker < 0:
        return
    own = pointer(sums, worker * area)
    start, seen, table = pointer(weights, 0), pointer(pixels, 0), pointer(offsets, 0)
    while next_task(queue) >= 0:
        multiply_words(tile, False, tile.columns, own, True, start, seen, table, DEPTH, start, 0)


@dataclass
class Ceiling:
    """Multiply-adds per second: the best seen so far.

    Attributes:
        threads: how many threads ``together`` is of.
        single: of one thread, in registers only.
        together: of ``threads`` threads at once, in registers only.
        micro_kernel: of the convolution's micro-kernels on one thread, on data that never leaves the first cache.
    """

    threads: int
    single: float = 0.0
    together: float = 0.0
    micro_kernel: float = 0.0

    work: str = field(default="separate multiplications and additions", init=False)
    inner: str = field(default="the micro-kernel of exact convolutions", init=False)

    @property
    def limit(self) -> float:
        """What ``threads`` threads could do: that many times one thread's."""
        return self.threads * self.single

    def measure(self) -> None:
        """Measure again, for a few hundredths of a second: other work on the machine only ever takes away."""
        self.single = max(self.single, self.in_registers(1))
        self.together = max(self.together, self.in_registers(self.threads) if self.threads > 1 else self.single)
        self.micro_kernel = max(self.micro_kernel, self.of_micro_kernels())

    def in_registers(self, threads: int) -> float:
        """Multiply-adds per second without memory."""
        return _in_registers(multiply_and_add, threads, host_tile())

    def of_micro_kernels(self) -> float:
        """Multiply-adds per second of the micro-kernels."""
        return _of_micro_kernels()


class WordCeiling(Ceiling):
    """The same of a narrow number format: several products in each lane."""

    def __init__(self, threads: int, numbers: NumberFormat) -> None:
        super().__init__(threads)
        self.tile = numbers.kernels.tile(host_tile())
        self.each = numbers.per_word // self.tile.parts
        self.work, self.inner = WORDS[numbers.name]

    def in_registers(self, threads: int) -> float:
        return self.each * _in_registers(multiply_in_words, threads, self.tile)

    def of_micro_kernels(self) -> float:
        return self.each * _speed_of(run_words, self.tile.columns * self.tile.filters, self.tile.filters, self.tile)


WORDS = {
    "int8": ("dot products of bytes", "the micro-kernel of 8-bit integers"),
    "bf16": ("dot products of two bfloat16 numbers", "the micro-kernel of bfloat16"),
}
"""By number format: what is measured, and where."""


def ceiling_of(math: str, threads: int) -> Ceiling:
    """The ceiling of an arithmetic, not measured yet."""
    numbers = PROFILES[math].narrow
    return Ceiling(threads) if numbers is None else WordCeiling(threads, numbers)


def _in_registers(kernel: Any, threads: int, tile: Tile) -> float:
    """Operations on lanes per second without memory."""
    times = 1000
    values = np.ones(threads * CHAINS * tile.lanes, np.float32)

    def make(blocks: int) -> Step:
        return Step.of(kernel, values=values, times=times, blocks=blocks, tile=tile)

    return CHAINS * tile.lanes * times * _blocks_per_second(make, threads)


def _of_micro_kernels() -> float:
    """Multiply-adds per second of the faster micro-kernel."""
    tile = host_tile()
    ways = ((run_pixels, tile.rows * tile.pixels, tile.rows), (run_filters, tile.columns * tile.filters, tile.filters))
    return max(_speed_of(kernel, area, width, tile) for kernel, area, width in ways)


def _speed_of(kernel: Any, area: int, width: int, tile: Tile) -> float:
    random = np.random.RandomState(0)
    weights = random.uniform(0.5, 1, DEPTH * width).astype(np.float32)
    pixels = random.uniform(0.5, 1, 16 * tile.pixels).astype(np.float32)
    offsets = np.arange(DEPTH + AHEAD, dtype=np.int64) % 8 * tile.lanes
    sums = np.zeros(area, np.float32)

    def make(blocks: int) -> Step:
        return Step.of(kernel, sums=sums, weights=weights, pixels=pixels, offsets=offsets, blocks=blocks, tile=tile)

    return area * DEPTH * _blocks_per_second(make, 1)


def _blocks_per_second(make: Callable[[int], Step], threads: int) -> float:
    """Of a step of some blocks: in the quickest of short slices."""
    wanted, slices = SLICES[threads > 1]
    with get_pool(threads) as pool:

        def seconds(blocks: int) -> float:
            step = make(blocks)
            start = perf_counter()
            pool.run_step(step)
            return perf_counter() - start

        seconds(1)  # compiles, wakes the threads
        blocks = threads
        while (took := seconds(blocks)) < wanted / 4:
            blocks *= 2
        blocks = max(threads, round(blocks * wanted / took))
        return blocks / min(seconds(blocks) for _ in range(slices))
