"""The micro-kernels by themselves, each as a kernel and arguments for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from darknet_py.kernels.conv.multiply import multiply_filters, multiply_pixels
from darknet_py.kernels.conv.winograd_multiply import multiply_tiles
from darknet_py.kernels.runtime.jit import kernel
from darknet_py.kernels.vector.dots import word_tile
from darknet_py.kernels.vector.simd import load_between, pointer, store_first
from darknet_py.kernels.vector.tile import host_tile
from darknet_py.kernels.vector.transpose import store_transposed
from darknet_py.kernels.words.multiply import multiply_words


@kernel
def _pixels(tile, count, sums, weights, pixels, offsets, depth):
    multiply_pixels(
        tile, count, pointer(sums, 0), True, pointer(weights, 0), pointer(pixels, 0), pointer(offsets, 0), depth
    )


@kernel
def _filters(tile, count, sums, weights, pixels, offsets, depth):
    start = pointer(weights, 0)
    multiply_filters(
        tile, count, pointer(sums, 0), True, start, pointer(pixels, 0), pointer(offsets, 0), depth, start, depth
    )


@kernel
def _tiles(tile, count, sums, weights, pixels, offsets, depth):
    start = pointer(weights, 0)
    multiply_tiles(
        tile, count, depth, pointer(sums, 0), True, start, pointer(pixels, 0), pointer(offsets, 0), depth, start, depth,
        depth,
    )  # fmt: skip


@kernel
def _words(tile, by_pixels, count, sums, weights, pixels, offsets, depth):
    start = pointer(weights, 0)
    multiply_words(
        tile, by_pixels, count, pointer(sums, 0), True, start, pointer(pixels, 0), pointer(offsets, 0), depth, start,
        depth,
    )  # fmt: skip


@kernel
def _transposed(tile, out, plane, source, pitch, rows, columns):
    store_transposed(tile, pointer(out, 0), plane, pointer(source, 0), pitch, rows, columns)


@kernel
def _parts(tile, out, x, count):
    for i in range(0, count, tile.lanes):
        present = min(tile.lanes, count - i)
        store_first(pointer(out, 0), i, load_between(tile, pointer(x, 0), i, 0, present), present)


_FLOATS, _INTS, _INT = np.zeros(1, np.float32), np.zeros(1, np.int64), 0


def _tile(contract: bool) -> Any:
    return replace(host_tile(), contract=contract)


def pixels_of(contract: bool = False) -> tuple[Any, tuple[Any, ...]]:
    """`multiply_pixels`."""
    return _pixels, (_tile(contract), _INT, _FLOATS, _FLOATS, _FLOATS, _INTS, _INT)


def filters_of(contract: bool = False) -> tuple[Any, tuple[Any, ...]]:
    """`multiply_filters`."""
    return _filters, (_tile(contract), _INT, _FLOATS, _FLOATS, _FLOATS, _INTS, _INT)


def tiles_of() -> tuple[Any, tuple[Any, ...]]:
    """`multiply_tiles`."""
    return _tiles, (host_tile().contracted, _INT, _FLOATS, _FLOATS, _FLOATS, _INTS, _INT)


def words_of() -> tuple[Any, tuple[Any, ...]]:
    """`multiply_words` on words of bytes."""
    return _words, (word_tile(host_tile()), True, _INT, _FLOATS, _FLOATS, _FLOATS, _INTS, _INT)


def transposed_of() -> tuple[Any, tuple[Any, ...]]:
    """`store_transposed`."""
    return _transposed, (_tile(False), _FLOATS, _INT, _FLOATS, _INT, _INT, _INT)


def parts_of() -> tuple[Any, tuple[Any, ...]]:
    """`load_between` and `store_first`, of vectors of which the last one may be a part."""
    return _parts, (_tile(False), _FLOATS, _FLOATS, _INT)
