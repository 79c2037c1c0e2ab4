"""Whole trainings: Darknet's own, broken off and gone on with, with any number of threads."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py import load
from darknet_py.detector import Detector
from darknet_py.errors import DarknetError, DataError, ImageError
from darknet_py.parameters import Parameters
from darknet_py.train import open_training
from darknet_py.train.checkpoint import load_state, state_path
from darknet_py.train.data import read_training_files
from darknet_py.train.diagnosis import TrainingError
from darknet_py.train.opening import Asked, Plan, WrongLines, plan_training
from darknet_py.train.samples import Pictures
from darknet_py.train.schedule import Resizing, Saving
from darknet_py.train.training import Habits, Training
from tests.training import CLASSIFIER, DETECTOR, write_set

LOOPS = ("loop-region", "loop-yolo", "loop-tree", "loop-classifier", "loop-classifier-tree")

HABITS = Habits(Saving())


def plan(data: Path, cfg: Path, **asked: Any) -> Plan:
    def wrong(error: DarknetError) -> None:
        raise AssertionError(error)

    return plan_training(cfg, read_training_files(data), Asked(**asked), wrong)


def quiet(text: str) -> None:
    """Prints nothing."""


def open_set(folder: Path, cfg: str = DETECTOR, resume: bool = False, **asked: Any) -> Training:
    """A training in a folder that has the files, or gets them."""
    files = (folder / "set.data", folder / "net.cfg") if (folder / "set.data").exists() else write_set(folder, cfg)
    return plan(*files, seed=3, **asked).open(None, HABITS, resume, quiet)


def final(folder: Path, name: str = "net_final.weights") -> str:
    return hashlib.sha256((folder / "backup" / name).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def shapes(oracle: Path) -> Any:
    spec = importlib.util.spec_from_file_location("shapes", oracle / "training" / "shapes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_loop(golden: dict[str, Any], oracle: Path, shapes: Any, folder: Path) -> Path:
    """The data file of a golden's training set."""
    if "data" in golden:
        shapes.write(str(folder), joint=200 if "--joint" in golden["data"] else 0)
        return folder / "shapes.data"
    (folder / "images").mkdir()
    for name in golden["list"]:
        shutil.copy(oracle / "images" / name, folder / "images")
    # Paths must not have a class's name in them by chance: relative ones.
    (folder / "train.txt").write_text("".join(f"images/{name}\n" for name in golden["list"]))
    (folder / "names").write_text("\n".join(golden["labels"]) + "\n")
    (folder / "set.data").write_text(
        f"classes={len(golden['labels'])}\ntrain=train.txt\nlabels=names\nbackup={folder}/backup\n"
    )
    return folder / "set.data"


