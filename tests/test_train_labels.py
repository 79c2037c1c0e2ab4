"""Labels of a training set: all are checked, every wrong line is named."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import DataError
from darknet_py.formats.tree import read_tree
from darknet_py.train.labels import IGNORED, Classes, path_truth, read_all_labels, read_tags, single


def folder(path: Path, **labels: str) -> list[str]:
    (path / "images").mkdir()
    (path / "labels").mkdir()
    for name, text in labels.items():
        (path / "labels" / f"{name}.txt").write_text(text)
    return [str(path / "images" / f"{name}.jpg") for name in labels]


def test_every_wrong_line_is_named(tmp_path: Path) -> None:
    pictures = folder(
        tmp_path,
        good="0 .5 .5 .1 .1\n\n2 0.25 5e-1 1 1\n",
        many="3 .5 .5 .1 .1\nno label\n1 .5 .5 1.5 .1\n1 .5 .5 .2 .1\n-1 .5 .5 .1 .1\n1 nan .5 .1 .1\n0 0 0 0 0\n",
        empty="",
    )
    errors: list[DataError] = []
    labels = read_all_labels([*pictures, str(tmp_path / "images" / "none.jpg")], Classes(3), errors.append)
    assert labels[0] and labels[1] and labels[3] is None
    assert labels[0].class_id.tolist() == [0, 2]
    assert labels[0].box.tolist() == [[0.5, 0.5, np.float32(0.1), np.float32(0.1)], [0.25, 0.5, 1, 1]]
    assert labels[1].class_id.tolist() == [1]
    assert labels[2] is not None and len(labels[2]) == 0
    many = f"{tmp_path}/labels/many.txt"
    texts = sorted(map(str, errors))
    assert len(texts) == 7
    for line, what in ((1, "class 3: there are classes 0 to 2"), (2, "'no label'"), (3, "width = 1.5"), (5, "'-1 "),
                       (6, "x = nan"), (7, "class without a box")):  # fmt: skip
        assert any(text.startswith(f"{many}:{line}: ") and what in text for text in texts), (line, texts)
    assert any(text.startswith(f"{tmp_path}/labels/none.txt: there is no label file for") for text in texts)


def test_joint_labels_name_nodes_of_the_tree(tmp_path: Path) -> None:
    pictures = folder(tmp_path, joint="9 0 0 0 0\n", box="9 .5 .5 .1 .1\n", far="12 0 0 0 0\n")
    errors: list[DataError] = []
    labels = read_all_labels(pictures, Classes(3, 12), errors.append)
    assert labels[0]
    assert labels[0].class_only.tolist() == [True]
    assert [error.message for error in errors] == [
        "class 9: there are classes 0 to 2", "class 12: there are classes 0 to 11",
    ]  # fmt: skip


def test_numbers_are_rounded_once() -> None:
    low, high = np.float32(0.5), np.nextafter(np.float32(0.5), np.float32(1), dtype=np.float32)
    middle = (Fraction(float(low)) + Fraction(float(high))) / 2
    text = f"{float(middle):.40f}"
    above, below = text[:-1] + "1", f"{int(text[2:].rstrip('0')) - 1}"
    assert float(text) == float(above) == float(middle)
    assert (single(text), single(above)) == (low, high)
    assert single("0." + below) == low
    assert single("1e400") == np.inf
    rng = np.random.RandomState(1)
    for value in rng.uniform(0, 1, 200):
        assert single(f"{value:.6f}") == np.float32(f"{value:.6f}")


def test_classes_by_path(tmp_path: Path) -> None:
    (tmp_path / "t.tree").write_text("thing -1\nground -1\ncat 0\ndog 0\npug 3\nmud 1\n")
    tree = read_tree(tmp_path / "t.tree")
    assert path_truth("/x/dog_1.jpg", tree.names).tolist() == [0, 0, 0, 1, 0, 0]
    assert path_truth("/x/dog_1.jpg", tree.names, tree).tolist() == [1, 0, 0, 1, IGNORED, IGNORED]


def test_tags(tmp_path: Path) -> None:
    pictures = folder(tmp_path, one="0 2\n1", bad="7 x -1\n")
    errors: list[DataError] = []
    assert read_tags(pictures[0], 3, errors.append).tolist() == [0, 2, 1]
    assert read_tags(str(tmp_path / "images/none.jpg"), 3, errors.append).tolist() == []
    assert not errors
    read_tags(pictures[1], 3, errors.append)
    assert len(errors) == 3 and all(str(error).startswith(f"{tmp_path}/labels/bad.txt:1: ") for error in errors)


@pytest.mark.parametrize("word", ["", "x"])
def test_what_is_no_number(word: str) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        single(word)
