"""``--calibration FILE``: every command that runs a network takes that file, and refuses it for other arithmetic."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.batch import DetectBatch
from darknet_py.batch.facts import difference, facts_of
from darknet_py.calibration import Calibration, write_calibration
from darknet_py.detector import Detector
from darknet_py.errors import DarknetError
from darknet_py.evaluate import journal
from darknet_py.evaluate.found import Setting
from darknet_py.evaluate.run import Task
from darknet_py.formats.hashes import file_sha256
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.numeric.quantization import Quantization, Scale, scaled
from darknet_py.synth import write_synth

from .program import ask, failure, run
from .test_calibrate import CFG

OWN = ("--cfg", "tiny.cfg", "--weights", "tiny.weights")

COMMANDS = {
    "detect": ("detect", "photo.png", *OWN, "--json", "-", "--no-picture"),
    "classify": ("classify", "photo.png", *OWN),
    "demo": ("demo", "frames", *OWN, "--json", "demo.json"),
    "evaluate": ("evaluate", *OWN, "--images", "list.txt"),
    "validate": ("validate", *OWN, "--reference", "record.json"),
    "record": ("record", "photo.png", *OWN, "--json", "made.json"),
    "trace": ("trace", "tiny.cfg", "tiny.weights", "photo.png"),
    "bench": ("bench", "tiny.cfg", "--weights", "tiny.weights", "--runs", 1, "--no-layers"),
    "serve": ("serve", *OWN, "--port", 0),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with calibrations that do not lie beside its weights: two of its own, one of other weights."""
    folder = tmp_path_factory.mktemp("calibration")
    cfg, weights = folder / "tiny.cfg", folder / "tiny.weights"
    cfg.write_text(CFG)
    write_synth(cfg, weights, seed=5)
    network = read_network(cfg)
    for name, far, sha256 in (("near", 4, file_sha256(weights)), ("far", 8, file_sha256(weights)), ("other", 4, "0")):
        quantization = Quantization(dict.fromkeys(scaled(network), Scale.of_range(-far, far)))
        write_calibration(Calibration(quantization), network, weights, folder / f"{name}.json", sha256)
    pixels = np.random.default_rng(2).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    (folder / "frames").mkdir()
    for place in (folder / "photo.png", folder / "frames" / "0.png"):
        Image.fromarray(pixels).save(place)
    (folder / "list.txt").write_text("photo.png\n")
    (folder / "photo.txt").write_text("0 .5 .5 .4 .4\n")
    return folder


def skip_unless_command_runs(name: str) -> None:
    """Commands that need packages which are not always there."""
    for package in {"demo": ("cv2",), "serve": ("starlette", "uvicorn", "prometheus_client")}.get(name, ()):
        pytest.importorskip(package)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_looks_at_the_file_that_is_named(name: str, folder: Path) -> None:
    skip_unless_command_runs(name)
    said = failure(*COMMANDS[name], "--math", "int8", "--calibration", "other.json", cwd=folder)
    assert "other.json: is no calibration of tiny.weights" in said and "sha256" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_with_other_arithmetic_it_is_refused(name: str, folder: Path) -> None:
    skip_unless_command_runs(name)
    for options, math in (((), "ieee"), (("--math", "fast"), "fast")):
        said = failure(*COMMANDS[name], *options, "--calibration", "near.json", cwd=folder)
        assert f"math={math} takes no calibration; use math=int8" in said


def test_a_file_that_is_not_there_is_named_with_what_makes_it(folder: Path) -> None:
    said = failure(*COMMANDS["detect"], "--math", "int8", "--calibration", "none.json", cwd=folder)
    assert "none.json: " in said and "calibrate tiny.cfg tiny.weights IMAGES... -o none.json makes it" in said


def test_what_does_not_go_together(folder: Path) -> None:
    options = ("--math", "int8", "--calibration", "near.json")
    assert "--calibration goes with --weights" in failure("bench", "tiny.cfg", *options, cwd=folder, code=2)
    pytest.importorskip("starlette")
    said = failure("serve", *OWN, "-m", "yolov3-tiny", *options, cwd=folder, code=2)
    assert "--calibration goes with one model" in said


