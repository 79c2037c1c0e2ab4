"""What AlexeyAB's Darknet has on its command line besides: lines, JSON, labels, anchors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from darknet_py.detect.detections import Detections
from darknet_py.output.alexeyab import json_text, label_file, label_text
from darknet_py.output.writers import WRITERS

from .darknet_folder import (
    PHOTOS,
    REPOSITORY,
    called,
    make_folder,
    without_times,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("darknet"))


@pytest.mark.network
def test_alexeyabs_lines_json_and_labels(released: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "coffee.jpg").symlink_to(PHOTOS / "coffee.jpg")
    data = tmp_path / "coco.data"
    data.write_text(f"names = {REPOSITORY}/cfg/coco.names\n")
    found = called(
        "detector", "test", data, REPOSITORY / "cfg" / "yolov3-tiny.cfg", released, "-thresh", ".05", "-ext_output",
        "-dont_show", "-out", "found.json", "-save_labels", cwd=tmp_path, stdin="coffee.jpg\ncoffee.jpg\n",
    )  # fmt: skip
    assert without_times(found.stdout) == f"Enter Image Path: {ALEXEYABS}" * 2 + "Enter Image Path: "
    document = json.loads((tmp_path / "found.json").read_text())
    assert [image["frame_id"] for image in document] == [1, 2]
    assert {found["name"] for found in document[0]["objects"]} == {
        line.split(":")[0] for line in ALEXEYABS.splitlines()[3:]
    }
    labels = (tmp_path / "coffee.txt").read_text().splitlines()
    assert all(re.fullmatch(r"\d+ \d\.\d{4} \d\.\d{4} \d\.\d{4} \d\.\d{4}", line) for line in labels) and labels


def found_of(*rows: tuple[float, float, float, float, float, int, int]) -> Detections:
    box, confidence, ids, boxes = ([row[:4] for row in rows], *([row[i] for row in rows] for i in (4, 5, 6)))
    return Detections(box, confidence, ids, boxes, (200, 100), 3, ("ant", "bee", "dont_show_cat"))  # type: ignore[arg-type]


def test_alexeyab_sorts_boxes_from_left_to_right_and_classes_by_probability() -> None:
    found = found_of(
        (0.8, 0.5, 0.2, 0.4, 0.3, 0, 0), (0.8, 0.5, 0.2, 0.4, 0.6, 1, 0), (0.2, 0.5, 0.2, 0.4, 0.5, 0, 4),
        (0.1, 0.1, 0.1, 0.1, 0.9, 2, 5),
    )  # fmt: skip
    assert WRITERS["alexeyab"].lines(found) == ["ant: 50%", "bee: 60%", "ant: 30%"]
    place = "\t(left_x:   20   top_y:   30   width:   40   height:   40)"
    assert WRITERS["alexeyab"].lines(found, True)[0] == f"ant: 50%{place}"
    objects = json.loads(json_text(found, 3, 'a "b".jpg'))
    assert (objects["frame_id"], objects["filename"]) == (3, 'a "b".jpg')
    assert [(row["class_id"], row["confidence"]) for row in objects["objects"]] == [(0, 0.3), (1, 0.6), (0, 0.5)]


def test_a_nan_has_its_sign() -> None:
    """As C's ``printf`` shows it; x86-64 makes negative ones (of infinity less infinity)."""
    negative = float(np.copysign(np.float32(np.nan), -1))
    found = found_of((0.5, negative, 0.5, np.inf, 0.5, 1, 0))
    assert WRITERS["alexeyab"].lines(found, True) == [
        "bee: 50%\t(left_x:   50   top_y: -nan   width:  100   height:  inf)"
    ]
    assert '"center_y":-nan' in json_text(found, 1) and label_text(found) == "1 0.5000 -nan 0.5000 inf\n"


@pytest.mark.parametrize(
    ("image", "labels"),
    [("a/b.jpg", "a/b.txt"), ("x/JPEGImages/b.PNG", "x/labels/b.txt"),
     ("c/images/val2017/b.jpeg", "c/labels/val2017/b.txt"),
     ("images/b.jpg", "images/b.txt"), ("b.c.jpg", "b.c.txt"), ("noise", "noise.txt")],
)  # fmt: skip
def test_where_alexeyab_has_labels(image: str, labels: str) -> None:
    assert label_file(image) == Path(labels)


def test_calc_anchors(root: Path, tmp_path: Path) -> None:
    for number, sizes in enumerate([(0.1, 0.2), (0.12, 0.22), (0.5, 0.5), (0.52, 0.48)]):
        (tmp_path / f"{number}.txt").write_text(f"{number % 2} 0.5 0.5 {sizes[0]} {sizes[1]}\n")
    (tmp_path / "train.list").write_text("".join(f"{number}.jpg\n" for number in range(5)))
    (tmp_path / "my.data").write_text("classes = 3\ntrain = train.list\n")
    words = ("detector", "calc_anchors", "my.data", "-num_of_clusters", 2, "-width")
    found = called(*words, 416, "-height", 416, cwd=tmp_path)
    anchors = (tmp_path / "anchors.txt").read_text()
    assert re.fullmatch(r" 4\d, 8\d, 2\d\d,2\d\d|( 4\d), ?( 8\d|9\d), ?2\d\d,20\d", anchors)
    assert f"anchors = {anchors}\n" in found.stdout
    assert "counters_per_class = 2, 2, 0" in found.stdout
    assert (tmp_path / "counters_per_class.txt").read_text() == "counters_per_class = 2, 2, 0"
    assert re.search(r"avg IoU = \d\d\.\d\d %", found.stdout)
    called(*words, 13, "-height", 13, cwd=tmp_path)
    assert re.fullmatch(r"1\.\d{4},2\.\d{4}, 6\.\d{4},6\.\d{4}", (tmp_path / "anchors.txt").read_text())


ALEXEYABS = (
    " Detection layer: 16 - type = 28 \n"
    " Detection layer: 23 - type = 28 \n"
    "coffee.jpg: Predicted in T milli-seconds.\n"
    "toilet: 34%\t(left_x:  159   top_y:   -7   width:  271   height:  353)\n"
    "cup: 16%\t(left_x:  159   top_y:   -7   width:  271   height:  353)\n"
)
