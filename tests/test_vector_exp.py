"""exp and the logistic function of vectors: the C library's bits, for every vector length."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from darknet_py.kernels.layers.activations import LOGISTIC, activate_channels
from darknet_py.kernels.layers.softmax import MANY, WIDE, softmax
from darknet_py.kernels.runtime.atomic import new_queue
from darknet_py.kernels.runtime.jit import kernel
from darknet_py.kernels.runtime.libm import exp
from darknet_py.kernels.vector.exp import exp_of
from darknet_py.kernels.vector.simd import load, pointer
from darknet_py.kernels.vector.tile import AVX2, AVX512, NEON, SSE, Tile

from .test_convolution import each_tile

Floats = NDArray[np.float32]

TILES = [AVX512, AVX2, SSE, NEON]


@kernel
def exps(out, x, tile):
    for i in range(0, x.size, tile.lanes):
        exp_of(tile, pointer(out, 0), i, load(tile, pointer(x, 0), i))


@kernel
def scalar_exps(out, x):
    for i in range(x.size):
        out[i] = np.float32(exp(np.float64(x[i])))


@kernel
def scalar_logistics(out, x):
    for i in range(x.size):
        out[i] = np.float32(1.0 / (1.0 + exp(-x[i])))


def hard_values() -> Floats:
    """Of all sizes and signs, with those that need care."""
    rng = np.random.default_rng(9)
    special = [
        0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        87,
        -87,
        87.00001,
        -87.00001,
        88.7,
        89,
        -103,
        -104,
        1e-45,
        -1e-38,
        3e38,
    ]
    near_ties = np.log(np.float64(1) + (np.arange(1, 4001) + 0.5) * 2.0**-23)  # exp lies between two float32
    parts = [
        rng.uniform(-90, 90, 200_000), rng.normal(0, 1, 200_000), rng.normal(0, 1e-3, 50_000), near_ties, -near_ties,
        rng.integers(0, 2**32, 200_000, np.uint32).view(np.float32), special,
    ]  # fmt: skip
    values = np.concatenate([np.asarray(part, np.float32) for part in parts])
    return np.concatenate([values, np.zeros(-values.size % 16, np.float32)])


def assert_same_bits(found: Floats, wanted: Floats, x: Floats) -> None:
    differ = (found.view(np.uint32) != wanted.view(np.uint32)) & ~(np.isnan(found) & np.isnan(wanted))
    assert not differ.any(), (x[differ][:3], found[differ][:3], wanted[differ][:3])


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
def test_same_bits_as_the_c_library(tile: Tile) -> None:
    x = hard_values()
    found, wanted = np.zeros_like(x), np.zeros_like(x)
    exps(found, x, tile)
    scalar_exps(wanted, x)
    assert_same_bits(found, wanted, x)


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
def test_logistic_with_a_rest_that_is_no_vector(tile: Tile) -> None:
    x = hard_values()[: -tile.lanes - 3]
    found, wanted = np.zeros_like(x), np.zeros_like(x)
    activate_channels(new_queue(1), found, x, np.array([LOGISTIC]), x.size, tile)
    scalar_logistics(wanted, x)
    assert_same_bits(found, wanted, x)


@pytest.mark.slow
@pytest.mark.parametrize("tile", [AVX512, SSE], ids=str)
def test_every_eleventh_float(tile: Tile) -> None:
    for start in range(0, 2**32, 2**28):
        x = np.arange(start, start + 2**28, 11, np.uint64)[: 2**28 // 11 // 16 * 16].astype(np.uint32).view(np.float32)
        if not np.any(np.abs(x) < 88):
            continue
        found, wanted = np.zeros_like(x), np.zeros_like(x)
        exps(found, x, tile)
        scalar_exps(wanted, x)
        assert_same_bits(found, wanted, x)
        activate_channels(new_queue(1), found, x, np.array([LOGISTIC]), x.size, tile)
        scalar_logistics(wanted, x)
        assert_same_bits(found, wanted, x)


def run_softmax(
    x: Floats, groups: tuple[NDArray[np.int64], NDArray[np.int64]], temperature: float, tile: Tile
) -> Floats:
    """Softmax of values of (parts, channels, cells)."""
    parts, channels, cells = x.shape
    out, scratch = np.full(x.size, 7, np.float32), np.zeros(64, np.float32)
    arguments = {
        "out": out, "x": x.reshape(-1).copy(), "offsets": groups[0], "sizes": groups[1], "parts": parts,
        "part_stride": channels * cells, "first": 0, "cells": cells, "temperature": np.float32(temperature),
        "scratch": scratch, "tile": tile,
    }  # fmt: skip
    softmax(new_queue(softmax.work.tasks(arguments)), *arguments.values())
    return out.reshape(x.shape)


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("cells", [16 * 3, 16 * 3 + 2, 16 * 2 + 15, WIDE + 5])
def test_softmax_of_whole_vectors_and_rests(tile: Tile, temperature: float, cells: int) -> None:
    """Values of some cells go through vectors, those of the others one by one: they must not differ."""
    rng = np.random.default_rng(2)
    x = rng.normal(0, 4, (2, 21, cells)).astype(np.float32)
    x[0, 3, 5], x[1, 7, 20], x[1, 8, 20], x[1, :, cells - 3] = np.nan, 200, -200, -0.0
    x[0, 7, cells - 1], x[0, 8, cells - 2] = -np.inf, np.nan
    groups = np.array([0, 5, 6], np.int64), np.array([5, 1, 15], np.int64)
    together = run_softmax(x, groups, temperature, tile)
    one_by_one = [run_softmax(x[:, :, i : i + 1], groups, temperature, tile) for i in range(cells)]
    assert_same_bits(together, np.concatenate(one_by_one, axis=2), x)
    if tile is AVX512:
        near = run_softmax(x, groups, temperature, tile.contracted)
        np.testing.assert_allclose(near, together, rtol=2e-6, atol=1e-30)


def test_softmax_of_more_groups_than_a_task_has() -> None:
    """All are done, each once, and channels of no group are left alone."""
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 6, 2 * MANY + 7)
    offsets = np.cumsum(sizes + np.arange(sizes.size) % 2) - sizes  # every second group has a gap before it
    x = rng.normal(0, 4, (3, int(offsets[-1] + sizes[-1]) + 1, 19)).astype(np.float32)
    found = run_softmax(x, (offsets, sizes), 1, AVX512)
    wanted = np.full_like(x, 7)
    for offset, size in zip(offsets, sizes, strict=True):
        e = np.exp(x[:, offset : offset + size].astype(np.float64))
        wanted[:, offset : offset + size] = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
