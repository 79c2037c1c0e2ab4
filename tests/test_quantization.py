"""Which layers can be 8-bit integers, which of them share a scale, and what a calibration must have."""

from __future__ import annotations

from pathlib import Path

import pytest

from darknet_py.errors import DarknetError
from darknet_py.network import Network, read_network
from darknet_py.numeric.quantization import PICTURE, Quantization, Scale, groups, quantizable, scaled

CFG = """[net]
width=16
height=16
channels=3
[convolutional]
filters=8
size=3
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
filters=8
size=1
activation=leaky
[shortcut]
from=-2
activation=linear
[upsample]
stride=2
[route]
layers=-1,0
[convolutional]
filters=18
size=1
activation=linear
[yolo]
anchors=1,2, 3,4, 5,6
classes=1
num=3
mask=0,1,2
"""


@pytest.fixture
def network(tmp_path: Path) -> Network:
    path = tmp_path / "a.cfg"
    path.write_text(CFG)
    return read_network(path)


def test_range() -> None:
    assert Scale.of_range(0, 1) == PICTURE
    assert Scale.of_range(0.5, 1) == PICTURE  # 0 is always there
    assert Scale.of_range(-1, 1).zero == 128
    assert Scale.of_range(-2, 0).range == pytest.approx((-2, 0))
    assert Scale.of_range(0, 0).zero == 0
    for low, high in ((float("nan"), 1), (0, float("inf"))):
        with pytest.raises(DarknetError, match="no range"):
            Scale.of_range(low, high)


@pytest.mark.parametrize(("step", "zero"), [(0, 0), (-1, 0), (float("nan"), 0), (1, 256), (1, -1), (1e38, 0)])
def test_no_scale(step: float, zero: int) -> None:
    with pytest.raises(DarknetError, match="no scale"):
        Scale(step, zero)


def test_layers(network: Network) -> None:
    assert quantizable(network) == {0, 1, 2, 3, 4, 5, 6}
    assert scaled(network) == {-1, 0, 1, 2, 3, 4, 5, 6}
    assert groups(network) == [frozenset({0, 1, 3, 4, 5})]


def test_integers(network: Network) -> None:
    outputs = dict.fromkeys(range(-1, 7), PICTURE)
    assert Quantization(outputs).integers(network) == {0, 1, 2, 3, 4, 5, 6}
    # What only moves values does not make integers of float32.
    assert Quantization(outputs, frozenset({0})).integers(network) == {2, 3, 4, 6}


def test_check(network: Network) -> None:
    outputs = dict.fromkeys(range(-1, 7), PICTURE)
    Quantization(outputs).check(network)
    with pytest.raises(DarknetError, match="no scale for layer 6"):
        Quantization({number: scale for number, scale in outputs.items() if number < 6}).check(network)
    with pytest.raises(DarknetError, match="different scales for layers 0, 1, 3, 4, 5"):
        Quantization({**outputs, 4: Scale(1, 0)}).check(network)
