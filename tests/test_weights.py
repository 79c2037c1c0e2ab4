"""Weights files: both headers, transposed matrices, and never silent garbage."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from darknet_py.detector import Detector
from darknet_py.errors import CfgError, WeightsError
from darknet_py.formats.weights import WeightsReader, WeightsWriter
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.parameters import load_parameters, save_parameters
from darknet_py.synth import write_synth

from .nets import build_with, net, ramp, write_cfg

CONV = "conv filters=4 size=3 pad=1 batch_normalize=1 activation=leaky"
TEXT = net(3, 8, 8, CONV, CONV, "connected output=5 activation=linear")


@pytest.fixture
def cfg(tmp_path: Path) -> Path:
    return write_cfg(tmp_path, TEXT)


def header(major: int, minor: int, seen: bytes) -> bytes:
    return struct.pack("<iii", major, minor, 0) + seen


@pytest.mark.parametrize(
    ("major", "minor", "wide", "transposed"),
    [(0, 1, False, False), (0, 2, True, False), (1, 0, True, False), (1001, 0, False, True), (0, 2000, False, True),
     (1000, 0, False, False), (0, 1000, False, False)],
)  # fmt: skip
def test_headers(tmp_path: Path, major: int, minor: int, wide: bool, transposed: bool) -> None:
    path = tmp_path / "w"
    path.write_bytes(header(major, minor, struct.pack("<Q" if wide else "<i", 77)) + np.float32([1.5]).tobytes())
    reader = WeightsReader(path)
    assert (reader.header.seen, reader.header.transposed) == (77, transposed)
    assert reader.take(1, "a value").tolist() == [1.5]
    reader.finish("a value")


def test_values_are_views_of_the_file(weights: Path) -> None:
    values = WeightsReader(weights).take(4, "biases")
    assert isinstance(values.base, np.memmap) or isinstance(values, np.memmap)
    assert not values.flags.writeable


def test_transposed_connected_weights(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(1, 1, 3, "connected output=2 activation=linear"))
    biases, matrix = np.float32([0, 0]), np.float32([[1, 2, 3], [40, 50, 60]])
    (tmp_path / "w").write_bytes(header(0, 1001, b"\0\0\0\0") + biases.tobytes() + matrix.T.copy().tobytes())
    (out,) = load(cfg, tmp_path / "w").predict(np.ones((1, 1, 3), np.float32))
    assert out.reshape(-1).tolist() == [6, 150]


def test_flipped_convolution(tmp_path: Path) -> None:
    arrays = {"biases": np.zeros(2, np.float32), "weights": np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1)}
    text = net(3, 1, 1, "conv filters=2 size=1 flipped=1 activation=linear")
    (out,) = build_with(tmp_path, text, arrays).predict(ramp(3, 1, 1))
    assert out.reshape(-1).tolist() == [5, 14]
    stored = np.frombuffer((tmp_path / "net.weights").read_bytes()[20 + 8 :], np.float32)
    assert stored.tolist() == [0, 3, 1, 4, 2, 5], "the file holds (channels, filters)"


@pytest.mark.parametrize("cut", [1, 4, 5 * 4 * 2, 5 * 256 * 4 + 3])
def test_too_short_says_by_how_much_and_where(cfg: Path, weights: Path, cut: int) -> None:
    os.truncate(weights, weights.stat().st_size - cut)
    with pytest.raises(WeightsError) as caught:
        load(cfg, weights)
    assert f"the file is {cut} bytes too short for its cfg: it ends in layer 2 (connected)" in str(caught.value)
    assert str(caught.value).startswith(f"{weights}: ")


def test_too_short_in_an_early_layer(cfg: Path, weights: Path) -> None:
    os.truncate(weights, 20 + 6)
    with pytest.raises(WeightsError, match=r"it ends in layer 0 \(convolutional\), biases"):
        load(cfg, weights)


def test_too_long_says_by_how_much(cfg: Path, weights: Path) -> None:
    with open(weights, "ab") as file:
        file.write(b"12345")
    with pytest.raises(WeightsError, match=r"5 bytes are left after layer 2 \(connected\)"):
        load(cfg, weights)


@pytest.mark.parametrize("content", [b"", b"abc", b"\0" * 15, header(0, 2, b"\0\0\0\0")])
def test_too_short_for_its_header(cfg: Path, weights: Path, content: bytes) -> None:
    weights.write_bytes(content)
    with pytest.raises(WeightsError, match=f"too short: {len(content)} bytes do not even hold the header"):
        load(cfg, weights)


def test_a_web_page_is_not_a_weights_file(cfg: Path, weights: Path) -> None:
    weights.write_text("\n<!DOCTYPE html><html>not found</html>" * 9)
    with pytest.raises(WeightsError, match="a web page"):
        load(cfg, weights)


def test_what_cannot_be_read(cfg: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        load(cfg, tmp_path / "missing.weights")
    with pytest.raises(WeightsError, match="directory"):
        load(cfg, tmp_path)


def test_partial_weights_need_a_cutoff(cfg: Path, weights: Path, tmp_path: Path) -> None:
    whole = load(cfg, weights)
    x = np.random.default_rng(1).random((3, 8, 8), np.float32)
    whole.predict(x)
    first = sum(array.count for array in whole.network.layers[0].stored())
    partial = tmp_path / "net.conv.1"
    partial.write_bytes(weights.read_bytes()[: 20 + 4 * first])
    with pytest.raises(WeightsError, match="too short"):
        load(cfg, partial)
    for file in (partial, weights):  # a file may also have more than is asked for
        (out,) = load(cfg, file, cutoff=1).predict(x)
        assert out.tobytes() == whole.layer_output(0).tobytes()


def test_dontloadscales_takes_neutral_values(tmp_path: Path) -> None:
    arrays = {"biases": np.float32([0.5]), "weights": np.full((1, 1, 1, 1), 2, np.float32)}
    text = net(1, 1, 1, "conv filters=1 size=1 batch_normalize=1 dontloadscales=1 activation=linear")
    (out,) = build_with(tmp_path, text, arrays).predict(np.ones((1, 1, 1), np.float32))
    assert out[0, 0, 0] == np.float32(np.float64(2) / np.float64(np.float32(0.000001))) + np.float32(0.5)


def test_what_is_saved_is_what_was_loaded(cfg: Path, weights: Path, tmp_path: Path) -> None:
    network = read_network(cfg)
    parameters = load_parameters(network, weights)
    save_parameters(network, parameters.arrays, tmp_path / "again", parameters.seen)
    assert (tmp_path / "again").read_bytes() == weights.read_bytes()


def test_saving_checks_shapes_and_leaves_nothing_behind(cfg: Path, weights: Path, tmp_path: Path) -> None:
    network = read_network(cfg)
    arrays = [dict(stored) for stored in load_parameters(network, weights).arrays]
    arrays[1]["scales"] = np.zeros(3, np.float32)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(WeightsError, match=r"layer 1 .*scales has shape \(3,\), not \(4,\)"):
        save_parameters(network, arrays, tmp_path / "again")
    assert sorted(tmp_path.iterdir()) == before


def test_writer_replaces_a_file_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), WeightsWriter(path) as writer:
        writer.put(np.zeros(3, np.float32))
        raise RuntimeError
    assert path.read_bytes() == b"old"


def test_cutoff_beyond_the_network(cfg: Path, weights: Path) -> None:
    with pytest.raises(CfgError, match="cutoff=9"):
        load(cfg, weights, cutoff=9)


def test_released_layout_is_fixed_by_the_cfg(cfg: Path, weights: Path) -> None:
    parameters = load_parameters(read_network(cfg), weights)
    assert [list(stored) for stored in parameters.arrays] == [
        ["biases", "scales", "rolling_mean", "rolling_variance", "weights"],
        ["biases", "scales", "rolling_mean", "rolling_variance", "weights"],
        ["biases", "weights"],
    ]
    assert isinstance(Detector(read_network(cfg), parameters), Detector)


OF_ALEXEYAB = {  # section, its arrays in file order, number of values of each
    "shortcut from=-2 weights_type=per_channel weights_normalization=relu": [("weights", 8)],
    "implicit filters=5": [("weights", 5)],
    "batchnorm": [("biases", 4), ("scales", 4), ("rolling_mean", 4), ("rolling_variance", 4)],
    "conv_lstm output=2 size=1 pad=0 peephole=1": [("vf.biases", 2), ("vf.weights", 4), ("vi.biases", 2)],
    "crnn output=2 hidden=3 pad=1": [("input_layer.biases", 3), ("input_layer.weights", 108), ("self_layer.biases", 3)],
    "conv filters=4 size=3 antialiasing=1": [("biases", 4), ("weights", 144)],
}


@pytest.mark.parametrize("section", OF_ALEXEYAB)
def test_too_short_in_each_kind_of_array(tmp_path: Path, section: str) -> None:
    """The message names the array, how much of it is missing, and the section's line in the cfg."""
    text = net(3, 4, 4, "conv filters=4 size=1", "activation", "dropout", section)
    cfg, weights = write_cfg(tmp_path, text), tmp_path / "w"
    write_synth(cfg, weights, dialect="alexeyab")
    size, end = weights.stat().st_size, 20 + 4 * (4 + 4 * 3)
    kind, line = read_network(cfg, dialect="alexeyab").layers[3].kind, text[: text.rindex("\n[")].count("\n") + 2
    whole = weights.read_bytes()
    for name, count in OF_ALEXEYAB[section]:
        end += 4 * count
        weights.write_bytes(whole[: end - 3])
        with pytest.raises(WeightsError) as caught:
            load(cfg, weights, dialect="alexeyab")
        assert str(caught.value).startswith(
            f"{weights}: the file is {size - end + 3} bytes too short for its cfg: it ends in layer 3 ({kind}), {name} "
            f"({cfg}:{line}), 3 bytes before their end; "
        )
