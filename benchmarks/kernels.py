"""Least times of what AlexeyAB's networks have besides plain convolutions: activations, and windows of many sizes.

    python benchmarks/kernels.py

On one thread, the least of many short runs: other programs disturb it little.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from darknet_py.kernels.layers.activations import CODES, activate_channels
from darknet_py.kernels.layers.pooling import maxpool
from darknet_py.kernels.layers.pooling_wide import framed, maxpool_wide
from darknet_py.kernels.runtime.atomic import new_queue
from darknet_py.kernels.vector.tile import host_tile

VALUES = 8192
"""Of an activation: they stay in the nearest caches."""

RUNS = 200

ACTIVATIONS = {
    "mish": ("mish/alone", "mish", "mish/fast"),
    "swish": ("swish/alone", "swish", "swish/fast"),
    "logistic": ("logistic/alone", "logistic/single", "logistic/fast"),
    "tanh": ("tanh/alone", "tanh/single"),
}
"""One by one, in vectors with the same bits, and nearly."""

POOLS = [(512, 13), (512, 19), (256, 40)]
"""Channels and side of maps that are pooled with windows of `WINDOWS`."""

WINDOWS = (3, 5, 9, 13)


def least(run: Callable[[], None], runs: int = RUNS) -> float:
    """Seconds of the quickest run; the first one may compile."""
    run()
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def activations() -> None:
    """Nanoseconds per value."""
    print("activation   one by one   vectors   fast   (ns per value)")
    x = np.random.default_rng(7).normal(0, 2, VALUES).astype(np.float32)
    out, tile = np.zeros_like(x), host_tile()
    for name, ways in ACTIVATIONS.items():
        times = []
        for way in ways:
            codes = np.array([CODES[way]])
            shape = tile.contracted if way.endswith("/fast") else tile
            times.append(least(lambda: activate_channels(new_queue(1), out, x, codes, VALUES, shape)) / VALUES * 1e9)  # noqa: B023
        print(f"{name:10} {times[0]:12.2f} {times[1]:9.2f}" + "".join(f" {value:6.2f}" for value in times[2:]))


def pools() -> None:
    """Milliseconds of maximum poolings with stride 1."""
    print("\nmap            window   row by row   by doubling   (ms)")
    tile = host_tile()
    for channels, side in POOLS:
        x = np.random.default_rng(7).normal(size=channels * side * side).astype(np.float32)
        out = np.zeros_like(x)
        for size in WINDOWS:
            scratch = np.zeros(framed(size, side, side), np.float32)
            sizes = channels, side, side, side, side, size
            offset = -(size // 2)
            plain = least(lambda: maxpool(new_queue(channels), out, x, *sizes, 1, 1, offset, tile), 10)  # noqa: B023
            wide = least(lambda: maxpool_wide(new_queue(channels), out, x, scratch, *sizes, offset, tile), 10)  # noqa: B023
            print(f"{side:3} x {side:2} x {channels} {size:8} {plain * 1e3:12.3f} {wide * 1e3:13.3f}")


if __name__ == "__main__":
    activations()
    pools()
