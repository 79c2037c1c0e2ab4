"""A training set as a data file and a cfg describe it; sizes and files by Darknet's schedule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import DarknetError
from darknet_py.loading import load_trees
from darknet_py.network import read_network
from darknet_py.train.augment import Boxes, Cells
from darknet_py.train.data import ambiguous, check_pictures, list_pictures, make_samples, read_training_files
from darknet_py.train.random import Drawn, GlibcRandom
from darknet_py.train.samples import Classified, Labelled
from darknet_py.train.schedule import CLASSIFIER, CLASSIFIER_FILES, DETECTOR, DETECTOR_FILES, YOLO_FILES
from darknet_py.train.truth import truth_of

NET = "[net]\nwidth=32\nheight=32\nchannels=3\nhue=.1\nsaturation=0\nexposure=1.5\nangle=7\nmax_crop=48\n"
CONV = "[convolutional]\nfilters={}\nsize=3\npad=1\nactivation=linear\n"
YOLO = NET + CONV.format(21) + "[yolo]\nmask=0,1,2\nclasses=2\nnum=3\nanchors=1,2,3,4,5,6\njitter=.3\n"
CLASSES = NET + CONV.format(3) + "[avgpool]\n[softmax]\ngroups=1\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for number in range(3):
        name = ("cat", "dog", "catdog")[number]
        Image.fromarray(np.full((9, 8, 3), 50 * number, np.uint8)).save(tmp_path / f"images/{name}.png")
        (tmp_path / f"labels/{name}.txt").write_text("1 .5 .5 .3 .3\n")
    (tmp_path / "train.txt").write_text("images/cat.png\n\nimages/dog.png\nimages/catdog.png\n")
    (tmp_path / "names").write_text("cat\ndog\nbird\n")
    (tmp_path / "x.data").write_text("classes=3\ntrain=train.txt\nbackup=backup\nlabels=names\n")
    return tmp_path


def samples(folder: Path, cfg: str, errors: list[DarknetError]) -> Labelled | Classified:
    (folder / "net.cfg").write_text(cfg)
    network = read_network(folder / "net.cfg")
    files = read_training_files(folder / "x.data")
    paths = list_pictures(files.train, errors.append)
    return make_samples(network, files, paths, truth_of(network), load_trees(network), errors.append)


def test_a_detector(folder: Path) -> None:
    errors: list[DarknetError] = []
    found = samples(folder, YOLO, errors)
    assert not errors
    assert isinstance(found.how, Boxes)
    assert (found.how.w, found.how.h, found.how.most, np.float32(found.how.jitter)) == (32, 32, 90, np.float32(0.3))
    assert np.float32(found.how.colours.hue) == np.float32(0.1)
    assert (found.how.colours.saturation, found.how.colours.exposure) == (0, 1.5)
    assert found.draws(0) == 11


def test_yolov1(folder: Path) -> None:
    cfg = NET + CONV.format(2) + "[connected]\noutput=28\n[detection]\nclasses=2\ncoords=4\nside=2\nnum=1\njitter=.1\n"
    found = samples(folder, cfg, [])
    assert isinstance(found.how, Cells)
    assert (found.how.side, found.how.classes, found.truths) == (2, 2, 28)


def test_a_classifier(folder: Path) -> None:
    errors: list[DarknetError] = []
    found = samples(folder, CLASSES, errors)
    assert isinstance(found, Classified)
    assert (found.how.low, found.how.high, found.how.angle, found.names) == (32, 48, 7, ("cat", "dog", "bird"))
    assert ambiguous(found) == ["images/catdog.png"]
    truth = np.empty(3, np.float32)
    found.make(1, np.empty((3, 32, 32), np.float32), truth, Drawn(GlibcRandom(1).draw(12)))
    assert truth.tolist() == [0, 1, 0]
    (folder / "names").write_text("dog\nbird\nfish\n")
    samples(folder, CLASSES, errors)
    assert [str(error) for error in errors] == [
        "images/cat.png: the path has none of the names of the labels: its class is not known"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("x.data", "classes=3", "classes=2"), r"x.data: classes = 2, but .*net.cfg has 3 outputs"),
        (("x.data", "train=train.txt\n", ""), r"x.data: has no train= entry"),
        (("x.data", "backup=backup\n", ""), r"x.data: has no backup= entry"),
        (("names", "bird\n", ""), r"names: has 2 names, but classes = 3"),
        (("names", "dog\n", "\n"), r"names:2: an empty name"),
        (("train.txt", "images/cat.png\n\nimages/dog.png\nimages/catdog.png\n", "\n"), "train.txt: this list .* empty"),
    ],
)
def test_files_that_do_not_go_together(folder: Path, change: tuple[str, str, str], message: str) -> None:
    name, old, new = change
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    with pytest.raises(DarknetError, match=message):
        samples(folder, CLASSES, [])


def test_a_classifier_is_square(folder: Path) -> None:
    with pytest.raises(DarknetError, match=r"net.cfg:3: a classifier is trained with square pictures, not 32 x 16"):
        samples(folder, CLASSES.replace("height=32", "height=16"), [])
    with pytest.raises(DarknetError, match=r"no picture of three colours"):
        samples(folder, CLASSES.replace("channels=3", "channels=1"), [])


def test_pictures_are_checked_by_line(folder: Path) -> None:
    (folder / "train.txt").write_text("images/cat.png\nimages/none.png\nimages\nimages/bad.png\nimages/cat.png\n")
    (folder / "images/bad.png").write_bytes((folder / "images/cat.png").read_bytes()[:40])
    errors: list[DarknetError] = []
    paths = list_pictures(folder / "train.txt", errors.append)
    assert [str(error) for error in errors] == [
        f"{folder}/train.txt:2: images/none.png is not there",
        f"{folder}/train.txt:3: images is a folder, not a picture",
    ]
    steps: list[int] = []
    assert check_pictures(paths, errors.append, lambda: steps.append(1)) == ["images/cat.png"] * 2
    assert len(errors) == 3 and str(errors[2]).startswith("images/bad.png: ") and len(steps) == 2


def test_a_picture_without_labels_is_left_out(folder: Path) -> None:
    (folder / "labels/dog.txt").unlink()
    errors: list[DarknetError] = []
    found = samples(folder, YOLO, errors)
    assert found.paths == ["images/cat.png", "images/catdog.png"]
    assert [str(error) for error in errors] == [
        "labels/dog.txt: there is no label file for images/dog.png; an empty file says that nothing is in it"
    ]


def test_sizes_are_darknets() -> None:
    random, numbers = GlibcRandom(4), GlibcRandom(4).draw(6).tolist()
    assert [DETECTOR.draw(random, 0, 1000) for _ in range(3)] == [(number % 10 + 10) * 32 for number in numbers[:3]]
    assert [DETECTOR.draw(random, batch, 1000) for batch in (800, 801)] == [(numbers[3] % 10 + 10) * 32, 608]
    assert CLASSIFIER.draw(random, 999, 1000) == (numbers[5] % 11 + 4) * 32
    assert (DETECTOR.every, CLASSIFIER.every) == (10, 40)


def test_files_are_darknets() -> None:
    batches = [1, 99, 100, 900, 999, 1000, 1100, 5000, 9900, 10000, 20000]
    kept = [batch for batch in batches if DETECTOR_FILES.snapshot(batch, (0, 1)) == f"_{batch}"]
    assert kept == [100, 900, 10000, 20000]
    kept = [batch for batch in batches if YOLO_FILES.snapshot(batch, (0, 1)) == f"_{batch}"]
    assert kept == [100, 900, 1000, 5000, 10000, 20000]
    assert CLASSIFIER_FILES.snapshot(100, (2, 2)) is None
    assert CLASSIFIER_FILES.snapshot(7, (2, 3)) == "_3"
    assert (DETECTOR_FILES.backup_every, CLASSIFIER_FILES.backup_every) == (100, 1000)
    assert (DETECTOR_FILES.last, YOLO_FILES.last, CLASSIFIER_FILES.last) == ("_final", "_final", "")