@pytest.mark.parametrize("name", LOOPS)
def test_darknets_own_loops(
    name: str, oracle: Path, shapes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = json.loads((oracle / f"training/golden/{name}.json").read_text())
    monkeypatch.chdir(tmp_path)
    data, cfg = write_loop(golden, oracle, shapes, tmp_path), oracle / "training/cfg" / golden["cfg"]
    opened = plan(data, cfg, seed=golden["seed"], darknets_rand=True, decode=False).open(None, HABITS, False, quiet)
    with opened as training:
        steps = list(training.run(len(golden["iterations"])))
    for done, expected in zip(steps, golden["iterations"], strict=True):
        assert done.number == expected["batch"]
        assert done.images == expected["seen"]
        assert list(done.lines) == expected["printed"]
        for field in ("loss", "average", "rate"):
            assert float(getattr(done, field)) == float.fromhex(expected[field]), (done.number, field)
    saved = (opened.folder / f"{opened.name}{opened.habits.saving.last}.weights").read_bytes()
    assert len(saved) == golden["weights_file_bytes"]
    assert hashlib.sha256(saved).hexdigest() == golden["weights_file_sha256"]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("unbroken")
    with open_set(folder) as training:
        steps = list(training.run())
    assert [done.number for done in steps] == list(range(1, 9))
    assert training.history[-1][:2] == (8, float(steps[-1].loss))
    yield folder


def test_the_network_learns(unbroken: Path) -> None:
    state = load_state(state_path(unbroken / "backup/net.backup"))
    assert state.history[-1, 1] < 0.8 * state.history[0, 1]


@pytest.mark.parametrize(("threads", "workers"), [(1, 1), (3, 5)])
def test_the_same_with_any_number_of_threads(threads: int, workers: int, unbroken: Path) -> None:
    (unbroken / "backup/net_final.weights").rename(unbroken / "first.weights")
    with open_set(unbroken, threads=threads, workers=workers) as training:
        list(training.run())
    assert (unbroken / "first.weights").read_bytes() == (unbroken / "backup/net_final.weights").read_bytes()


def broken_off(folder: Path, cfg: str, stops: tuple[int, ...], **asked: Any) -> Training:
    """A training that is stopped after so many iterations, each time anew opened, then brought to its end."""
    for number, stop in enumerate(stops):
        with open_set(folder, cfg, resume=number > 0, **asked) as training:
            for done in training.run():
                if done.number == stop:
                    training.stop()
            assert training.session.trainer.batch_number == stop
            assert not (folder / "backup/net_final.weights").exists()
    with open_set(folder, cfg, resume=True, **asked) as training:
        list(training.run())
    return training


def test_broken_off_three_times(unbroken: Path, tmp_path: Path) -> None:
    # The same set of pictures in another folder would have other paths.
    shutil.copytree(unbroken, tmp_path / "set")
    shutil.rmtree(tmp_path / "set/backup")
    for name in ("set.data", "train.txt"):
        text = (tmp_path / "set" / name).read_text()
        (tmp_path / "set" / name).write_text(text.replace(f"backup={unbroken}", f"backup={tmp_path}/set"))
    training = broken_off(tmp_path / "set", DETECTOR, (1, 4, 5))
    assert final(tmp_path / "set") == final(unbroken)
    states = [load_state(state_path(folder / "backup/net.backup")) for folder in (unbroken, tmp_path / "set")]
    assert np.array_equal(states[0].history, states[1].history, equal_nan=True)
    assert states[0].position == states[1].position
    assert training.session.is_done()


@pytest.mark.parametrize("rand", [False, True])
def test_broken_off_with_dropout_and_other_sizes(rand: bool, tmp_path: Path) -> None:
    # Its own draws, between those of the loader where there is one stream; sizes by Darknet's rule, only smaller.
    cfg = CLASSIFIER.replace("channels=3", "channels=3\nrandom=1")
    asked = {"darknets_rand": rand, "sizes": (32, 96)}
    with open_set(tmp_path, cfg, **asked) as training:
        training.session.resizing = Resizing(32, 96, 3, ends_large=False)
        sizes = [done.size for done in training.run()]
    whole = (tmp_path / "backup/net_final.weights").read_bytes()
    assert len(set(sizes)) > 1
    (tmp_path / "backup/net_final.weights").unlink()
    for stop in (2, 5, 8):
        with open_set(tmp_path, cfg, resume=stop > 2, **asked) as training:
            training.session.resizing = Resizing(32, 96, 3, ends_large=False)
            for done in training.run():
                assert done.size == sizes[done.number - 1]
                if done.number == stop:
                    training.stop()
    with open_set(tmp_path, cfg, resume=True, **asked) as training:
        assert not list(training.run())
    assert (tmp_path / "backup/net_final.weights").read_bytes() == whole


def test_detects_the_same_from_the_file_as_from_memory(unbroken: Path) -> None:
    with open_set(unbroken, resume=True) as training:
        trainer = training.session.trainer
        memory = Detector(trainer.network, Parameters([dict(own) for own in trainer.arrays]))
        file = load(unbroken / "net.cfg", unbroken / "backup/net_final.weights")
        picture = sorted((unbroken / "images").iterdir())[0]
        assert memory.detect(picture, thresh=0.01) == file.detect(picture, thresh=0.01)
        assert len(memory.detect(picture, thresh=0.01))


def test_a_loss_that_is_no_number_is_explained(tmp_path: Path) -> None:
    cfg = DETECTOR.replace("learning_rate=0.01", "learning_rate=1e30").replace("burn_in=3", "burn_in=0")
    with open_set(tmp_path, cfg) as training:
        training.habits = replace(HABITS, checkpoint=1)
        with pytest.raises(
            TrainingError, match=r"loss is \S+ in batch \d: .* layer \d .*pictures: .*\.png.*learning_rate"
        ):
            list(training.run())
    # What was saved before can be used; parameters that are no numbers are not written.
    if (tmp_path / "backup/net.backup").exists():
        assert load_state(state_path(tmp_path / "backup/net.backup")).meta["count"] >= 1
    assert not (tmp_path / "backup/net_final.weights").exists()


def test_states_that_cannot_be_gone_on_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"net\.backup\.state: is not there"):
        open_set(tmp_path, resume=True)
    with open_set(tmp_path) as training:
        list(training.run(1))
    state = state_path(tmp_path / "backup/net.backup")
    whole = state.read_bytes()
    for wrong in (b"", b"x", whole[:-200], whole[: len(whole) // 2]):
        state.write_bytes(wrong)
        with pytest.raises(DataError, match="is no state of a training"):
            open_set(tmp_path, resume=True)
    state.write_bytes(whole)
    (tmp_path / "net.cfg").write_text(DETECTOR.replace("filters=4", "filters=6"))
    with pytest.raises(DataError, match=r"is of another network: 0\."):
        open_set(tmp_path, resume=True)
    (tmp_path / "net.cfg").write_text(DETECTOR.replace("max_batches=8", "max_batches=9"))
    with open_set(tmp_path, resume=True) as training:
        assert training.session.position == load_state(state).position


def test_wrong_labels_are_all_named_and_nothing_is_written(tmp_path: Path) -> None:
    data, cfg = write_set(tmp_path, DETECTOR)
    labels = sorted((tmp_path / "labels").iterdir())
    labels[0].write_text("2 .5 .5 .1 .1\n0 .5 .5 .1 .1\n0 .5 .5 .1\n")
    labels[1].unlink()
    (tmp_path / "images" / f"{labels[2].stem}.png").write_bytes(b"no picture")
    told: list[str] = []
    with pytest.raises(WrongLines, match=r"4 things are wrong .*, the first: .*; nothing was trained") as found:
        plan_training(cfg, read_training_files(data), Asked(), lambda error: told.append(str(error)))
    assert sorted(text.partition(": ")[0] for text in told) == sorted(
        [f"{labels[0]}:1", f"{labels[0]}:3", str(labels[1]), str(tmp_path / "images" / f"{labels[2].stem}.png")]
    )
    assert [str(error) for error in found.value.errors] == told
    assert not (tmp_path / "backup").exists()
    rest = plan_training(cfg, read_training_files(data), Asked(), told.append, skip=True)  # type: ignore[arg-type]
    assert len(rest.samples.paths) == 4


def test_from_python(unbroken: Path) -> None:
    with open_training(unbroken / "set.data", unbroken / "net.cfg", seed=3, report=quiet) as training:
        numbers = [done.number for done in training.run()]
    assert numbers == list(range(1, 9))
    with open_training(unbroken / "set.data", unbroken / "net.cfg", resume=True, seed=3, report=quiet) as training:
        assert training.session.is_done()


def test_parameters_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    with open_set(tmp_path) as training:
        list(training.run(1))
        before = {path.name: path.read_bytes() for path in (tmp_path / "backup").iterdir()}
        training.session.trainer.arrays[2]["weights"][0] = np.nan
        with pytest.raises(TrainingError, match=r"after batch 1 weights of layer 2 \(convolutional\) are not finite"):
            training.checkpoint()
    assert {path.name: path.read_bytes() for path in (tmp_path / "backup").iterdir()} == before


def test_a_loss_that_explodes_is_reported_once(tmp_path: Path) -> None:
    said: list[str] = []
    with open_set(tmp_path) as training:
        training.report = said.append
        [done] = training.run(1)
        for loss in (1.0, 900.0, 5000.0, 6000.0):
            training.watch(replace(done, loss=np.float32(loss), average=np.float32(1)))
    notes = [line for line in said if line.startswith("Note: ")]
    assert len(notes) == 1
    assert "batch 1, 5e+03, is more than 1000 times" in notes[0] and "of layer " in notes[0]


def test_a_picture_that_breaks_meanwhile_costs_nothing(tmp_path: Path) -> None:
    with open_set(tmp_path) as training:
        list(training.run())
    whole = final(tmp_path)
    (tmp_path / "backup/net_final.weights").unlink()
    with open_set(tmp_path, workers=1) as training:
        kept = {path: path.read_bytes() for path in (tmp_path / "images").iterdir()}
        for path in kept:
            path.write_bytes(b"broken")
        training.session.loader.samples.pictures = Pictures(training.session.loader.samples.paths, 0)  # type: ignore[attr-defined]
        numbers = []
        with pytest.raises(ImageError, match=r"images/.*\.png: "):
            for done in training.run():
                numbers.append(done.number)
        assert numbers == []
        for path, data in kept.items():
            path.write_bytes(data)
    assert load_state(state_path(tmp_path / "backup/net.backup")).meta["count"] == 0
    with open_set(tmp_path, resume=True) as training:
        list(training.run())
    assert final(tmp_path) == whole


def test_options_that_make_the_file_another_are_noted_once(tmp_path: Path) -> None:
    cfg = DETECTOR.replace("batch_normalize=1\nfilters=4", "batch_normalize=1\ndontsave=1\nfilters=4")
    said: list[str] = []
    with open_set(tmp_path, cfg) as training:
        training.report = said.append
        list(training.run(2))
    assert [line for line in said if line.startswith("Note: ")] == [
        "Note: layer 0 (convolutional) is not written: dontsave=1"
    ]
