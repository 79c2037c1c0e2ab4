"""``weights extract``: partial weights, byte for byte as Darknet's ``partial`` writes them."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import CfgError, DarknetError, WeightsError
from darknet_py.loading import load
from darknet_py.synth import write_synth
from darknet_py.weights import extract
from darknet_py.zoo import get_model, locate

from .nets import net, write_cfg
from .program import run

DATA = Path(__file__).parent / "data"
_GOLDEN = json.loads((DATA / "weights" / "darknet.json").read_text())
HASHES: dict[str, dict[str, str]] = _GOLDEN["sha256"]
"""Of what the real Darknet wrote, by cfg and command; the file says how it was made."""

RELEASED: dict[str, str] = _GOLDEN["released"]["yolov3-tiny"]
"""The same of the released yolov3-tiny."""

TEXT = net(3, 8, 8, "conv filters=4 size=3 pad=1 batch_normalize=1", "maxpool size=2", "conv filters=2 size=1")


def golden_files(name: str, folder: Path) -> tuple[Path, Path]:
    """The cfg of a case, and the weights that Darknet was given."""
    path = folder / "w"
    cfg = DATA / "golden" / f"{name}.cfg"
    if cfg.exists():
        write_synth(cfg, path, minor=1)
        return cfg, path
    cfg = DATA / "weights" / f"{name}.cfg"
    write_synth(cfg, path, minor=1)
    path.write_bytes(struct.pack("<iiii", 0, 1001, 5, -77) + path.read_bytes()[16:])
    return cfg, path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", HASHES)
def test_same_bytes_as_darknet(name: str, tmp_path: Path) -> None:
    cfg, weights = golden_files(name, tmp_path)
    cases = {int(key.split()[1]): value for key, value in HASHES[name].items() if key.startswith("partial")}
    assert len(cases) >= 2
    for layers, wanted in cases.items():
        extract(cfg, weights, tmp_path / "out", layers)
        assert sha256(tmp_path / "out") == wanted, layers


def test_what_darknet_writes_in_another_way_than_it_reads_is_told(tmp_path: Path) -> None:
    cfg, weights = golden_files("odd", tmp_path)
    notes = extract(cfg, weights, tmp_path / "out", 4)
    assert "layer 0 (convolutional)" in notes[0] and "remove flipped=1" in notes[0]
    assert "layer 1 (convolutional)" in notes[1] and "remove dontloadscales=1" in notes[1]
    assert notes[2:] == ["layer 3 (convolutional) is not written: dontsave=1"]
    assert extract(*golden_files("plain", tmp_path), tmp_path / "out", 4) == []


def test_it_loads_with_a_cutoff(tmp_path: Path) -> None:
    cfg, weights = write_cfg(tmp_path, TEXT), tmp_path / "net.weights"
    write_synth(cfg, weights)
    result = run("weights", "extract", cfg, weights, "net.conv.2", "--layers", 2, cwd=tmp_path)
    assert result.stdout == f"net.conv.2: {20 + 4 * (16 + 108)} bytes, layers 0 to 1 of {cfg}\n"
    x = np.random.default_rng(3).random((3, 8, 8), np.float32)
    whole = load(cfg, weights, keep=[1])
    whole.predict(x)
    (out,) = load(cfg, tmp_path / "net.conv.2", cutoff=2).predict(x)
    assert out.tobytes() == whole.layer_output(1).tobytes()
    assert (tmp_path / "net.conv.2").read_bytes()[:20] == struct.pack("<iiiQ", 0, 2, 0, 0), "seen starts at 0"
    # A partial file can be cut further.
    extract(cfg, tmp_path / "net.conv.2", tmp_path / "again", 1)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "net.conv.2").read_bytes()


def test_layers_without_weights_make_a_header(tmp_path: Path) -> None:
    cfg = write_cfg(tmp_path, net(3, 8, 8, "maxpool size=2", "conv filters=1 size=1"))
    write_synth(cfg, tmp_path / "w")
    assert "a header only" in run("weights", "extract", cfg, "w", "o", "--layers", 1, cwd=tmp_path).stderr
    assert (tmp_path / "o").stat().st_size == 20


@pytest.mark.parametrize("change", [-1, -4, 1, 4])
def test_another_networks_file(tmp_path: Path, change: int) -> None:
    cfg, weights = write_cfg(tmp_path, TEXT), tmp_path / "w"
    write_synth(cfg, weights)
    os.truncate(weights, weights.stat().st_size + change)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(WeightsError, match=r"too short for its cfg|left after the last layer"):
        extract(cfg, weights, tmp_path / "out", 1)
    assert sorted(tmp_path.iterdir()) == before


def test_layers_that_are_not_there(tmp_path: Path) -> None:
    cfg, weights = write_cfg(tmp_path, TEXT), tmp_path / "w"
    write_synth(cfg, weights)
    with pytest.raises(CfgError, match=r"net\.cfg: has 3 layers, not 4"):
        extract(cfg, weights, tmp_path / "out", 4)
    run("weights", "extract", cfg, weights, tmp_path / "out", "--layers", 0, code=2)
    os.truncate(weights, 20 + 4 * (16 + 108))
    with pytest.raises(WeightsError, match="it ends in layer 2"):
        extract(cfg, weights, tmp_path / "out", 3)
    assert not (tmp_path / "out").exists()


def test_an_input_is_never_overwritten(tmp_path: Path) -> None:
    cfg, weights = write_cfg(tmp_path, TEXT), tmp_path / "w"
    write_synth(cfg, weights)
    (tmp_path / "link").symlink_to(weights)
    os.link(weights, tmp_path / "hard")
    content = weights.read_bytes(), cfg.read_bytes()
    for out in ("w", "link", "hard", "net.cfg", "../" + tmp_path.name + "/w"):
        with pytest.raises(DarknetError, match="this file is read from: write to another one"):
            extract(cfg, weights, tmp_path / out, 1)
    assert (weights.read_bytes(), cfg.read_bytes()) == content
    error = run("weights", "extract", cfg, weights, "nowhere/out", "--layers", 1, cwd=tmp_path, code=1).stderr
    assert error == "Error: nowhere/out: cannot write these weights: No such file or directory\n"


@pytest.mark.network
def test_the_released_yolov3_tiny(tmp_path: Path) -> None:
    files = locate(get_model("yolov3-tiny"), fetch_missing=True)
    extract(files.cfg, files.weights, tmp_path / "out", 15)
    assert sha256(tmp_path / "out") == RELEASED["partial 15"]
