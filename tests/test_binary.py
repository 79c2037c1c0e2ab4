"""Binarised convolutions and the head of instance segmentation (both have goldens, too)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.kernels.layers.binary import binarize_weights
from darknet_py.kernels.runtime.atomic import new_queue
from darknet_py.parameters import load_parameters

from . import naive
from .nets import build, net

f = np.float32


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 27, 150])
@pytest.mark.parametrize("by_four", [False, True])
def test_weights_become_signs_times_their_filters_mean(size: int, by_four: bool) -> None:
    weights = np.random.RandomState(size).uniform(-1, 1, (5, size)).astype(f)
    weights[1] = 0
    out = np.empty_like(weights).reshape(-1)
    binarize_weights(new_queue(5), out, weights.reshape(-1), size, by_four)
    assert out.tobytes() == naive.binary_weights(weights, by_four).tobytes()


def test_the_two_means_are_not_the_same() -> None:
    weights = np.random.RandomState(3).uniform(-1, 1, (50, 27)).astype(f)
    assert (naive.binary_weights(weights, True) != naive.binary_weights(weights, False)).any()


@pytest.mark.parametrize("options", ["size=3 stride=1 pad=1", "size=5 stride=2 pad=1 groups=2", "size=1", "size=2"])
def test_the_input_becomes_signs_and_padding_stays_0(tmp_path: Path, options: str) -> None:
    detector = build(tmp_path, net(4, 9, 11, f"conv filters=6 activation=linear xnor=1 {options}"))
    layer = detector.network.layers[0]
    x = np.random.RandomState(1).uniform(-1, 1, (4, 9, 11)).astype(f)
    x[0, :3, :3] = [[0.0, -0.0, np.nan], [1e-45, -1e-45, np.inf], [-np.inf, 1, -1]]
    signs = np.where(x > 0, f(1), f(-1))
    arrays = load_parameters(detector.network, tmp_path / "net.weights").arrays[0]
    weights = naive.binary_weights(arrays["weights"].reshape(6, -1), False).reshape(arrays["weights"].shape)
    wanted = naive.convolution(signs, weights, layer.groups, layer.stride, layer.pad, layer.out.h, layer.out.w)
    wanted += arrays["biases"][:, None, None]
    assert detector.predict(x)[0].tobytes() == wanted.tobytes()


def test_binary_alone_changes_nothing_as_on_darknets_cpu(tmp_path: Path) -> None:
    conv = "conv filters=6 size=3 pad=1 activation=leaky batch_normalize=1 binary={}"
    x = np.random.RandomState(1).uniform(-1, 1, (3, 8, 8)).astype(f)
    plain, binary = (build(tmp_path, net(3, 8, 8, conv.format(i))).predict(x)[0] for i in (0, 1))
    assert plain.tobytes() == binary.tobytes()


def test_iseg_gives_probabilities_and_hands_the_embedding_on(tmp_path: Path) -> None:
    detector = build(tmp_path, net(5, 2, 3, "iseg classes=2 ids=3"))
    x = np.random.RandomState(1).uniform(-9, 9, (5, 2, 3)).astype(f)
    (out,) = detector.predict(x)
    assert out[2:].tobytes() == x[2:].tobytes()
    np.testing.assert_allclose(out[:2], 1 / (1 + np.exp(-x[:2].astype(np.float64))), rtol=1e-6)
