"""Initial weights against Darknet's, and what weights files do to them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import CfgError, WeightsError
from darknet_py.network import read_network
from darknet_py.parameters import save_parameters
from darknet_py.train.initial import initial_parameters, load_into, read_training_network
from darknet_py.train.random import GlibcRandom

CASES = range(7)

CFG = """[net]
width=8
height=8
channels=3
[convolutional]
batch_normalize=1
filters=4
size=3
pad=1
activation=leaky
[convolutional]
filters=6
size=1
activation=leaky
[local]
filters=2
size=3
[connected]
output=5
activation=linear
"""


@pytest.mark.parametrize("number", CASES)
def test_as_darknet(number: int, oracle: Path) -> None:
    cases = json.loads((oracle / "training/golden/initial-weights.json").read_text())["cases"]
    assert len(cases) == len(CASES)
    case = cases[number]
    network = read_network(oracle / "training/cfg" / case["cfg"])
    random = GlibcRandom(case["seed"])
    arrays = initial_parameters(network, random)
    assert [layer.index for layer in network.layers if "weights" in arrays[layer.index]] == [
        layer["index"] for layer in case["layers"]
    ]
    for layer in case["layers"]:
        weights = arrays[layer["index"]]["weights"]
        assert hashlib.sha256(weights.tobytes()).hexdigest() == layer["weights"][0]
    assert random.rand() == case["next_rand"]
    assert all(not entry["biases"].any() for entry in arrays if entry)


def write(folder: Path, text: str = CFG) -> Path:
    (folder / "net.cfg").write_text(text)
    return folder / "net.cfg"


def test_the_other_arrays_and_local_weights(tmp_path: Path) -> None:
    arrays = initial_parameters(read_network(write(tmp_path)), GlibcRandom(1))
    assert set(arrays[0]["scales"]) == {1}
    assert not arrays[0]["rolling_mean"].any() and not arrays[0]["rolling_variance"].any()
    assert arrays[2]["weights"][0].all() and not arrays[2]["weights"][1:].any()
    bound = np.float32(np.sqrt(2 / arrays[3]["weights"].shape[1]))
    assert np.abs(arrays[3]["weights"]).max() <= bound
    assert np.abs(arrays[3]["weights"]).max() > 0.9 * bound


def test_a_partial_file_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    network = read_network(write(tmp_path))
    first, second = (initial_parameters(network, GlibcRandom(seed)) for seed in (1, 2))
    part = read_network(network.path, cutoff=2)
    save_parameters(part, first[:2], tmp_path / "part.weights", seen=64)
    assert load_into(network, second, tmp_path / "part.weights").seen == 64
    untouched = initial_parameters(network, GlibcRandom(2))
    for index in range(4):
        expected = first if index < 2 else untouched
        assert all(np.array_equal(values, expected[index][name]) for name, values in second[index].items()), index


def test_dontload_and_numload(tmp_path: Path) -> None:
    network = read_network(write(tmp_path))
    stored = initial_parameters(network, GlibcRandom(1))
    part = read_network(network.path, cutoff=1)
    save_parameters(part, stored[:1], tmp_path / "one.weights")
    text = CFG.replace("[convolutional]\nfilters=6", "[convolutional]\ndontload=1\nfilters=6").replace(
        "batch_normalize=1\nfilters=4", "batch_normalize=1\nnumload=4\nfilters=7"
    )
    wide, rules = read_training_network(write(tmp_path, text))
    arrays, untouched = (initial_parameters(wide, GlibcRandom(2)) for _ in range(2))
    load_into(wide, arrays, tmp_path / "one.weights", rules)
    assert np.array_equal(arrays[0]["weights"][:4], stored[0]["weights"])
    assert np.array_equal(arrays[0]["weights"][4:], untouched[0]["weights"][4:])
    assert np.array_equal(arrays[1]["weights"], untouched[1]["weights"])
    with pytest.raises(CfgError, match="dontload"):
        read_network(wide.path)


def test_files_of_other_networks_are_refused(tmp_path: Path) -> None:
    network = read_network(write(tmp_path))
    arrays = initial_parameters(network, GlibcRandom(1))
    save_parameters(network, arrays, tmp_path / "whole.weights")
    whole = (tmp_path / "whole.weights").read_bytes()
    (tmp_path / "cut.weights").write_bytes(whole[: 20 + 4 * 10])
    with pytest.raises(WeightsError, match=r"ends in layer 0 \(convolutional\), .*weights extract"):
        load_into(network, arrays, tmp_path / "cut.weights")
    (tmp_path / "long.weights").write_bytes(whole + b"1234")
    with pytest.raises(WeightsError, match="too long"):
        load_into(network, arrays, tmp_path / "long.weights")


def test_layers_that_cannot_be_trained_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "[net]\ninputs=4\n[rnn]\noutput=3\nhidden=3\n")
    with pytest.raises(CfgError, match=r"net.cfg:3: \[rnn\] cannot be trained"):
        initial_parameters(read_network(path), GlibcRandom(1))
