"""Whether the C library here has the float functions that `expf` computes."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..runtime.jit import kernel
from ..runtime.libm import expf, logf
from .expf import expf_or_nan, logf_or_nan
from .simd import load, pointer, store
from .tile import host_tile

COUNT = 20_000
"""Numbers that are tried with each function. (Of a function that rounds the true result, about one in 200 differs.)"""


@cache
def matches_library() -> bool:
    """Try it. Where it is not so the activations are computed one by one: the bits are always those of this library."""
    spread = np.linspace(0, 1, COUNT)
    tile = host_tile()
    x = np.stack([spread * 170 - 85, np.exp(spread * 41 - 20.5)]).astype(np.float32)  # COUNT is whole vectors
    found, wanted = np.zeros_like(x), np.zeros_like(x)
    evaluate(found[0], found[1], wanted[0], wanted[1], x[0], x[1], tile)
    unsure = np.isnan(found)
    return bool(unsure.mean() < 0.01 and np.array_equal(found[~unsure], wanted[~unsure]))


@kernel
def evaluate(exps, logs, own_exps, own_logs, x, y, tile):
    """The functions in vectors, and the C library's.

    Args:
        exps, logs, own_exps, own_logs: written float32[x.size]
        x, y: float32[x.size]: what exponentials and logarithms are taken of
        tile: Tile
    """
    for i in range(0, x.size, tile.lanes):
        store(pointer(exps, i), 0, expf_or_nan(tile, load(tile, pointer(x, i), 0)))
        store(pointer(logs, i), 0, logf_or_nan(tile, load(tile, pointer(y, i), 0)))
    for i in range(x.size):
        own_exps[i], own_logs[i] = expf(x[i]), logf(y[i])
