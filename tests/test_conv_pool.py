"""Sums that are pooled before they are finished: the bits of finishing all and pooling then, whatever the values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darknet_py.kernels.conv.cut import FEW, FILTERS, PIXELS
from darknet_py.kernels.vector.tile import host_tile
from darknet_py.layers.base import Shape
from darknet_py.plan import conv_cut
from darknet_py.plan.coefficients import order
from tests import naive

from .test_convolution import (
    IEEE,
    MAKE,
    ODD_VALUES,
    TILES,
    Conv,
    Floats,
    Pool,
    assert_same_bits,
    each_tile,
    fast,
    layers,
    make_arrays,
    plain,
)  # fmt: skip

TINY = 1e-45
INF, NAN = np.inf, np.nan


def assert_pools_alike(layer: Conv, arrays: dict[str, Floats], x: Floats, tile: object, pad: int = 0) -> None:
    """With both profiles and two threads, as the plain twin's two steps."""
    out = Shape(layer.n, (layer.out_h + pad) // 2, (layer.out_w + pad) // 2)
    for profile in (IEEE, MAKE):
        found = fast(layer, arrays, x, tile, 2, profile, Pool(out))  # type: ignore[arg-type]
        wanted = naive.maxpool(plain(layer, arrays, x, not profile.covers_all), out.h, out.w)
        assert_same_bits(found, wanted)


def through(
    filters: int, activation: str, normalize: bool = True, **numbers: list[float]
) -> tuple[Conv, dict[str, Floats]]:
    """A layer whose sums are its first input and twice the others, for filters that take turns with some numbers."""
    layer = Conv(3, 8, 70, filters, 3, pad=1, activation=activation, batch_normalize=normalize)
    values = {"scales": [1.0], "biases": [0.0], "rolling_mean": [0.0], "rolling_variance": [1.0], **numbers}
    wanted = values if normalize else {"biases": values["biases"]}
    arrays = {name: np.resize(np.array(some, np.float32), filters) for name, some in wanted.items()}
    arrays["weights"] = np.zeros((filters, 3, 3, 3), np.float32)
    arrays["weights"][:, :, 1, 1] = 1, 2, 2
    return layer, arrays


def windows(seed: int, *sums: float) -> Floats:
    """Inputs of a layer `through` which some sums pass, in squares of all sorts.

    They are finite, or neighbours' products with weights of 0 would be NaN: sums overflow, or are infinity less
    infinity.
    """
    odd = {INF: (0, 3e38, 0), -INF: (0, 0, -3e38)}
    pixels = [(0, 3e38, -3e38) if sum_ != sum_ else odd.get(sum_, (sum_, 0, 0)) for sum_ in sums]
    chosen = np.random.default_rng(seed).integers(0, len(pixels), (8, 70))
    return np.ascontiguousarray(np.array(pixels, np.float32)[chosen].transpose(2, 0, 1))


@pytest.fixture(params=[PIXELS, FILTERS, FEW], ids=["pixels", "filters", "few"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    number: int = request.param
    monkeypatch.setattr(conv_cut, "choose_way", lambda shape, tile: conv_cut.ways(tile)[number])
    return number


ACTIVATIONS = ["leaky", "linear", "relu", "logistic"]


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_first_zero_of_a_square_stays(tile: object, activation: str, way: int) -> None:
    """+0 and -0 are equal, and come from different sums: by a scale, the mean, a product that is too small."""
    numbers = {
        "scales": [1.0, -1.0, TINY, -1e-30],
        "biases": [0.0, -0.0, 0.0, 1.0, -TINY],
        "rolling_mean": [0.0, 1.0, -TINY],
    }
    layer, arrays = through(36, activation, **numbers)
    for seed, values in enumerate(
        [(0, -1, -0.0), (-TINY, 0, -4 * TINY), (1, -1, 1 - 2**-24, 1 + 2**-23), (-1e-39, -TINY, 1e-39)]
    ):
        assert_pools_alike(layer, arrays, windows(seed, *values), tile)
    layer, arrays = through(36, activation, False, biases=[0.0, -0.0, TINY, -1.0])
    assert_pools_alike(layer, arrays, windows(9, 0, -0.0, -TINY, 1 - 2**-24, -2, TINY), tile)


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_and_infinity(tile: object, activation: str, way: int) -> None:
    """NaN are skipped, and where there is nothing else, or -infinity, the result is -FLT_MAX."""
    sums = [(NAN, 1, 2), (NAN, -INF, 1), (NAN, NAN, NAN, -3), (INF, -INF, 1), (3.4e38, -3.4e38, -INF, 0), (NAN,)]
    for numbers in (
        {"scales": [1.0, -2.0, 0.0, -0.0, TINY, 0.5], "biases": [1.0, 1.0, -3.0, 0.0]},
        {"scales": [1.0, -2.0, INF, NAN], "biases": [1.0, INF, -INF, NAN, -3.0]},
        {"scales": [1.0, -1.0], "rolling_mean": [0.5, INF, -INF, NAN, -1.0], "rolling_variance": [1.0, NAN, -1.0]},
    ):
        layer, arrays = through(36, activation, **numbers)
        for seed, values in enumerate(sums):
            assert_pools_alike(layer, arrays, windows(seed, *values), tile)


@pytest.mark.parametrize("tile", each_tile(TILES), ids=str)
def test_odd_sides_and_pieces(tile: object, way: int) -> None:
    """The last square reaches beyond the image, or is left out."""
    rng = np.random.default_rng(4)
    for h, w in ((1, 1), (2, 3), (3, 15), (5, 31), (7, 97), (4, 33)):
        layer = Conv(2, h, w, 9, 3, pad=1)
        arrays, x = make_arrays(layer, rng), rng.standard_normal((2, h, w)).astype(np.float32)
        for pad in (0, 1):
            if (h + pad) // 2 and (w + pad) // 2:
                assert_pools_alike(layer, arrays, x, tile, pad)


@settings(max_examples=150, deadline=None)
@given(layers(), st.integers(0, 2**32 - 1), st.integers(0, 1), st.sampled_from(["any", "odd", "few"]))
def test_any_shape_and_values(layer: Conv, seed: int, pad: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    if layer.size == 1 or (layer.out_h + pad) // 2 == 0 or (layer.out_w + pad) // 2 == 0:
        return
    arrays = make_arrays(layer, rng)
    x = rng.standard_normal((layer.c, layer.h, layer.w)).astype(np.float32)
    for array in (x, *arrays.values()):
        flat = array.reshape(-1)
        if kind == "odd":
            some = rng.integers(0, flat.size, max(1, flat.size // 50))
            flat[some] = rng.choice(np.array(ODD_VALUES, np.float32), some.size)
        elif kind == "few":
            flat[:] = rng.choice(np.array([0.0, -0.0, 1.0, -1.0], np.float32), flat.size)
    assert_pools_alike(layer, arrays, x, host_tile(), pad)


def test_order() -> None:
    """Of a filter: what becomes of a larger sum, if that is certain."""
    scale = np.array([2, -2, 0, -0.0, TINY, NAN, INF, 1, 1, 1, 1, 1], np.float32)
    mean = np.array([0, 0, 0, 0, 0, 0, 0, INF, NAN, 0, 0, 0], np.float32)
    bias = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, INF, 0, 0], np.float32)
    deviations = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, NAN, 0], np.float64)
    singles = np.stack([mean, scale, bias])
    assert order(singles, deviations).tolist() == [1, -1, *[0] * 10]
    assert order(singles, None).tolist() == [1] * 9 + [0, 1, 1]


def test_parts_of_k(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums that wait for the next part of k wait for the row below as well."""
    monkeypatch.setattr(conv_cut, "DEPTH", 60)
    monkeypatch.setattr(conv_cut, "WINDOW", 1500)
    rng = np.random.default_rng(8)
    for layer in (Conv(30, 21, 50, 20, 3, pad=1), Conv(30, 13, 13, 70, 3, pad=1)):
        arrays, x = make_arrays(layer, rng), rng.standard_normal((30, layer.h, layer.w)).astype(np.float32)
        for pad in (0, 1):
            assert_pools_alike(layer, arrays, x, host_tile(), pad)
            assert_pools_alike(replace(layer, activation="logistic"), arrays, x, host_tile(), pad)
