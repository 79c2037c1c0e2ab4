"""``weights info``: what is in a weights file, whole, cut, or another network's."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darknet_py.network import read_network
from darknet_py.weights import Statistics, combine, inspect_weights, measure
from darknet_py.weights import statistics as module
from darknet_py.zoo.identify import find_release, hash_weights

from .nets import net, write_cfg
from .program import run

TEXT = net(
    3, 8, 8, "conv filters=4 size=3 pad=1 batch_normalize=1 activation=leaky", "maxpool size=2 stride=2",
    "conv filters=2 size=1 activation=linear", "connected output=5 activation=linear",
)  # fmt: skip
FIRST = 4 * (4 * 4 + 4 * 27)
"""Bytes of the first convolution."""


@pytest.fixture
def cfg(tmp_path: Path) -> Path:
    return write_cfg(tmp_path, TEXT)


def test_statistics_of_special_values() -> None:
    values = np.float32([1, -3, np.nan, np.inf, -np.inf, 0, -0.0, 1e-40, -1e-45, np.finfo(np.float32).tiny])
    found = measure(values)
    assert (found.count, found.nan, found.inf, found.zeros, found.denormals) == (10, 1, 2, 2, 2)
    assert (found.min, found.max) == (-3, 1)
    finite = values[np.isfinite(values)].astype(np.float64)
    assert found.mean == pytest.approx(finite.mean()) and found.std == pytest.approx(finite.std())


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_statistics_of_nothing_finite(values: list[float]) -> None:
    found = measure(np.float32(values))
    assert np.isnan([found.min, found.max, found.mean, found.std]).all()
    assert (found.count, found.finite) == (len(values), 0)


@given(st.lists(st.floats(width=32), max_size=40))
def test_statistics_do_not_depend_on_the_pieces(values: list[float]) -> None:
    array = np.array(values, np.float32)
    whole = module.measure_chunk(array)
    pieces = combine(module.measure_chunk(array[first : first + 3]) for first in range(0, len(values), 3))
    for key in ("count", "min", "max", "nan", "inf", "zeros", "denormals"):
        assert getattr(pieces, key) == pytest.approx(getattr(whole, key), nan_ok=True, abs=0), key
    scale = max((abs(value) for value in values if np.isfinite(value)), default=0)
    for key in ("mean", "std"):
        assert getattr(pieces, key) == pytest.approx(getattr(whole, key), nan_ok=True, abs=1e-6 * scale), key


def test_all_arrays_of_a_whole_file(cfg: Path, weights: Path) -> None:
    network = read_network(cfg)
    info = inspect_weights(weights, network)
    assert (info.layers, info.whole, info.missing, info.trailing, info.problem) == (4, 4, 0, 0, "")
    assert [(array.layer, array.name) for array in info.arrays][4:] == [
        (0, "weights"), (2, "biases"), (2, "weights"), (3, "biases"), (3, "weights"),
    ]  # fmt: skip
    assert info.statistics.count == network.parameters == (info.bytes - 20) // 4
    values = np.frombuffer(weights.read_bytes()[20:], np.float32)
    assert info.arrays[0].statistics == measure(values[:4])
    assert info.statistics.mean == pytest.approx(values.astype(np.float64).mean())
    assert info.arrays[-1].shape == (5, 32) and isinstance(info.statistics, Statistics)


@pytest.mark.parametrize(
    ("values", "whole", "problem"),
    [
        (FIRST, 2, ""),
        (FIRST - 1, 0, "it ends in layer 0 (convolutional), weights"),
        (FIRST + 2, 2, "it ends in layer 2 (convolutional), biases"),
        (16, 0, "it ends in layer 0 (convolutional), scales"),
        (FIRST + 8, 2, "it ends in layer 2 (convolutional), weights"),
        (0, 0, "it ends in layer 0 (convolutional), biases"),
        (3, 0, "it ends in layer 0 (convolutional), biases"),
    ],
)
def test_a_file_that_ends_early(cfg: Path, weights: Path, values: int, whole: int, problem: str) -> None:
    missing = weights.stat().st_size - 20 - values
    os.truncate(weights, 20 + values)
    info = inspect_weights(weights, read_network(cfg))
    assert (info.whole, info.missing, info.trailing) == (whole, missing, 0)
    assert (problem in info.problem and f"{missing} bytes too short" in info.problem) if problem else not info.problem
    assert info.statistics.count == values // 4


def test_a_file_that_goes_on(cfg: Path, weights: Path) -> None:
    with open(weights, "ab") as file:
        file.write(b"\xff" * 7)
    info = inspect_weights(weights, read_network(cfg))
    assert info.trailing == 7 and "7 bytes are left after the last layer" in info.problem
    assert info.statistics.nan == 1, "the values that are left count, too"
    assert inspect_weights(weights).trailing == 3


@pytest.mark.parametrize(
    ("header", "lines"),
    [
        (struct.pack("<iiiQ", 0, 2, 0, 5_000_000_000), ["seen      5,000,000,000 images (in 8 bytes)"]),
        (struct.pack("<iiii", 0, 1, 3, 77), ["minor 1, revision 3", "seen      77 images (in 4 bytes)", "16 bytes"]),
        (struct.pack("<fffi", 0.001, 0.9, 0.0005, 77), ["major 981668463", "77 images (in 4 bytes)", "transposed"]),
        (b"\xff\xff\xff\x7f" * 3 + struct.pack("<i", 1), ["major 2147483647", "transposed"]),
        (struct.pack("<f", np.nan) * 3 + struct.pack("<i", -1), ["major 2143289344", "seen      -1"]),
    ],
)
def test_the_header_in_words(tmp_path: Path, header: bytes, lines: list[str]) -> None:
    (tmp_path / "w").write_bytes(header + np.float32([1.5, -2]).tobytes())
    out = run("weights", "info", "w", cwd=tmp_path).stdout
    for line in lines:
        assert line in out
    assert "none that is known by its size" in out


def test_the_command(cfg: Path, weights: Path, tmp_path: Path) -> None:
    out = run("weights", "info", weights, "--cfg", cfg).stdout
    assert f"sha256    {hash_weights(weights)['sha256']}" in out
    assert "seen      32,013,312 images (in 8 bytes)" in out
    row = next(line.split() for line in out.splitlines() if line.startswith("    3 ") and "weights" in line)
    assert row[:5] == ["3", "connected", "weights", "5x32", "160"] and row[-4:] == ["0", "0", "0", "0"]
    assert out.rstrip().endswith("all 4 layers, no byte missing, none left")
    os.truncate(weights, 20 + FIRST)
    out = run("weights", "info", weights, "--cfg", cfg).stdout
    assert "partial weights" in out and "they end after 2 of its 4 layers" in out
    os.truncate(weights, 20 + FIRST - 2)
    result = run("weights", "info", weights, "--cfg", cfg, code=1)
    assert "2 bytes are missing" in result.stdout and "does not fit" in result.stdout
    assert result.stderr.startswith(
        f"Error: {weights}: the file is 702 bytes too short for its cfg: it ends in layer 0"
    )


def test_json(cfg: Path, weights: Path, tmp_path: Path) -> None:
    values = np.frombuffer(weights.read_bytes()[20:], np.float32).copy()
    values[:4] = np.nan
    weights.write_bytes(weights.read_bytes()[:20] + values.tobytes())
    found = json.loads(run("weights", "info", weights, "--cfg", cfg, "--json", "-").stdout)
    assert found["header"] == {
        "major": 0, "minor": 2, "revision": 0, "seen": 32013312, "bytes": 20, "seen_bytes": 8, "transposed": False,
    }  # fmt: skip
    assert (found["fits"], found["problem"], found["missing_bytes"], found["release"]) == (True, None, 0, None)
    biases = found["layers"][0]["arrays"]["biases"]
    assert (biases["shape"], biases["nan"], biases["mean"]) == ([4], 4, None)
    assert [layer["index"] for layer in found["layers"]] == [0, 2, 3]
    run("weights", "info", weights, "--json", "i.json", cwd=tmp_path)
    plain = json.loads((tmp_path / "i.json").read_text())
    assert plain["statistics"] == found["statistics"] and plain["trailing_bytes"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is too short: 0 bytes"),
        (b"\0" * 15, "the file is too short: 15 bytes"),
        (b"<!DOCTYPE html>" + b" " * 99, "a web page"),
        (None, "No such file"),
    ],
)
def test_what_is_no_weights_file(cfg: Path, tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "w").write_bytes(content)
    for options in ([], ["--cfg", cfg]):
        result = run("weights", "info", "w", *options, cwd=tmp_path, code=1)
        assert message in result.stderr and len(result.stderr.splitlines()) == 1


def test_help_of_every_subcommand() -> None:
    text = run("weights", "--help").stdout
    for command in ("info", "extract", "convert"):
        assert command in text
        assert f"darknet-py weights {command} " in run("weights", command, "--help").stdout.splitlines()[0]


def test_wrong_usage(cfg: Path, weights: Path) -> None:
    assert "name a weights file" in run("weights", "info", code=2).stderr
    assert "goes without --cfg" in run("weights", "info", weights, "--cfg", cfg, "--model", "yolov3", code=2).stderr
    assert "there is no model" in run("weights", "info", weights, "--model", "yolo42", code=1).stderr


def test_releases_are_known_by_size_and_hash(weights: Path) -> None:
    hashes = hash_weights(weights)
    assert find_release(weights.stat().st_size, hashes) is None
    other = find_release(35434956, hashes)
    assert other and other.same is False and str(other) == "not the released yolov3-tiny.weights, though as long"
    unknown = find_release(202704264, hashes)
    assert unknown and unknown.same is None and "no hash is known" in str(unknown)


@pytest.mark.network
def test_the_released_yolov3_tiny() -> None:
    out = run("weights", "info", "--model", "yolov3-tiny").stdout
    assert "release   the released yolov3-tiny.weights (model yolov3-tiny)" in out
    assert "major 0, minor 2, revision 0" in out and "32,013,312 images" in out
    assert "8,858,734" in out and "all 24 layers, no byte missing, none left" in out
