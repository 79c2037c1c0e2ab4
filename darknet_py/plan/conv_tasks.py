"""The tasks of a convolution: such that threads end together, keep to their parts of the map, and copy little twice."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..kernels.conv.cut import ConvShape
    from ..typing import Ints

    Place = tuple[int, int, int, int, int, int]
    """Group, image; first row and the one behind the last; the same of pieces."""


WHOLE = 4
"""Places per thread from which on a task has all filters of one."""

FEW_WEIGHTS = 32_768
"""Weights that are quickly read again by each of more tasks: a map is rather cut into more places than filters are."""

UNEVEN = 1.03
"""How much longer than others, on average, a thread may take."""


def divide(
    shape: ConvShape, most: tuple[int, int], pieces: int, others: int, threads: int, pooled: bool
) -> tuple[Ints, Ints]:
    """The places of tasks: at which rows and pieces they begin, and the ends.

    Args:
        shape: the convolution's.
        most: rows and pieces of a task at most.
        pieces: how many there are in a row.
        others: how many maps there are to divide: of images and groups.
        threads: they are to have as many places each, if there are enough.
        pooled: rows are taken two by two.
    """
    height = -(-shape.out_h // (1 + pooled))
    down, across = -(-shape.out_h // most[0]), -(-pieces // most[1])
    wanted = down * across * others
    if wanted < WHOLE * threads and shape.n * shape.c * shape.size**2 <= FEW_WEIGHTS:
        wanted = WHOLE * threads
    if threads > 1 and wanted >= WHOLE * threads:
        finer = [
            (d * a, a, d)
            for d in range(down, min(height, max(down, wanted) + threads) + 1)
            for a in range(across, min(pieces, max(across, wanted) + threads) + 1)
            if d * a * others >= wanted and d * a * others % threads == 0
        ]
        _, across, down = min(finer, default=(0, across, down))
    downs = np.minimum(np.arange(down + 1) * height // down * (1 + pooled), shape.out_h)
    return downs, np.arange(across + 1) * pieces // across


def share_out(
    shape: ConvShape, threads: int, blocks: int, starts: tuple[Ints, Ints], pieces: Ints, images: int, finest: int,
    most: int,
) -> tuple[Ints, int]:  # fmt: skip
    """The tasks (see `kernels.conv.convolution.convolution`), and the most blocks of filters that one has.

    They stand in the order of the threads that begin with them (`kernels.runtime.atomic`). If there are enough places,
    a task has all blocks of one. Where threads would not end together so, each has a part of the blocks of each place.
    If there are few places, a thread has some of them, or a part of the blocks of all, and each task takes a share of
    the blocks that are left, so that the last ones are small: about as small as if there were ``finest`` like them.

    Args:
        shape: the convolution's.
        threads: how many there are.
        blocks: of filters, of a group.
        starts: the places, see `divide`.
        pieces: columns at which pieces begin, and the end.
        images: how many.
        finest: see above.
        most: blocks that a task has at most (and at least one), as more sums would wait than the cache has room for.
    """
    grid = [(*down, *across) for down in pairwise(starts[0].tolist()) for across in pairwise(starts[1].tolist())]
    places = [(group, image, *place) for group in range(shape.groups) for image in range(images) for place in grid]
    count = len(places)
    enough, even, least = count >= WHOLE * threads, _even(places, pieces, threads), max(1, blocks * count // finest)
    if enough and even:
        parts = [(places, [0, blocks])]
    elif even and count >= threads:
        parts = [(some, _decreasing(blocks, count, threads, least)) for some in _equal(places, threads)]
    else:
        ends = [blocks * part // threads for part in range(threads + 1)]
        own = [(first, end - first) for first, end in pairwise(ends) if end > first]
        parts = [
            (places, [first, first + size] if enough else [first + cut for cut in _decreasing(size, count, 1, least)])
            for first, size in own
        ]
    parts = [(some, _limited(cuts, most)) for some, cuts in parts]
    tasks = [
        (image, group, first, last, *place)
        for some, cuts in parts
        for first, last in pairwise(cuts)
        for group, image, *place in some
    ]
    return np.array(tasks, np.int64), max(int(np.diff(cuts).max()) for _, cuts in parts)


def _limited(cuts: list[int], most: int) -> list[int]:
    """The same cuts, and others between them where they are further apart than ``most``."""
    counts = [(first, last, -(-(last - first) // max(1, most))) for first, last in pairwise(cuts)]
    return [first + (last - first) * i // count for first, last, count in counts for i in range(count)] + cuts[-1:]


def _equal(places: list[Place], parts: int) -> list[list[Place]]:
    """Places that follow on each other, as many in each part, about."""
    return [places[first:end] for first, end in pairwise(len(places) * part // parts for part in range(parts + 1))]


def _even(places: list[Place], pieces: Ints, threads: int) -> bool:
    """Whether the threads take about as long as each other for as many places."""
    pixels = [
        sum((y1 - y0) * int(pieces[i1] - pieces[i0]) for _, _, y0, y1, i0, i1 in some)
        for some in _equal(places, threads)
    ]
    return max(pixels) * threads <= UNEVEN * sum(pixels)


def _decreasing(blocks: int, count: int, threads: int, least: int) -> list[int]:
    """Where to cut the blocks of ``count`` places that are for ``threads``: each task has a share of what is left."""
    cuts = [0]
    while cuts[-1] < blocks:
        left = blocks - cuts[-1]
        part = max(left / (2 * threads), left * count / (4 * threads))
        cuts.append(min(blocks, cuts[-1] + max(least, round(part))))
    return cuts
