"""What Darknet computes in training calls, bit for bit; skipped where its goldens are not at hand."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from darknet_py.synth import write_synth
from darknet_py.train import Trainer
from darknet_py.train.random import GlibcRandom
from darknet_py.train.rate import RatePolicy
from darknet_py.train.trace import trace_steps

CASES = (
    "region-softmax", "region-late", "region-boundary", "region-logistic", "region-passthrough", "region-tree",
    "resize", "yolo-two-scales", "yolo-truth-thresh", "detection-v1", "detection-v1-random", "classifier-softmax",
    "classifier-tree", "classifier-tree-cost", "classifier-dropout", "cost-L1", "cost-logistic", "cost-masked",
    "cost-seg", "cost-smooth", "cost-sse", "residual", "residual-added", "layers", "frozen", "resize-classifier",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(oracle: Path) -> Path:
    path = oracle / "training"
    if not path.is_dir():
        pytest.skip("there are no goldens of training")
    return path


@pytest.fixture(scope="module")
def inputs(folder: Path) -> Any:
    sys.path.insert(0, str(folder))
    try:
        return import_module("inputs")
    finally:
        sys.path.remove(str(folder))


def edited(golden: dict[str, Any], repository: Path, tmp_path: Path) -> Path:
    """A released cfg with the golden's own options in ``[net]``."""
    text = (repository / "cfg" / Path(golden["edits"]["base"]).name).read_text()
    for key, value in golden["edits"]["net"].items():
        text = re.sub(rf"(?m)^{key}\s*=.*$", f"{key}={value}", text, count=1)
    path: Path = tmp_path / golden["cfg"]
    path.write_text(text)
    return path


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("case", [*CASES, pytest.param("yolov2-tiny-voc-160", marks=pytest.mark.slow)])
def test_calls(case: str, threads: int, folder: Path, inputs: Any, repository: Path, tmp_path: Path) -> None:
    golden = json.loads((folder / "golden" / f"{case}.json").read_text())
    cfg = edited(golden, repository, tmp_path) if "edits" in golden else folder / "cfg" / golden["cfg"]
    weights = tmp_path / "net.weights"
    write_synth(cfg, weights, golden["weights"]["synth_seed"], golden["weights"]["minor"])
    trainer = Trainer.open(
        cfg, weights, seen=golden["seen"], threads=threads, random=GlibcRandom(golden["rand_seed"]),
        darknet_deltas=not golden["mended"],
    )  # fmt: skip
    x, y = inputs.load(golden)
    steps = trace_steps(trainer, zip(x, y, strict=True))
    assert len(steps) == len(golden["steps"])
    for number, (ours, theirs) in enumerate(zip(steps, golden["steps"], strict=True)):
        for mine, wanted in zip(ours["layers"], theirs["layers"], strict=True):
            known = wanted.get("after", {})  # a golden may have some of the parameters only
            found = mine | ({"after": {name: mine["after"][name] for name in known}} if known else {})
            assert found == wanted, f"call {number}, layer {wanted['index']}"
        assert {**ours, "layers": theirs["layers"]} == theirs


def test_learning_rates(folder: Path) -> None:
    from darknet_py.formats.cfg import parse_cfg

    for case in json.loads((folder / "golden" / "learning-rates.json").read_text())["cases"]:
        options = "".join(f"{key}={value}\n" for key, value in case["net"].items())
        policy = RatePolicy.read(parse_cfg(f"[net]\n{options}[cost]\n", dialect="darknet").net)
        for number, rate in case["rates"].items():
            if policy.policy != "random":
                assert float(policy.at(int(number))).hex() == rate, f"{case['case']} at {number}"
