"""`darknet-py evaluate`, and the parts of an evaluation: names, labels, boxes, files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import DataError
from darknet_py.evaluate.classifier import center_crop
from darknet_py.evaluate.files import coco_id, coco_text, image_id
from darknet_py.evaluate.found import Setting, average_mirrored, unit_of
from darknet_py.evaluate.run import Task, read_list
from darknet_py.evaluate.truth import NOTHING, read_truth, read_truths
from darknet_py.layers import Yolo
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.output.text import c_float

from .evaluation import make_root
from .nets import net, write_cfg
from .program import failure, run
from .scenes import found_of


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("evaluate"))


# Small parts


def test_names_and_numbers_of_images() -> None:
    assert image_id("/a.b/c.d.jpg") == "c" and image_id("x") == "x"
    assert coco_id("a/COCO_val2014_000000000139.jpg") == 139
    assert coco_id("images/000000000285.jpg") == 285
    assert coco_id("my_set/12.jpg") == 0  # what follows the last _ is no number; Darknet sees it so, too
    assert coco_id("17.jpg") == 17


def test_numbers_that_are_none_are_written_as_c_writes_them() -> None:
    assert (c_float(1.5), c_float(float("nan")), c_float(-float("nan")), c_float(2, 2)) == (
        "1.500000",
        "nan",
        "-nan",
        "2.00",
    )
    padded = [c_float(float(word), 0, 6) for word in ("nan", "-nan", "inf", "12.5")]
    assert padded == ["   nan", "  -nan", "   inf", "    12"]


def test_results_without_detections() -> None:
    nothing = found_of([])
    assert json.loads(coco_text(["1.jpg"], [nothing])) == []


def test_a_mirrored_output_is_averaged_as_darknet_does_it() -> None:
    [head] = yolo_layers(5)
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(head.out.size).astype(np.float32) for _ in "ab")
    planes = b.reshape(-1, 5, 5)
    for plane in range(len(planes)):  # the loops of the C source, said again
        for row in range(5):
            for i in range(2):
                left, right = planes[plane, row, i], planes[plane, row, 4 - i]
                sign = -1 if plane < head.n else 1
                planes[plane, row, i], planes[plane, row, 4 - i] = sign * right, sign * left
    wanted = (a + planes.reshape(-1)) / np.float32(2)
    again = np.random.default_rng(1)
    a, b = (again.standard_normal(head.out.size).astype(np.float32) for _ in "ab")
    assert np.array_equal(average_mirrored(head, a, b), wanted.reshape(-1, 5, 5))


def yolo_layers(side: int) -> list[Yolo]:
    with tempfile.TemporaryDirectory() as folder:
        text = net(24, side, side, "yolo classes=3 num=3 anchors=9,9,20,30,50,50")
        return [layer for layer in read_network(write_cfg(Path(folder), text)).layers if isinstance(layer, Yolo)]


def test_the_middle_square() -> None:
    pixels = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)
    assert np.array_equal(center_crop(pixels), pixels[:, 1:6])
    assert np.array_equal(center_crop(pixels.transpose(1, 0, 2)), pixels.transpose(1, 0, 2)[1:6])


def test_labels_that_are_wrong_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("0 .5 .5 .1 .1\n3 .5 .5 .1 .1\n")
    with pytest.raises(DataError, match=r"a.txt:2: class 3: the network has classes 0 to 2"):
        read_truth(path, 3)
    path.write_text("")
    assert read_truth(path, 3) is NOTHING
    truths, without = read_truths([str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")], 3)
    assert [len(truth) for truth in truths] == [0, 0] and without == [str(tmp_path / "b.jpg")]
    with pytest.raises(DataError, match="none of the images has a label file"):
        read_truths([str(tmp_path / "b.jpg")], 3)
    path.write_text("\n\n")
    with pytest.raises(DataError, match="list of images is empty"):
        read_list(path)


# The command


OWN = ("--cfg", "region20.cfg", "--weights", "region20.weights", "--names", "20.names")


def test_evaluate_prints_draws_and_writes_json(root: Path) -> None:
    out = run(
        "evaluate", *OWN, "--images", "val.list", "--thresh", 0.1, "--iou-thresh", 0.4, "--plot", "a.svg", "--json",
        "a.json", cwd=root,
    ).stdout.splitlines()  # fmt: skip
    assert out[0].split() == ["class", "AP", "objects", "found", "false", "precision", "recall", "IoU"]
    assert out[-2].startswith("mAP@0.40 = ") and "32 objects in 9 images" in out[-2]
    found = json.loads((root / "a.json").read_text())
    assert found["objects"] == 32 and 0 < found["mean_over_all_classes"] < found["mean_average_precision"] < 1
    texts = [node.text or "" for node in ElementTree.parse(root / "a.svg").iter()]
    assert "region20, 9 images of val.list" in texts and "class 7" in texts
    run("evaluate", *OWN, "--data", "voc.data", "--stretch", "--plot", "a.png", cwd=root)
    with Image.open(root / "a.png") as picture:
        assert picture.format == "PNG"


def test_boxes_of_yolov1_are_fractions_as_labels_are(root: Path) -> None:
    detector = load(root / "v1.cfg", root / "v1.weights")
    image = str(sorted((root / "images").glob("*.jpg"))[0])
    for stretch in (True, False):
        setting = Setting(thresh=0.1, stretch=stretch, asked=unit_of(detector.network))
        (found,) = Task(detector, [image], "a list", setting).run()
        plain = detector.detect(image, thresh=0.1, stretch=stretch)
        assert found is not None and np.array_equal(found.box[found.row], plain.box) and len(plain)
    for line in ("map", "evaluate"):
        words = (
            ["detector", "map", "voc.data", "v1.cfg", "v1.weights"]
            if line == "map"
            else ["evaluate", "--cfg", "v1.cfg", "--weights", "v1.weights", "--images", "val.list"]
        )
        assert run(*words, cwd=root).stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((*OWN,), 2, "which images?"),
        ((*OWN, "--images", "none.list"), 1, "none.list: cannot read"),
        ((*OWN, "--images", "broken.list"), 1, "broken.list: image 2 of the list: images/none.jpg: cannot read"),
        ((*OWN, "--images", "val.list", "--plot", "a.pdf"), 1, ".svg or .png"),
        ((*OWN, "--images", "val.list", "--difficult", "broken.list"), 2, "has 2 images"),
        ((*OWN, "--data", "none.data"), 1, "none.data: cannot read"),
        (("--cfg", "classifier.cfg", "--weights", "classifier.weights", "--images", "val.list"), 1, "class"),
    ],
)
def test_what_is_wrong_is_said(root: Path, words: tuple[str, ...], code: int, message: str) -> None:
    (root / "broken.list").write_text("images/img_000.jpg\nimages/none.jpg\n")
    assert message in failure("evaluate", *words, cwd=root, code=code)
