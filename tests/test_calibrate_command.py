"""``darknet-py calibrate``, and what ``--math int8`` makes of its file."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.calibrate import run
from darknet_py.calibration import Calibration
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.parameters import load_parameters
from darknet_py.synth import write_synth

from .fake_integers import FakeIntegers
from .program import ask
from .test_calibrate import CFG


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network, its weights and pictures; integers are simulated, so that any processor will do."""
    monkeypatch.setattr(run, "integer_detector", FakeIntegers)
    monkeypatch.setattr(run, "check_computes", lambda network: None)
    (tmp_path / "tiny.cfg").write_text(CFG)
    write_synth(tmp_path / "tiny.cfg", tmp_path / "tiny.weights", seed=5)
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(2)
    for number in range(4):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8))
        coarse.resize((48, 40)).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path


def test_a_calibration_lies_beside_the_weights_with_its_report(folder: Path) -> None:
    words = ["calibrate", "tiny.cfg", "tiny.weights", "photos", "--agreement", "0.1", "--threads", "1"]
    code, out, err = ask(*words, "--plot", "report.svg", "--json", "report.json", cwd=folder)
    assert code == 0, err
    assert "agreement with ieee on 4 pictures" in out and "Saved to tiny.weights.int8.json" in err
    made = json.loads((folder / "tiny.weights.int8.json").read_text())
    assert (made["images"], made["method"], made["size"]) == (4, "mse", [32, 32])
    assert len(json.loads((folder / "report.json").read_text())["layers"]) == 8
    assert (folder / "report.svg").read_text().startswith("<svg")
    (folder / "list.txt").write_text("".join(f"photos/{number}.png\n" for number in range(4)))
    words[3] = "list.txt"
    assert ask(*words, "-o", "again.json", cwd=folder)[0] == 0
    again = json.loads((folder / "again.json").read_text())
    assert again == made


def test_bad_pictures_are_named_and_the_others_count(folder: Path) -> None:
    (folder / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n")
    code, _, err = ask("calibrate", "tiny.cfg", "tiny.weights", "photos", "nowhere", "--agreement", "0", cwd=folder)
    assert code == 1 and "broken.png" in err and "nowhere: there is no such file" in err
    assert "2 of 6 images could not be done" in err
    assert (folder / "tiny.weights.int8.json").is_file()


BAD = {
    "no pictures": (["tiny.cfg", "tiny.weights"], "give CFG, WEIGHTS and pictures"),
    "pictures that are not there": (["tiny.cfg", "tiny.weights", "nowhere"], "nowhere: there is no such file"),
    "a file that is read": (["tiny.cfg", "tiny.weights", "photos", "-o", "tiny.cfg"], "write to another one"),
    "a folder that is not there": (["tiny.cfg", "tiny.weights", "photos", "-o", "no/where"], "there is no folder"),
    "a plot of another kind": (["tiny.cfg", "tiny.weights", "photos", "--plot", "a.gif"], ".svg or .png"),
    "a picture to be written": (["tiny.cfg", "tiny.weights", "photos", "-o", "photos/1.png"], "write to another one"),
    "two results": (["tiny.cfg", "tiny.weights", "photos", "-o", "a", "--json", "a"], "give them different names"),
    "two results, one by default": (
        ["tiny.cfg", "tiny.weights", "photos", "--json", "./tiny.weights.int8.json"],
        "give them different names",
    ),
    "what is no file": (["tiny.cfg", "tiny.weights", os.devnull], "is no file, but a calibration reads each picture"),
    "integers": (["tiny.cfg", "tiny.weights", "photos", "--math", "int8"], "ieee or fast"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_is_refused_before_anything_is_written(what: str, folder: Path) -> None:
    words, message = BAD[what]
    code, _, err = ask("calibrate", *words, cwd=folder)
    assert code != 0 and message in err and "Traceback" not in err
    assert not list(folder.glob("*.int8.json"))


def test_int8_without_a_calibration_or_with_that_of_other_weights(folder: Path) -> None:
    words = ["detect", "photos/0.png", "--cfg", "tiny.cfg", "--weights", "tiny.weights", "--math", "int8"]
    code, _, err = ask(*words, cwd=folder)
    assert code == 1 and "darknet-py calibrate tiny.cfg tiny.weights IMAGES..." in err
    assert ask("calibrate", "tiny.cfg", "tiny.weights", "photos", "--agreement", "0", cwd=folder)[0] == 0
    write_synth(folder / "tiny.cfg", folder / "tiny.weights", seed=6)
    code, _, err = ask(*words, cwd=folder)
    assert code == 1 and "tiny.weights.int8.json: is no calibration of tiny.weights" in err and "sha256" in err


def test_integers_compute_what_the_simulation_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    why = get_arithmetic("int8").why_not_here()
    if why is not None:
        pytest.skip(why)
    assert ask("calibrate", "tiny.cfg", "tiny.weights", "photos", "--agreement", "0", cwd=folder)[0] == 0
    cfg, weights = folder / "tiny.cfg", folder / "tiny.weights"
    moved = folder / "moved.json"
    shutil.move(folder / "tiny.weights.int8.json", moved)
    plain = load(cfg, weights, math="fast", threads=1)
    integers = load(cfg, weights, math="int8", calibration=moved, threads=1)
    calibration = Calibration(**_fields(folder, moved))
    simulated = FakeIntegers(plain, load_parameters(read_network(cfg), weights), calibration)
    x = plain.prepare(np.array(Image.open(folder / "photos" / "0.png")))
    real, other, exact = (each.predict(x)[0] for each in (integers, simulated, plain))
    noise = float(np.square(simulated.layer_output(6) - plain.layer_output(6).reshape(21, -1)).sum())
    apart = float(np.square(integers.layer_output(6).reshape(21, -1) - simulated.layer_output(6)).sum())
    assert apart < 0.3 * noise  # the same roundings, but for those that fall the other way
    assert real.shape == exact.shape == other.shape and not np.array_equal(real, exact)


def _fields(folder: Path, path: Path) -> dict[str, object]:
    from darknet_py.calibration import read_calibration

    read = read_calibration(read_network(folder / "tiny.cfg"), folder / "tiny.weights", path)
    return {"quantization": read.quantization, "powers": read.powers, "shifts": read.shifts}
