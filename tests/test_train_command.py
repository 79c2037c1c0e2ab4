"""``darknet-py train`` and Darknet's own words for it: what they print, write and refuse."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.program import ask, failure
from tests.systems import need_posix
from tests.training import CLASSIFIER, DETECTOR, write_set

REGION = DETECTOR[: DETECTOR.index("[yolo]")] + "[region]\nanchors=1,1, 2,2\nclasses=2\nnum=2\nsoftmax=1\njitter=.1\n"


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    write_set(tmp_path, DETECTOR)
    return tmp_path


def test_train(detector: Path) -> None:
    answer = ask("train", "set.data", "net.cfg", "--map", "4", "--checkpoint", "3", "--quick-check", cwd=detector)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert re.fullmatch(r"about \d+ MB of memory: .* calls of 2 pictures, .*", lines[0])
    shown = [line for line in lines if line.startswith("batch ")]
    assert len(shown) == 8
    for line in shown:
        assert re.fullmatch(
            r"batch \d of 8: loss [\d.]+, average [\d.]+(, mAP [\d.]+%)?, rate [\de.+-]+, 32 x 32, [\d.]+ pictures/s, "
            r"\d+:\d\d left", line,
        ), line  # fmt: skip
    assert ["mAP" in line for line in shown] == [False, False, False, True] * 2
    backup = detector / "backup"
    assert sorted(path.name for path in backup.iterdir()) == [
        "net-chart.svg", "net.backup", "net.backup.state", "net_final.weights",
    ]  # fmt: skip
    chart = (backup / "net-chart.svg").read_text()
    assert "batch 8 of 8" in chart and "learning rate" in chart and "mAP" in chart
    found = ask(
        "detect", sorted((detector / "images").iterdir())[0], "--cfg", "net.cfg", "--weights",
        backup / "net_final.weights", "--names", "names", "--no-picture", "--thresh", ".1", cwd=detector,
    )  # fmt: skip
    assert found.code == 0


def test_iterations_resume_and_what_is_done(detector: Path) -> None:
    train = ("train", "set.data", "net.cfg", "--no-chart")
    assert ask(*train, "--iterations", "3", cwd=detector).out.count("batch ") == 3
    (detector / "backup/net_final.weights").rename(detector / "three.weights")
    again = ask(*train, "--resume", cwd=detector)
    assert [line.partition(":")[0] for line in again.out.splitlines() if line.startswith("batch")] == [
        f"batch {number} of 8" for number in range(4, 9)
    ]
    whole = (detector / "backup/net_final.weights").read_bytes()
    assert ask(*train, "--seed", "1", cwd=detector).code == 0
    assert (detector / "backup/net_final.weights").read_bytes() == whole
    # From a weights file alone: its batch number goes on, momentum does not.
    assert ask(*train, "three.weights", cwd=detector).out.count(" of 8:") == 5
    assert (detector / "backup/net_final.weights").read_bytes() != whole
    assert ask(*train, "three.weights", "--clear", cwd=detector).out.count(" of 8:") == 8
    done = ask(*train, "backup/net_final.weights", cwd=detector)
    assert "batch 8 of max_batches=8 is done already" in done.out and " of 8:" not in done.out
    (detector / "net.cfg").write_text(DETECTOR.replace("max_batches=8", "max_batches=9"))
    other = ask(*train, "--resume", "--seed", "2", cwd=detector)
    assert "Note: the cfg is not as it was" in other.out and "Note: --seed is not" in other.out


def test_dry_run(detector: Path) -> None:
    answer = ask("train", "set.data", "net.cfg", "--dry-run", cwd=detector)
    assert (answer.code, answer.err) == (0, "")
    for text in (
        "from random weights", "pictures: 6 with 6 boxes", "  bright: 3 boxes", "an update: 4 pictures in 2 calls of 2",
        "updates: 8, 5.3 epochs", "from batch        1: rises from 0.000123 (burn-in, power 4)",
        "from batch        3: 0.01", "from batch        6: 0.001", "input: 32 x 32", "of memory",
    ):  # fmt: skip
        assert text in answer.out, text
    with Image.open(detector / "backup/net-batch.png") as picture:
        assert picture.size == (68, 68)
        assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 100
    assert [path.name for path in (detector / "backup").iterdir()] == ["net-batch.png"]


@pytest.mark.parametrize("cfg", [CLASSIFIER, REGION])
def test_other_networks(cfg: str, tmp_path: Path) -> None:
    write_set(tmp_path, cfg)
    assert ask("train", "set.data", "net.cfg", "--dry-run", cwd=tmp_path).code == 0
    answer = ask("train", "set.data", "net.cfg", "--iterations", "2", "--lines", cwd=tmp_path)
    assert answer.code == 0
    assert (tmp_path / f"backup/net{'' if cfg is CLASSIFIER else '_final'}.weights").exists()
    assert answer.out.count("Region Avg IOU: ") == (0 if cfg is CLASSIFIER else 4)


@pytest.mark.parametrize(
    ("change", "words", "message"),
    [
        (("labels/dark0.txt", "0 ", "2 "), "", "set.data: 1 thing"),
        (("net.cfg", "batch=4", "batch=1"), "", "net.cfg:2: batch=1 is less than subdivisions=2"),
        (("net.cfg", "filters=14", "filters=15"), "", "net.cfg:"),
        (("set.data", "train=", "trains="), "", "set.data: has no train= entry"),
        (("set.data", "valid=", "valids="), "--map 2", "set.data: has no valid= entry"),
        (("set.data", "", ""), "none.weights", "none.weights: cannot read"),
        (("set.data", "", ""), "--chart chart.gif", "chart.gif: a plot is written as"),
        (("set.data", "", ""), "--math make", "math=make cannot train"),
        (("set.data", "", ""), "--resume", "net.backup.state: is not there"),
        (("set.data", "", ""), "--backup train.txt", "train.txt: cannot make this folder"),
        (("net.cfg", "max_batches=8", "max_batches=0"), "", "max_batches=0, which trains nothing"),
    ],
)
def test_refused(change: tuple[str, str, str], words: str, message: str, detector: Path) -> None:
    name, old, new = change
    text = (detector / name).read_text()
    assert old in text
    (detector / name).write_text(text.replace(old, new))
    answer = ask("train", "set.data", "net.cfg", *words.split(), cwd=detector)
    assert answer.code in (1, 2)
    last = answer.err.splitlines()[-1]
    assert message.replace("set.data: 1 thing", "train.txt: 1 thing is wrong") in last
    assert not list(detector.glob("backup/*"))


@pytest.mark.parametrize("option", ["--chart", "--picture"])
def test_no_picture_is_written_over(option: str, detector: Path) -> None:
    picture = sorted((detector / "images").iterdir())[0]
    before = picture.read_bytes()
    refused = ask("train", "set.data", "net.cfg", "--dry-run", option, picture, cwd=detector)
    assert refused.code == 1 and "this file is read from: write to another one" in refused.err
    assert picture.read_bytes() == before


def test_labels_may_be_left_out(detector: Path) -> None:
    (detector / "labels/dark0.txt").write_text("0 .5 .5 .2 .2\n9 .5 .5 .2 .2\n")
    (detector / "labels/dark2.txt").unlink()
    answer = ask("train", "set.data", "net.cfg", "--skip-bad", "--dry-run", cwd=detector)
    assert answer.code == 0
    assert "pictures: 5 with 5 boxes" in answer.out
    named = [line for line in answer.err.splitlines() if line.startswith("left out: ")]
    assert len(named) == 2 and any("dark0.txt:2: class 9" in line for line in named)


def test_detector_train_prints_darknets_lines(detector: Path) -> None:
    (detector / "net.cfg").write_text(DETECTOR.replace("jitter=.3", "jitter=.3\nrandom=0"))
    answer = ask("detector", "train", "set.data", "net.cfg", "-clear", "-seed", "3", "-gpus", "0,1", cwd=detector)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[:3] == ["0,1", "net", "Learning Rate: 0.01, Momentum: 0.9, Decay: 0.0005"]
    loaded, first, second, last, *_ = lines[3:]
    assert re.fullmatch(r"Loaded: \d+\.\d{6} seconds", loaded)
    for line in (first, second):
        assert re.fullmatch(
            r"Region 4 Avg IOU: \S+, Class: \S+, Obj: \S+, No Obj: \S+, \.5R: \S+, \.75R: \S+,  count: \d+", line
        )
    assert re.fullmatch(r"1: \d+\.\d{6}, \d+\.\d{6} avg, 0\.000123 rate, \d+\.\d{6} seconds, 4 images", last)
    assert lines[-1].startswith("8: ") and lines[-1].endswith(" 32 images")
    table = answer.err.splitlines()
    assert any("the learning rate is that of the cfg" in line for line in table)
    assert any(line.startswith("layer     filters") for line in table)
    assert f"Saving weights to {detector}/backup/net_final.weights" in table
    weights = (detector / "backup/net_final.weights").read_bytes()
    assert ask("train", "set.data", "net.cfg", "--seed", "3", cwd=detector).code == 0
    assert (detector / "backup/net_final.weights").read_bytes() == weights


def test_classifier_train_prints_darknets_lines(tmp_path: Path) -> None:
    write_set(tmp_path, CLASSIFIER)
    answer = ask("classifier", "train", "set.data", "net.cfg", cwd=tmp_path, program="darknet")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[:5] == ["net", "1", "Learning Rate: 0.01, Momentum: 0.9, Decay: 0.0005", "6", "32 48"]
    assert re.fullmatch(r"2, 1\.333: \S+, \S+ avg, 0\.001975 rate, \S+ seconds, 8 images", lines[8])
    assert {"net_1.weights", "net_5.weights", "net.weights"} <= {path.name for path in (tmp_path / "backup").iterdir()}


def test_darknets_words_know_their_networks(detector: Path) -> None:
    assert "it is trained by detector train" in failure(
        "classifier", "train", "set.data", "net.cfg", cwd=detector, program="darknet"
    )
    (detector / "net.cfg").write_text(CLASSIFIER)
    assert "it is trained by classifier train" in failure(
        "detector", "train", "set.data", "net.cfg", cwd=detector, program="darknet"
    )


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "darknet_py", "train", "set.data", "net.cfg", "--checkpoint", "1", "--no-chart"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.Popen(
        [*command, *words], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.slow
def test_killed_three_times(tmp_path: Path) -> None:
    need_posix()
    write_set(tmp_path, DETECTOR.replace("max_batches=8", "max_batches=60"))
    whole = ask("train", "set.data", "net.cfg", "--no-chart", cwd=tmp_path)
    assert whole.code == 0
    final = tmp_path / "backup/net_final.weights"
    expected = final.read_bytes()
    for path in (tmp_path / "backup").iterdir():
        path.unlink()
    for number, (strike, after) in enumerate(((signal.SIGKILL, 5), (signal.SIGINT, 20), (signal.SIGKILL, 41))):
        process = start(tmp_path, *(["--resume"] if number else []))
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(f"batch {after} of"):
                break
        else:
            raise AssertionError(process.stderr and process.stderr.read())
        process.send_signal(strike)
        process.communicate(timeout=60)
        assert process.returncode == (-signal.SIGKILL if strike == signal.SIGKILL else 130)
        assert not final.exists()
        assert not list((tmp_path / "backup").glob("*.weights.*.part"))
    process = start(tmp_path, "--resume")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert 15 < out.count(" of 60:") < 21
    assert final.read_bytes() == expected
