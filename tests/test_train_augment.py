"""The loader's pictures and truths against Darknet's own."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.errors import DataError
from darknet_py.formats.tree import read_tree
from darknet_py.image.load import load_image
from darknet_py.train.augment import CLASS_DRAWS, Boxes, Cells, Colours, Crops
from darknet_py.train.labels import Classes, Labels, path_truth, read_all_labels
from darknet_py.train.random import Drawn, GlibcRandom

CASES = range(17)


def sha(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, "<f4").tobytes()).hexdigest()


@pytest.fixture(scope="module")
def golden(oracle: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((oracle / "training/golden/augmentation.json").read_text())
    assert len(document["cases"]) == len(CASES)
    return document


@pytest.fixture(scope="module")
def data(oracle: Path, golden: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in images/, labels in labels/; from a label file only what comes before the first wrong line."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for name in golden["list"]:
        shutil.copy(oracle / "images" / name, folder / "images")
        label = (oracle / "training/labels" / name).with_suffix(".txt")
        (folder / "labels" / label.name).write_text(label.read_text().partition("not a box")[0])
    return folder


def colours(case: dict[str, Any]) -> Colours:
    return Colours(case["hue"], case["saturation"], case["exposure"])


def settings_of(case: dict[str, Any]) -> Boxes | Cells | Crops:
    if case["kind"] == "classification":
        return Crops(case["size"], case["min"], case["max"], case["angle"], case["aspect"], colours(case))
    if case["kind"] == "detection":
        return Boxes(case["width"], case["height"], case["boxes"], case["jitter"], colours(case))
    return Cells(case["width"], case["height"], case["side"], case["classes"], case["jitter"], colours(case))


@pytest.mark.parametrize("number", CASES)
def test_pictures_and_truths_are_darknets(number: int, golden: dict[str, Any], data: Path, oracle: Path) -> None:
    case = golden["cases"][number]
    names = case.get("list", golden["list"])
    paths = [str(data / "images" / name) for name in names]
    errors: list[DataError] = []
    classes = 10**6 if case["kind"] == "yolov1" else 20
    labels = read_all_labels(paths, Classes(classes, 20), errors.append)
    assert not errors
    settings, random = settings_of(case), GlibcRandom(case["seed"])
    chosen = [random.rand() % len(paths) for _ in range(case["n"])]
    for index, expected in zip(chosen, case["images"], strict=True):
        pixels = load_image(paths[index])
        if isinstance(settings, Crops):
            out = np.empty((3, settings.size, settings.size), np.float32)
            settings.make(out, pixels, Drawn(random.draw(CLASS_DRAWS)))
            tree = read_tree(oracle / "training/cfg" / case["tree"]) if case["tree"] else None
            truth = path_truth(names[index], case["labels"], tree)
            assert truth.tolist() == expected["truth"]
        else:
            out = np.empty((3, settings.h, settings.w), np.float32)
            truth = np.empty(settings.truths, np.float32)
            given = labels[index]
            if isinstance(settings, Cells):  # of a class that is out of range Darknet drops the class alone
                given = Labels(np.minimum(given.class_id, settings.classes), given.box)
                settings = Cells(
                    settings.w, settings.h, settings.side, settings.classes, settings.jitter, settings.colours
                )
            settings.make(out, truth, pixels, given, Drawn(random.draw(settings.draws(len(given)))))
            assert sha(truth) == expected["truth_sha256"]
        assert expected.get("image", names[index]) == names[index]
        assert [sha(out), [float.hex(float(v)) for v in out.reshape(-1)[:3]]] == [
            expected["pixels"][0], [float.hex(float.fromhex(v)) for v in expected["pixels"][1]],
        ]  # fmt: skip
    assert random.rand() == case["next_rand"]
