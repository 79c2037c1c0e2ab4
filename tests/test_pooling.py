"""Maximum pooling and residual connections against plain twins, bit for bit, for every vector length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from darknet_py.kernels.layers.activations import CODES, activate
from darknet_py.kernels.layers.pooling import LOWEST, maxpool
from darknet_py.kernels.layers.pooling_wide import framed, maxpool_wide
from darknet_py.kernels.layers.shortcut import shortcut
from darknet_py.kernels.runtime.atomic import new_queue
from darknet_py.kernels.vector.tile import AVX2, AVX512, BYTES, NEON, PAIRS, SSE, Tile, host_tile
from darknet_py.kernels.words.pool import maxpool_words

from .test_convolution import each_tile

Floats = NDArray[np.float32]

TILES = [AVX512, AVX2, SSE, NEON]
OWN_AND_ALL = pytest.mark.parametrize(
    "tiles", [[host_tile()], pytest.param(TILES, marks=pytest.mark.slow)], ids=["own", "all"]
)


def values(rng: np.random.Generator, *shape: int) -> Floats:
    """Numbers with some of both zeros, infinities and nans among them."""
    x = rng.standard_normal(shape).astype(np.float32)
    some = rng.random(shape) < 0.1
    x[some] = rng.choice(np.array([0.0, -0.0, np.inf, -np.inf, np.nan], np.float32), int(some.sum()))
    return x


def plain_maxpool(x: Floats, out_h: int, out_w: int, size: int, stride_x: int, stride_y: int, offset: int) -> Floats:
    c, h, w = x.shape
    out = np.full((c, out_h, out_w), LOWEST, np.float32)
    before = max(0, -offset)
    below, right = (max(0, (count - 1) * stride + offset + size - side)
                    for count, stride, side in ((out_h, stride_y, h), (out_w, stride_x, w)))  # fmt: skip
    around = np.pad(x, ((0, 0), (before, below), (before, right)), constant_values=np.nan)  # nothing is less than NaN
    for n, m in np.ndindex(size, size):
        y, k = offset + before + n, offset + before + m
        part = around[:, y : y + (out_h - 1) * stride_y + 1 : stride_y, k : k + (out_w - 1) * stride_x + 1 : stride_x]
        out = np.where(part > out, part, out)
    return out


def surrounded(x: Floats) -> Floats:
    """The same values between others, which must not matter."""
    around = np.full(x.size + 64, np.nan, np.float32)
    around[32:-32] = x.reshape(-1)
    return around[32:-32]


@OWN_AND_ALL
@settings(max_examples=150, deadline=None)
@given(
    st.data(), st.integers(1, 40), st.integers(1, 100), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3),
    st.integers(0, 6), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_maxpool(
    tiles: list[Tile], data: st.DataObject, h: int, w: int, size: int, stride_x: int, stride_y: int, pad: int, seed: int
) -> None:
    tile = data.draw(st.sampled_from(tiles))
    x = values(np.random.default_rng(seed), 2, h, w)
    out_h, out_w, offset = (h + pad - size) // stride_y + 1, (w + pad - size) // stride_x + 1, -(pad // 2)
    if min(out_h, out_w) < 1:
        return
    target = np.full(2 * out_h * out_w + 64, 7, np.float32)
    out = target[32:-32]
    maxpool(new_queue(2), out, surrounded(x), 2, h, w, out_h, out_w, size, stride_x, stride_y, offset, tile)
    assert np.all(target[:32] == 7) and np.all(target[-32:] == 7)
    wanted = plain_maxpool(x, out_h, out_w, size, stride_x, stride_y, offset)
    assert out.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize(("h", "w"), [(26, 26), (13, 27), (2, 2), (4, 66), (6, 33)])
def test_windows_side_by_side(h: int, w: int, tile: Tile) -> None:
    """All of two rows and two columns, whole ones: made in one pass."""
    x = values(np.random.default_rng(w), 3, h, w)
    out = np.full((3, h // 2, w // 2), 12345, np.float32)
    maxpool(new_queue(3), out.reshape(-1), surrounded(x), 3, h, w, h // 2, w // 2, 2, 2, 2, 0, tile)
    assert (out.view(np.int32) == plain_maxpool(x, h // 2, w // 2, 2, 2, 2, 0).view(np.int32)).all()


@OWN_AND_ALL
@settings(max_examples=150, deadline=None)
@given(
    st.data(), st.integers(1, 40), st.integers(1, 60), st.integers(1, 17), st.integers(0, 18),
    st.sampled_from(["any", "zeros", "nans"]), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_wide_windows(
    tiles: list[Tile], data: st.DataObject, h: int, w: int, size: int, pad: int, kind: str, seed: int
) -> None:
    """Among few different values most windows have their maximum several times; between +0 and -0 the first counts."""
    tile = data.draw(st.sampled_from(tiles))
    rng = np.random.default_rng(seed)
    x = values(rng, 2, h, w)
    if kind == "zeros":
        x = rng.choice(np.array([0.0, -0.0, -1.0], np.float32), x.shape)
    elif kind == "nans":
        odd = np.array([np.nan, -np.nan, -np.inf, -0.0, 0.0], np.float32)
        x = rng.choice(odd, x.shape, p=[0.5, 0.2, 0.2, 0.05, 0.05])
    out_h, out_w, offset = h + pad - size + 1, w + pad - size + 1, -(pad // 2)
    if min(out_h, out_w) < 1:
        return
    target = np.full(2 * out_h * out_w + 64, 7, np.float32)
    out, scratch = target[32:-32], np.full(framed(size, out_h, out_w), np.nan, np.float32)
    maxpool_wide(new_queue(2), out, surrounded(x), scratch, 2, h, w, out_h, out_w, size, offset, tile)
    assert np.all(target[:32] == 7) and np.all(target[-32:] == 7)
    assert out.tobytes() == plain_maxpool(x, out_h, out_w, size, 1, 1, offset).tobytes()


@pytest.mark.parametrize("numbers", [BYTES, PAIRS])
@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 30), st.integers(1, 40), st.integers(3, 13), st.integers(0, 12), st.booleans(),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_wide_windows_of_words(numbers: int, h: int, w: int, size: int, pad: int, odd: bool, seed: int) -> None:
    """The same words as window by window, number by number."""
    tile, rng = replace(host_tile(), words=numbers), np.random.default_rng(seed)
    x = rng.integers(0, 256, (2, h, w, 4), np.uint8).view(np.float32)
    if odd:  # as bfloat16: nans, infinities and both zeros
        few = np.array([0x7FC0, 0xFFC0, 0x7F80, 0xFF80, 0x8000, 0], np.uint16)
        x = rng.choice(few, (2, h, w, 2)).view(np.float32)
    out_h, out_w, offset = h + pad - size + 1, w + pad - size + 1, -(pad // 2)
    if min(out_h, out_w) < 1 or pad >= 2 * size:
        return
    found, wanted = np.zeros((2, 2 * out_h * out_w), np.float32)
    scratch = np.full(framed(size, out_h, out_w), np.nan, np.float32)
    maxpool_wide(new_queue(2), found, surrounded(x), scratch, 2, h, w, out_h, out_w, size, offset, tile)
    maxpool_words(new_queue(2), wanted, surrounded(x), 2, h, w, out_h, out_w, size, 1, 1, offset, tile)
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("activation", ["linear", "leaky", "relu", "logistic"])
@pytest.mark.parametrize("added_c", [2, 3, 5])
def test_shortcut_of_equal_maps(tile: Tile, activation: str, added_c: int) -> None:
    rng = np.random.default_rng(1)
    c, h, w, alpha, beta = 3, 9, 13, np.float32(0.7), np.float32(-1.3)
    x, added = values(rng, c, h, w), values(rng, added_c, h, w)
    out = np.zeros(x.size, np.float32)
    sizes = (c, h, w, added_c, h, w, alpha, beta, CODES[activation], tile)
    shortcut(new_queue(c), out, surrounded(x), surrounded(added), *sizes)
    both = min(c, added_c)
    wanted = x.copy()
    with np.errstate(all="ignore"):
        wanted[:both] = alpha * x[:both] + beta * added[:both]
    wanted = np.array([activate(value, CODES[activation]) for value in wanted.reshape(-1)], np.float32)
    differ = (out.view(np.uint32) != wanted.view(np.uint32)) & ~(np.isnan(out) & np.isnan(wanted))
    assert not differ.any()
