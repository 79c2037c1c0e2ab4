"""The real Darknet's layers and detections, bit for bit."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from darknet_py.errors import CfgError, DarknetError
from darknet_py.formats.hashes import file_sha256
from darknet_py.image.load import load_image
from darknet_py.kernels.vector.tile import AVX2, AVX512, NEON, SSE, ZEN4, Tile, host_tile
from darknet_py.loading import load
from darknet_py.network import Network, read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.plan import context
from darknet_py.synth import write_synth
from darknet_py.trace import trace
from darknet_py.zoo import get_model, locate

SMALL = [
    "activations", "classifier", "groups", "pools", "region-logistic", "region-small", "tree-small", "yolo-two-scales",
    "yolov1-small", "yolov3-tiny-horses",
]  # fmt: skip
LARGE = [
    "darknet19-dog", "darknet53-dog", "densenet201-dog", "extraction-dog", "resnet18-dog", "resnet50-dog", "tiny-dog",
    "yolo9000-dog", "yolov1-dog", "yolov1-tiny-dog", "yolov2-person", "yolov2-tiny-voc-dog", "yolov2-voc-dog",
    "yolov3-dog",
]  # fmt: skip
RELEASED = ["yolov3-tiny-released-dog", "yolov3-tiny-released-horses", "yolov3-tiny-released-person"]

OURS = Path(__file__).parent / "data" / "golden"
"""Goldens of our own photographs: made by Darknet as they say, so that a fresh clone can prove itself."""

OURS_RELEASED = sorted(path.stem for path in OURS.glob("*released*.json"))
OURS_SMALL = sorted(path.stem for path in OURS.glob("*.json") if path.stem not in (*OURS_RELEASED, "zoo"))

CASES = [
    *SMALL,
    *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE),
    *(pytest.param(name, marks=pytest.mark.network) for name in RELEASED),
]
OUR_CASES = [*OURS_SMALL, *(pytest.param(name, marks=pytest.mark.network) for name in OURS_RELEASED)]


def find_cfg(oracle: Path, name: str) -> Path:
    path = oracle / "cfg" / name
    return path if path.exists() else oracle / "reference" / "cfg" / name


def find_weights(golden: dict[str, Any], cfg: Path, folder: Path) -> Path:
    """The weights that a golden was made with: synthetic ones, or a released file."""
    made = golden["weights"]
    if "synth_seed" in made:
        path = folder / "synth.weights"
        write_synth(cfg, path, made["synth_seed"], made["minor"])
        return path
    path = Path(locate(get_model(Path(made["file"]).stem), fetch_missing=True).weights)
    assert file_sha256(path) == made["sha256"]
    return path


def first_difference(golden: dict[str, Any], found: dict[str, Any], profile: str) -> str | None:
    """Where a trace leaves its golden first, or None."""
    if found["decoded"] != golden["decoded"]:
        return f"decoded image: {found['decoded']} is not {golden['decoded']}"
    if found["input_sha256"] != golden["input_sha256"]:
        return "the network's input"
    assert len(found["layers"]) == len(golden["layers"])
    for number, (ours, theirs) in enumerate(zip(found["layers"], golden["layers"], strict=True)):
        assert (ours["kind"], ours["size"]) == (theirs["kind"], theirs["size"])
        if ours["sha256"] != theirs.get(profile, theirs["ieee"]):
            return f"layer {number} ({ours['kind']}): starts {ours['first']}, Darknet's {theirs['first']}"
    for key in ("detections_before_nms", "detections"):
        if key in golden:
            wanted = golden[key].get(profile, golden[key]["ieee"])
            cut = golden.get("first_only", {}).get(key)
            difference = first_box_difference(wanted, found[key][:cut])
            if difference:
                return f"{key}: {difference}"
    return None


def first_box_difference(wanted: list[Any], found: list[Any]) -> str | None:
    if len(wanted) != len(found):
        return f"{len(found)} boxes, not {len(wanted)}"
    for i, (theirs, ours) in enumerate(zip(wanted, found, strict=True)):
        if numbers(theirs) != numbers(ours):
            return f"box {i}: {ours} is not {theirs}"
    return None


def numbers(box: dict[str, Any]) -> Any:
    return (
        [float.fromhex(value) for value in box["box"]],
        float.fromhex(box["objectness"]),
        {key: float.fromhex(value) for key, value in box["probs"].items()},
    )


@pytest.mark.parametrize("profile", ["ieee", "make"])
@pytest.mark.parametrize("name", CASES)
def test_golden(oracle: Path, tmp_path: Path, name: str, profile: str) -> None:
    golden = json.loads((oracle / "golden" / f"{name}.json").read_text())
    compare(golden, find_cfg(oracle, golden["cfg"]), oracle / "images" / golden["image"], tmp_path, profile)


@pytest.mark.parametrize("profile", ["ieee", "make"])
@pytest.mark.parametrize("name", OUR_CASES)
def test_golden_of_our_photographs(tmp_path: Path, name: str, profile: str) -> None:
    golden = json.loads((OURS / f"{name}.json").read_text())
    if profile == "make":  # boxes of that build depend on the processor's maker
        golden = {key: value for key, value in golden.items() if not key.startswith("detections")}
    folder = OURS if (OURS / golden["cfg"]).exists() else OURS.parent.parent.parent / "cfg"
    compare(golden, folder / golden["cfg"], OURS.parent / "photos" / golden["image"], tmp_path, profile)


@pytest.mark.parametrize(
    ("tile", "threads"),
    [
        pytest.param(tile, threads, marks=[] if tile == host_tile() else pytest.mark.slow)
        for tile, threads in ((AVX2, 1), (SSE, 3), (NEON, 7), (AVX512, 5), (ZEN4, 2))
    ],
    ids=str,
)
@pytest.mark.parametrize("name", OURS_SMALL)
def test_golden_with_any_vectors_and_threads(
    tmp_path: Path, name: str, tile: Tile, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on other processors: LLVM makes what it has of vectors that it has not."""
    monkeypatch.setattr(context, "host_tile", lambda: tile)
    golden = json.loads((OURS / f"{name}.json").read_text())
    compare(golden, OURS / golden["cfg"], OURS.parent / "photos" / golden["image"], tmp_path, "ieee", threads)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names of x86 processors")