def need_integers() -> None:
    """Skip where this processor computes none."""
    why = get_arithmetic("int8").why_not_here()
    if why is not None:
        pytest.skip(why)


@pytest.fixture(scope="module")
def detectors(folder: Path) -> list[Detector]:
    """The network with each of its calibrations."""
    need_integers()
    return [
        load(folder / "tiny.cfg", folder / "tiny.weights", math="int8", calibration=folder / name, threads=1)
        for name in ("near.json", "far.json")
    ]


def test_commands_compute_with_the_file(folder: Path, detectors: list[Detector]) -> None:
    x = detectors[0].prepare(np.array(Image.open(folder / "photo.png")))
    near, far = (detector.predict(x)[0] for detector in detectors)
    assert not np.array_equal(near, far)
    hashes = {}
    for name in ("near", "far"):
        options = ("--math", "int8", "--calibration", f"{name}.json", "--threads", 1)
        run("record", "photo.png", *OWN, "--json", f"{name}-record.json", *options, cwd=folder)
        recorded = json.loads((folder / f"{name}-record.json").read_text())
        assert recorded["calibration"] == f"sha256 {file_sha256(folder / f'{name}.json')}"
        hashes[name] = json.dumps(recorded["images"])
        assert "1 of 1 agree" in run("validate", *OWN, "-r", f"{name}-record.json", *options, cwd=folder).stdout
    assert hashes["near"] != hashes["far"]
    against = ("validate", *OWN, "-r", "near-record.json", "--math", "int8", "--calibration", "far.json")
    assert ask(*against, cwd=folder).code == 1


def test_bench_takes_it_for_itself_and_as_its_own_peer(folder: Path) -> None:
    need_integers()
    words = ("bench", "tiny.cfg", "--weights", "tiny.weights", "--runs", 1, "--no-layers", "--threads", 1)
    assert "math int8" in run(*words, "--math", "int8", "--calibration", "near.json", cwd=folder).stdout
    said = run(*words, "--against", "int8", "--calibration", "near.json", cwd=folder).stdout
    assert "darknet-py, math int8" in said and "needs this file" not in said


def test_what_was_found_with_another_calibration_is_not_gone_on_with(
    folder: Path, detectors: list[Detector], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "cache_folder", lambda: tmp_path)
    near, far = (Task(each, [str(folder / "photo.png")], "list.txt", Setting()) for each in detectors)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        near.run(stop)
    said: list[str] = []
    far.run(report=said.append)
    assert not said
    near.run(report=said.append)
    assert said == ["going on with a run that was stopped: 1 of 1 images are done"]


def test_an_archive_knows_its_calibration(folder: Path, detectors: list[Detector]) -> None:
    facts = [facts_of(detector, 0.5, 0.5, 0.45, None, None) for detector in detectors]
    hashes = [file_sha256(folder / name) for name in ("near.json", "far.json")]
    assert [each.model["calibration"] for each in facts] == hashes
    assert difference(facts[0].to_json(), facts[1]).startswith(f"calibration was sha256 {hashes[0][:12]}")
    plain = load(folder / "tiny.cfg", folder / "tiny.weights", threads=1)
    assert plain.calibration is None and "calibration" not in facts_of(plain, 0.5, 0.5, 0.45, None, None).model


def test_detect_batch_takes_the_file(folder: Path, detectors: list[Detector]) -> None:
    files = str(folder / "tiny.cfg"), str(folder / "tiny.weights")
    near, far = (DetectBatch(*files, math="int8", calibration=folder / f"{name}.json") for name in ("near", "far"))
    assert [each.facts().model["calibration"] for each in (near, far)] == [each.calibration for each in detectors]
    assert near != far, "each process loads the network of its own"
    with pytest.raises(DarknetError, match="math=ieee takes no calibration"):
        DetectBatch(*files, calibration=folder / "near.json").facts()
