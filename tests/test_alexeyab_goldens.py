"""AlexeyAB's Darknet, its own results: heads' outputs to boxes of small nets that anyone can rebuild, and its goldens.

The goldens, real weights and texts are skipped where DARKNET_PY_ORACLE does not say where they are.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from darknet_py.image.load import load_image
from darknet_py.loading import load
from darknet_py.output.writers import ALEXEYABS_FILES, WRITERS
from darknet_py.synth import write_synth
from darknet_py.trace import trace

_SAID = os.environ.get("DARKNET_PY_ORACLE")
FOLDER = Path(_SAID or "nowhere") / "alexeyab"
pytestmark = pytest.mark.skipif(
    not (FOLDER / "golden").is_dir(), reason="DARKNET_PY_ORACLE names no folder with AlexeyAB's goldens"
)

QUICK = ("gaussian", "reorg-region", "scaled-newcoords", "depthwise-letterbox", "csp-mish", "yoloface-50k-dog")
"""Small networks, one for each kind of head and of suppression."""

LISTS = ("detections_before_nms", "detections", "detections_darknet_py")


def _all() -> list[Any]:
    names = [path.stem for path in sorted((FOLDER / "golden").glob("*.json")) if path.stem != "printed"]
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in names]


def _find(name: str) -> Path:
    places = [FOLDER / part / name for part in ("small", "cfg", "weights")] + [FOLDER.parent / "cfg" / name]
    return next(place for place in places if place.exists())


def _weights(golden: dict[str, Any], cfg: Path, folder: Path) -> Path:
    if "file" in golden["weights"]:
        return FOLDER / "weights" / golden["weights"]["file"]
    path = folder / "stand-in.weights"
    write_synth(cfg, path, golden["weights"]["synth_seed"], golden["weights"]["minor"], golden["weights"]["dialect"])
    return path


@pytest.mark.parametrize("name", _all())
def test_a_trace_is_his(tmp_path: Path, name: str) -> None:
    golden = json.loads((FOLDER / "golden" / f"{name}.json").read_text())
    cfg = _find(golden["cfg"])
    weights, pixels = _weights(golden, cfg, tmp_path), load_image(FOLDER.parent / "images" / golden["image"])
    limits = {key: golden[key] for key in ("thresh", "hier_thresh", "nms")}
    letterbox = "letterbox_detections" in golden
    for fit in (golden["resize"], *(["letterbox"] if letterbox else [])):
        asked = None if fit == golden["resize"] else False
        detector = load(
            cfg, weights, names=[], dialect="alexeyab", size=golden.get("size"), stretch=asked
        )  # the first: as the cfg says
        found = trace(detector, pixels, **limits)
        if asked is False:
            assert found["input_sha256"] == golden["letterbox"]["input_sha256"]
            assert found["detections"]["sha256"] == golden["letterbox_detections"]["sha256"]
            continue
        assert found["resize"] == fit
        assert found["input_sha256"] == golden["input_sha256"]
        assert _differing(found["layers"], golden["layers"]) == ([8] if name == "activations" else [])  # his relu6 is 0
        if "second_frame" in golden:
            found = trace(detector, pixels, **limits)
            assert _differing(found["layers"], golden["second_frame"]) == []
        for key in LISTS:
            if key in golden:
                assert found[key]["sha256"] == golden[key]["sha256"]
                assert found[key]["count"] == golden[key]["count"]


def _differing(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[int]:
    return [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a["ieee"] != b["ieee"]]


OURS = Path(__file__).resolve().parent.parent / "cfg" / "coco.names"


@pytest.mark.slow
def test_printed_lines_json_and_labels_are_his(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cases = json.loads((FOLDER / "golden" / "printed.json").read_text())["cases"]
    for case in cases:
        word = next((word for word in ("voc", "face", "body") if word in case["cfg"]), None)
        names = FOLDER / "weights" / f"{word}.names" if word else OURS
        detector = load(
            FOLDER / "weights" / case["cfg"], FOLDER / "weights" / case["weights"], names=names, dialect="alexeyab",
            stretch=not case["letter_box"],
        )  # fmt: skip
        found = detector.detect(FOLDER.parent / "images" / case["image"], thresh=case["thresh"])
        assert WRITERS["alexeyab"].lines(found, True) == case["ext_output_lines"]
        files = ALEXEYABS_FILES
        assert files.json_array([files.json(found, 1, case["image"])]) == case["result_json"]
        if case["label_file"] is not None:
            assert files.labels(found) == case["label_file"]