@pytest.mark.parametrize(
    ("cpu", "features"),
    [("generic", ""), ("haswell", "+sse4.2,+avx,+avx2,+fma"), ("nehalem", "+sse4.2,+ssse3")],
    ids=["generic", "haswell", "nehalem"],
)
def test_goldens_as_compiled_for_other_processors(cpu: str, features: str, tmp_path: Path) -> None:
    """In a process of its own, with the processor's instructions."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-k", "of_our_photographs", __file__]
    environment = {
        **os.environ, "NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(tmp_path),
    }  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parent.parent)
    assert result.returncode == 0, result.stdout[-2000:]


def compare(
    golden: dict[str, Any], cfg: Path, image: Path, folder: Path, profile: str, threads: int | None = None
) -> None:
    """Run what a golden ran, and fail at the first value that differs."""
    network = read_network(cfg)
    why = get_arithmetic(profile).why_not_here()
    if why is not None:
        with pytest.raises(DarknetError, match=re.escape(why)):
            get_arithmetic(profile).check_covers(network)
        pytest.skip(f"refused here, as it should be: {why}")
    if profile == "make" and not covers(network):
        with pytest.raises(CfgError, match="math=make does not cover"):
            get_arithmetic("make").check_covers(network)
        return
    weights = find_weights(golden, cfg, folder)
    detector = load(cfg, weights, keep=range(len(network.layers)), math=profile, threads=threads)
    thresholds = {key: golden[key] for key in ("thresh", "hier_thresh", "nms")}
    assert first_difference(golden, trace(detector, load_image(image), **thresholds), profile) is None


def covers(network: Network) -> bool:
    """Whether the profile make promises its bits for all layers."""
    others = {"avgpool", "connected", "detection", "local", "normalization", "softmax"}
    return not others & {layer.kind for layer in network.layers}
