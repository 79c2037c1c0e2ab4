"""The profile ``fast``: nearly the exact profile's numbers, on every way that its convolutions take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darknet_py.kernels.conv.cut import FILTERS, PIXELS
from darknet_py.kernels.conv.winograd_code import F2, F4, F4_HALVING, Winograd
from darknet_py.kernels.conv.winograd_cut import tile_room
from darknet_py.kernels.vector.tile import AVX2, AVX512, SHORTER, SSE, ZEN4, Tile, host_tile
from darknet_py.layers.base import Shape
from darknet_py.loading import load
from darknet_py.numeric.arithmetic import PROFILES
from darknet_py.plan import conv_cut, winograd
from darknet_py.plan.convolution import conv_shape
from darknet_py.synth import write_synth
from tests import naive
from tests.nets import net, write_cfg
from tests.test_convolution import SHAPES, UNEVEN, Conv, Floats, Pool, each_tile, fast, make_arrays, plain

FAST = PROFILES["fast"]
TILES = [AVX512, ZEN4, AVX2, SSE, UNEVEN]

TRANSFORMS = [F2, F4, F4_HALVING]

TILED = [
    Conv(20, 13, 13, 40, 3, pad=1),
    Conv(16, 52, 50, 32, 3, pad=1),
    Conv(9, 31, 70, 33, 3, pad=0, activation="relu"),
    Conv(8, 4, 4, 70, 3, pad=1, activation="elu"),
    Conv(17, 3, 3, 16, 3, pad=0, batch_normalize=False),
]


def near(found: Floats, wanted: Floats) -> None:
    scale = max(1.0, float(np.abs(wanted).max()))
    assert np.abs(found - wanted).max() <= 2e-5 * scale


def operands(layer: Conv) -> tuple[dict[str, Floats], Floats]:
    """Weights of usual sizes, and an input."""
    rng = np.random.default_rng(3)
    arrays = make_arrays(layer, rng)
    arrays["weights"] /= np.float32(layer.size * np.sqrt(layer.c))
    if layer.batch_normalize:
        arrays["rolling_variance"] += np.float32(0.5)
    return arrays, rng.standard_normal((layer.c, layer.h, layer.w)).astype(np.float32)


def always(transform: Winograd | None) -> Any:
    return lambda *_: transform


SHARES = ("shared", "own", "alone")
"""Who transforms tiles: a step before, each task of some blocks of filters, or each task of all blocks."""


def share(monkeypatch: pytest.MonkeyPatch, shares: str) -> None:
    monkeypatch.setattr(winograd, "SHARED", 2_000_000 if shares == "shared" else 0)
    monkeypatch.setattr(winograd, "LARGE", 0 if shares == "alone" else 10**9)
    monkeypatch.setattr(winograd, "FEW_BLOCKS", 10**6)


@pytest.mark.parametrize("transform", TRANSFORMS, ids=["F2", "F4", "halving"])
def test_the_matrices_give_a_convolution(transform: Winograd) -> None:
    back, filters, forward = transform.matrices
    rng = np.random.default_rng(0)
    d, g = rng.random((transform.inputs,) * 2), rng.random((3, 3))
    m, stride = transform.outputs, transform.stride
    found = back @ ((filters @ g @ filters.T) * (forward @ d @ forward.T)) @ back.T
    last = (m - 1) * stride + 1
    wanted = sum(d[y : y + last : stride, x : x + last : stride] * g[y, x] for y in range(3) for x in range(3))
    assert np.allclose(found, wanted, rtol=0, atol=1e-13)


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=["F2", "F4", "halving"])
@pytest.mark.parametrize("layer", TILED, ids=str)
def test_winograd_of_each_shape(layer: Conv, transform: Winograd, tile: Tile, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = replace(layer, stride=transform.stride)
    arrays, x = operands(layer)
    wanted = plain(layer, arrays, x)
    for shares in SHARES:
        for threads in (1, 3):
            share(monkeypatch, shares)
            monkeypatch.setattr(winograd, "OWN", 1 if threads == 3 else 10**6)  # row by row, and all rows at once
            near(fast(layer, arrays, x, tile, threads, FAST, choose=always(transform)), wanted)


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("transform", TRANSFORMS, ids=["F2", "F4", "halving"])
@pytest.mark.parametrize("layer", TILED, ids=str)
@pytest.mark.parametrize("pad", [0, 1])
def test_winograd_with_a_pooling(
    layer: Conv, transform: Winograd, tile: Tile, pad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = replace(layer, stride=transform.stride)
    arrays, x = operands(layer)
    out = Shape(layer.n, (layer.out_h + pad) // 2, (layer.out_w + pad) // 2)
    if out.size == 0:
        return
    wanted = naive.maxpool(plain(layer, arrays, x), out.h, out.w)
    for shares in SHARES:
        share(monkeypatch, shares)
        near(fast(layer, arrays, x, tile, 2, FAST, Pool(out), choose=always(transform)), wanted)


def test_winograd_part_by_part_of_k_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, tile = Conv(23, 13, 30, 21, 3, pad=1), host_tile()
    arrays, x = operands(layer)
    whole = fast(layer, arrays, x, tile, 1, FAST, choose=always(F4))
    monkeypatch.setattr(winograd, "is_near", lambda tile: True)
    for part in (1, 7, 23):
        monkeypatch.setattr(winograd, "PART", part)
        assert np.array_equal(fast(layer, arrays, x, tile, 2, FAST, choose=always(F4)), whole)


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("layer", SHAPES[::2], ids=str)
def test_every_other_shape(layer: Conv, tile: Tile) -> None:
    """Products and sums in one rounding, batch normalisation in the weights."""
    arrays, x = operands(layer)
    near(fast(layer, arrays, x, tile, 2, FAST, choose=always(None)), plain(layer, arrays, x))


POINTWISE = [
    Conv(70, 5, 7, 21, 1),  # vectors of pixels and blocks of filters that are not full
    Conv(300, 4, 13, 16, 1, activation="relu"),  # sums that wait for a second part of k
    Conv(300, 7, 7, 9, 1, activation="mish"),  # the same, and finished after they have left the registers
    Conv(20, 9, 11, 40, 1, batch_normalize=False, activation="linear"),
    Conv(33, 17, 16, 33, 1, batch_normalize=False, activation="logistic"),
]


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("number", [PIXELS, FILTERS], ids=["pixels", "filters"])
@pytest.mark.parametrize("layer", POINTWISE, ids=str)
def test_both_ways_of_1x1_convolutions(
    layer: Conv, number: int, tile: Tile, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Whether they read their input where it lies (NaN are around it) or copy it, and wherever they finish sums."""
    monkeypatch.setattr(conv_cut, "choose_way", lambda _, tile: conv_cut.ways(tile)[number])
    arrays, x = operands(layer)
    near(fast(layer, arrays, x, tile, 2, FAST), plain(layer, arrays, x))


