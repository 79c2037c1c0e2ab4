"""Transforming the weights of a convolution for `winograd.winograd`, once, when they are loaded."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, mul, narrow, pointer, splat, store, widen


@plan_kernel(tasks=lambda n, block: -(-n // block), temporary={"scratch": lambda workers, block: workers * 9 * block})
def pack_winograd(queue, packed, weights, matrix, scratch, n, c, inputs, block, tile):
    """G g G' of each filter, in the order in which `winograd` reads them.

    Args:
        packed: written float32[-(-n // block), inputs, inputs, c, block]: absent filters are 0
        weights: float32[n, c, 3, 3]
        matrix: float64[inputs, 3]: G
        scratch: temporary float32[workers, 9, block]: weights of a channel, tap by tap
        n: int: filters
        c: int: channels
        inputs: int: side of a tile of the input
        block: int: filters of a block
        tile: Tile

    Requires:
        block % tile.lanes == 0
    """
    worker = join(queue, scratch.size // (9 * block))
    if worker < 0:
        return
    g, positions = worker * 9 * block, inputs * inputs
    while True:
        b = next_task(queue)
        if b < 0:
            return
        present = min(block, n - b * block)
        for i in range(9 * block):
            scratch[g + i] = np.float32(0)
        for channel in range(c):
            for r in range(present):
                for tap in range(9):
                    scratch[g + tap * block + r] = weights[((b * block + r) * c + channel) * 9 + tap]
            for r in range(0, block, tile.lanes):
                _transform(tile, pointer(scratch, g + r), block, pointer(matrix, 0), inputs,
                           pointer(packed, (b * positions * c + channel) * block + r), c * block)  # fmt: skip


@kernel
def _transform(tile, taps, pitch, matrix, inputs, out, step):
    """G g G' of as many filters as a vector has lanes, in double.

    Args:
        tile: Tile
        taps: float32*: tap by tap, ``pitch`` apart
        pitch: int
        matrix: float64*: (inputs, 3)
        inputs: int: side of a tile of the input
        out: written float32*: position by position
        step: int: from one position to the next
    """
    w0, w1, w2 = widen(load(tile, taps, 0)), widen(load(tile, taps, pitch)), widen(load(tile, taps, 2 * pitch))
    w3, w4 = widen(load(tile, taps, 3 * pitch)), widen(load(tile, taps, 4 * pitch))
    w5, w6 = widen(load(tile, taps, 5 * pitch)), widen(load(tile, taps, 6 * pitch))
    w7, w8 = widen(load(tile, taps, 7 * pitch)), widen(load(tile, taps, 8 * pitch))
    for i in range(inputs):
        x, y, z = splat(tile, matrix[i * 3]), splat(tile, matrix[i * 3 + 1]), splat(tile, matrix[i * 3 + 2])
        left = add(add(mul(x, w0), mul(y, w3)), mul(z, w6))
        middle = add(add(mul(x, w1), mul(y, w4)), mul(z, w7))
        right = add(add(mul(x, w2), mul(y, w5)), mul(z, w8))
        for j in range(inputs):
            p, q, s = splat(tile, matrix[j * 3]), splat(tile, matrix[j * 3 + 1]), splat(tile, matrix[j * 3 + 2])
            value = add(add(mul(p, left), mul(q, middle)), mul(s, right))
            store(out, (i * inputs + j) * step, narrow(value))
