"""One filter on many pixels, for convolutions whose groups have too few filters for a block: depthwise ones, say."""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..vector.simd import add_product, load, shifted, splat, store

VECTORS = 4
"""Vectors of pixels of a piece: as many sums as keep the adders busy."""


@kernel
def multiply_few(tile, vectors, sums, fresh, weights, pixels, offsets, depth):
    """As `multiply.multiply_pixels`, of one filter.

    Args:
        tile: Tile
        vectors: int: vectors of pixels, at most VECTORS
        sums: updated float32*: (vectors, lanes)
        fresh: bool: the sums start from 0
        weights: float32*: (depth,)
        pixels: float32*: the first pixel
        offsets: int64*: (depth,), where each tap's pixels lie from there
        depth: int: how many k
    """
    lanes = tile.lanes
    if fresh:
        for v in range(vectors):
            store(sums, v * lanes, splat(tile, np.float32(0)))
    if vectors == VECTORS:
        a, b = load(tile, sums, 0), load(tile, sums, lanes)
        c, d = load(tile, sums, 2 * lanes), load(tile, sums, 3 * lanes)
        for k in range(depth):
            weight, line = splat(tile, weights[k]), shifted(pixels, offsets[k])
            a = add_product(tile, a, weight, load(tile, line, 0))
            b = add_product(tile, b, weight, load(tile, line, lanes))
            c = add_product(tile, c, weight, load(tile, line, 2 * lanes))
            d = add_product(tile, d, weight, load(tile, line, 3 * lanes))
        store(sums, 0, a)
        store(sums, lanes, b)
        store(sums, 2 * lanes, c)
        store(sums, 3 * lanes, d)
        return
    for v in range(vectors):
        a = load(tile, sums, v * lanes)
        for k in range(depth):
            a = add_product(tile, a, splat(tile, weights[k]), load(tile, pixels, offsets[k] + v * lanes))
        store(sums, v * lanes, a)
