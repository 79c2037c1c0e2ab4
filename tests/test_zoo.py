"""Every cfg of the zoo with stand-in weights: the real Darknet's bits in every layer, and the page that says so."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import CfgError, DarknetError
from darknet_py.image.letterbox import letterbox, resize, to_planar
from darknet_py.image.load import load_image
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import PROFILES, get_arithmetic
from darknet_py.synth import write_synth
from darknet_py.trace import array_sha256

REPOSITORY = Path(__file__).resolve().parent.parent
DATA = REPOSITORY / "tests" / "data"
GOLDENS = json.loads((DATA / "golden" / "zoo.json").read_text())
NETWORKS = GOLDENS["networks"]
QUICK = {"cifar", "darknet", "gru", "rnn", "tiny", "yolov3-tiny", "yolo-fastest-1.1", "yolov4-tiny"}
CASES = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]


def test_every_cfg_has_a_golden() -> None:
    assert set(NETWORKS) == {path.stem for path in (REPOSITORY / "cfg").glob("*.cfg")}


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a network's stand-in weights, until another network's are asked for: both profiles read one file."""
    path, written = tmp_path_factory.mktemp("zoo") / "weights", [""]

    def write(name: str) -> Path:
        if written != [name]:
            write_synth(REPOSITORY / "cfg" / f"{name}.cfg", path, GOLDENS["weights"]["synth_seed"])
            written[:] = [name]
        return path

    return write


@pytest.mark.parametrize("profile", ["ieee", "make"])
@pytest.mark.parametrize("name", CASES)
def test_darknets_bits(
    name: str, profile: str, stand_in: Callable[[str], Path], request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    golden, cfg = NETWORKS[name], REPOSITORY / "cfg" / f"{name}.cfg"
    size = tuple(golden["size"]) if "size" in golden else None
    network = read_network(cfg, size=size)
    if network.tree_files:  # a file of upstream's, looked for in the working directory
        monkeypatch.chdir(request.getfixturevalue("oracle") / "reference")
    if profile == "make" and network.dialect.key == "alexeyab":
        with pytest.raises(DarknetError, match="math=make is not there for networks of AlexeyAB's Darknet"):
            get_arithmetic("make", network.dialect)
        return
    if profile == "make" and PROFILES["make"].uncovered(network):
        with pytest.raises(CfgError, match="math=make does not cover"):
            get_arithmetic("make").check_covers(network)
        return
    detector = load(cfg, stand_in(name), math=profile, keep=range(len(network.layers)), size=size)
    if network.input.image:
        shape = network.input
        planes = to_planar(load_image(DATA / "photos" / golden["image"]))
        fit = resize if network.dialect.stretches and not network.letter_box else letterbox
        x = np.ascontiguousarray(fit(planes, shape.w, shape.h)[: shape.c])
        assert array_sha256(x).startswith(golden["input"])
    else:
        x = np.eye(network.input.size, dtype=np.float32)[list(golden["text"].encode())]
    detector.predict(x)
    other = golden["make"] if profile == "make" else {}
    for layer, sha256 in zip(network.layers, golden["layers"], strict=True):
        found = array_sha256(detector.layer_output(layer.index))
        assert found.startswith(other.get(str(layer.index), sha256)), f"layer {layer.index} ({layer.kind})"


def test_the_page_has_the_table_that_its_script_makes() -> None:
    subprocess.run([sys.executable, "benchmarks/zoo.py", "--check"], cwd=REPOSITORY, check=True, timeout=100)