def test_which_1x1_convolutions_copy_their_input() -> None:
    shape = conv_shape(Conv(64, 26, 26, 64, 1))  # type: ignore[arg-type]
    for tile, wanted in ((ZEN4.contracted, (False, False)), (ZEN4, (True, False)), (AVX2.contracted, (False, False))):
        ways = [way for way in conv_cut.ways(tile) if way.number in (PIXELS, FILTERS)]
        assert tuple(conv_cut.reads_window(way, shape, tile) for way in ways) == wanted


@pytest.mark.parametrize("across", [1, 4, 7, 8, 9, 13, 16, 26])
@pytest.mark.parametrize("tile", TILES, ids=str)
def test_tiles_of_a_row_have_room_for_whole_vectors(across: int, tile: Tile) -> None:
    written = 0
    while written < across:
        shorter = tile.embedded and across - written <= SHORTER
        written += SHORTER if shorter else tile.lanes
    assert tile_room(across, tile) == written - across


@st.composite
def layers(draw: st.DrawFn) -> Conv:
    pad = draw(st.integers(0, 3))
    side = st.integers(max(1, 3 - 2 * pad), 70)
    return Conv(draw(st.integers(1, 40)), draw(side), draw(side), draw(st.integers(1, 70)), 3, pad=pad)


@pytest.mark.parametrize("tiles", [[host_tile()], pytest.param(TILES, marks=pytest.mark.slow)], ids=["own", "all"])
@settings(max_examples=40, deadline=None)
@given(layers(), st.data(), st.sampled_from(TRANSFORMS), st.integers(1, 4), st.integers(1, 10**6))
def test_winograd_of_any_shape(
    tiles: list[Tile], layer: Conv, data: st.DataObject, transform: Winograd, threads: int, own: int
) -> None:
    tile, layer = data.draw(st.sampled_from(tiles)), replace(layer, stride=transform.stride)
    arrays, x = operands(layer)
    with pytest.MonkeyPatch.context() as patch:
        share(patch, SHARES[own % 3])
        patch.setattr(winograd, "OWN", own)
        patch.setattr(winograd, "SUMS", own)
        near(fast(layer, arrays, x, tile, threads, FAST, choose=always(transform)), plain(layer, arrays, x))


def test_which_convolutions_are_tiled() -> None:
    def chosen(layer: Conv, tile: Tile = AVX512, threads: int = 2) -> Winograd | None:
        return winograd.choose_transform(conv_shape(layer), threads, tile)  # type: ignore[arg-type]

    assert chosen(Conv(128, 52, 52, 256, 3, pad=1)) == F4
    assert chosen(Conv(1024, 13, 13, 1024, 3, pad=1)) == F2, "F4's weights would take longer to read than to use"
    assert chosen(Conv(1024, 13, 13, 1024, 3, pad=1), threads=64) is None, "so would F2's"
    assert chosen(Conv(3, 416, 416, 32, 3, pad=1)) is None, "too few channels"
    assert chosen(Conv(128, 104, 104, 256, 3, 2, 1)) == F4_HALVING
    wide = Conv(32, 208, 208, 64, 3, 2, 1)
    assert chosen(wide) is None and chosen(wide, ZEN4) == F4_HALVING, "fewer products count where they take longer"
    assert chosen(Conv(512, 26, 26, 1024, 3, 2, 1)) is None, "its weights would take longer to read than to use"
    for other in (Conv(64, 26, 26, 64, 3, 3, 1), Conv(64, 26, 26, 64, 1), Conv(64, 26, 26, 64, 3, 1, 1, 2)):
        assert chosen(other) is None
    assert chosen(Conv(128, 52, 52, 256, 3, pad=1), SSE) == F4


BODY = [
    "convolutional batch_normalize=1 filters=16 size=3 pad=1 activation=leaky", "maxpool size=2 stride=2",
    "convolutional batch_normalize=1 filters=48 size=3 pad=1 activation=leaky",
    "convolutional batch_normalize=1 filters=24 size=1 activation=leaky",
    "convolutional batch_normalize=1 filters=48 size=3 pad=1 activation=leaky", "shortcut from=-3 activation=linear",
    "convolutional batch_normalize=1 filters=40 size=3 stride=2 pad=1 activation=leaky",
    "convolutional filters=24 size=1 activation=linear", "region classes=3 num=3 softmax=1 anchors=1,1,2,2,3,3",
]  # fmt: skip


def test_a_network_same_numbers_whatever_the_threads(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 96, 64, *BODY))
    write_synth(cfg, tmp_path / "net.weights")
    x = np.random.default_rng(1).random((3, 96, 64), np.float32)

    def outputs(**options: Any) -> Floats:
        return load(cfg, tmp_path / "net.weights", **options).predict(x)[0]

    exact, found = outputs(), outputs(math="fast", threads=1)
    assert np.abs(found - exact).max() < 1e-5
    assert not np.array_equal(found, exact), "that would be the exact profile"
    assert np.array_equal(found, outputs(math="fast", threads=1)), "the same numbers again"


@pytest.mark.network
def test_released_weights_give_the_same_detections(repository: Path) -> None:
    """yolov3-tiny on photographs: the same boxes, within a thousandth."""
    exact, quick = load("yolov3-tiny"), load("yolov3-tiny", math="fast")
    for photo in sorted((repository / "tests" / "data" / "photos").glob("*.jpg")):
        ours, theirs = exact.detect(photo, thresh=0.2), quick.detect(photo, thresh=0.2)
        assert ours.names == theirs.names
        assert np.abs(ours.confidence - theirs.confidence).max(initial=0) < 1e-3
        size = np.array([*ours.image_size, *ours.image_size])
        assert (np.abs(ours.xyxy - theirs.xyxy) / size).max(initial=0) < 1e-3
