"""Evaluation: Darknet's files byte for byte, average precision against others' definitions, runs that were stopped."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darknet_py.errors import DarknetError, DataError
from darknet_py.evaluate.average_precision import at_points, evaluate
from darknet_py.evaluate.classifier import center_crop
from darknet_py.evaluate.files import c_float, coco_id, coco_text, image_id
from darknet_py.evaluate.found import Found, Setting, average_mirrored, unit_of
from darknet_py.evaluate.journal import Journal, line_digest, stamp
from darknet_py.evaluate.plot import write_plot
from darknet_py.evaluate.report import document, table_lines
from darknet_py.evaluate.run import Task, read_list
from darknet_py.evaluate.truth import NOTHING, Truth, iou, read_truth, read_truths
from darknet_py.image.load import load_image
from darknet_py.layers import Yolo
from darknet_py.legacy.evaluation import map_lines
from darknet_py.loading import load
from darknet_py.network import read_network
from darknet_py.synth import write_synth

from .nets import net, write_cfg
from .program import failure
from .systems import POSIX, need_posix
from .test_cli import run
from .test_legacy import CLASSIFIER, PHOTOS, REPOSITORY, YOLO_V1, darknet


def region(classes: int, w: int = 104, h: int = 72) -> str:
    return net(
        3, h, w, "conv batch_normalize=1 filters=8 size=3 stride=8 pad=1 activation=leaky",
        f"conv filters={3 * (classes + 5)} size=1 activation=linear",
        f"region classes={classes} num=3 coords=4 softmax=1 anchors=1,1.5,3,3,5,4",
    )  # fmt: skip


TREE = net(
    3, 32, 32, "conv filters=8 size=3 stride=4 pad=1 activation=leaky", "avgpool",
    "connected output=12 activation=linear", "softmax tree=wood.tree",
)  # fmt: skip
PARENTS = {"_000": -1, "_001": -1, "_002": -1, "_003": 0, "_004": 0, "_005": 0, "_006": 1, "_007": 1, "_008": 3,
           "_0010": 3, "_0011": 3, "_0012": 3}  # fmt: skip
COCO = net(
    3, 48, 48, "conv batch_normalize=1 filters=8 size=3 stride=8 pad=1 activation=leaky",
    "conv filters=255 size=1 activation=linear", "yolo classes=80 num=3 anchors=9,9,20,30,50,50",
)  # fmt: skip

LABELS: dict[int, list[str]] = {
    0: ["16 0.314 0.810 0.390 0.166", "3 0.887 0.170 0.390 0.167",
        "7 0.010 0.467 0.330 0.189", "7 0.010 0.709 0.377 0.168"],
    1: ["7 0.018 0.276 0.416 0.197", "17 0.023 0.132 0.298 0.224",
        "7 0.203 0.918 0.227 0.181", "8 0.757 0.459 0.276 0.164"],
    2: ["7 0.446 0.142 0.276 0.199", "7 0.485 0.159 0.262 0.212",
        "0 0.023 0.694 0.302 0.192", "7 0.190 0.990 0.308 0.162"],
    3: ["7 0.407 0.139 0.411 0.185", "11 0.285 0.804 0.397 0.147",
        "7 0.035 0.294 0.416 0.227", "7 0.010 0.664 0.329 0.149"],
    5: ["7 0.117 0.501 0.815 0.178", "7 0.010 0.136 0.572 0.152",
        "1 0.010 0.456 0.499 0.195", "7 0.010 0.990 0.533 0.153"],
    6: ["7 0.247 0.935 0.484 0.210", "7 0.474 0.758 0.454 0.192",
        "7 0.030 0.789 0.439 0.211", "7 0.810 0.567 0.368 0.151"],
    7: ["11 0.022 0.255 0.365 0.190", "7 0.166 0.138 0.278 0.195",
        "7 0.990 0.870 0.263 0.156", "7 0.022 0.748 0.250 0.188"],
    8: ["7 0.023 0.688 0.403 0.169", "14 0.023 0.280 0.307 0.172",
        "7 0.024 0.674 0.280 0.176", "7 0.436 0.329 0.257 0.168"],
}  # fmt: skip
"""Objects by image: some where the network sees something, with other classes, too."""

NETS = {
    "region20": region(20), "region200": region(200), "coco": COCO, "classifier": CLASSIFIER, "tree": TREE,
    "v1": YOLO_V1,
}  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with networks, pictures with labels, lists and data files, and the program as ``darknet``."""
    need_posix()
    folder = tmp_path_factory.mktemp("evaluate")
    make_root(folder)
    program = folder / "darknet"
    program.write_text(f"#!{sys.executable}\nfrom darknet_py.__main__ import main\nmain()\n")
    program.chmod(0o755)
    return folder


def make_root(folder: Path) -> None:
    """All files; also made for the real Darknet, whose results stand below."""
    (folder / "wood.tree").write_text("".join(f"{name} {parent}\n" for name, parent in PARENTS.items()))
    (folder / "some.leaves").write_text("_001\n_004\n_007\n_003\nnothing\n")
    for name, text in NETS.items():
        write_synth(write_cfg(folder, text, f"{name}.cfg"), folder / f"{name}.weights", 7)
    for number, photo in enumerate(sorted(PHOTOS.glob("*.jpg")) * 3):
        for kind in ("images", "labels"):
            (folder / kind).mkdir(exist_ok=True)
        pixels = np.rot90(load_image(photo), number // 3)[::2, ::2]
        # PNG, whatever the name says: no encoder's losses, and Darknet makes labels' names of .jpg only.
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / "images" / f"img_{number:03d}.jpg", format="PNG")
        labels = "".join(f"{line}\n" for line in LABELS.get(number, ()))
        for place in ("images", "labels"):  # AlexeyAB's place, and pjreddie's
            (folder / place / f"img_{number:03d}.txt").write_text(labels)
    images = [f"images/img_{number:03d}.jpg" for number in range(9)]
    for name in ("val.list", "data/coco_val_5k.list", "data/voc.2007.test"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{image}\n" for image in images))
    for classes in (20, 80, 200):
        (folder / f"{classes}.names").write_text("".join(f"class {number}\n" for number in range(classes)))
    sets = (("voc", 20, "voc"), ("coco", 80, "coco"), ("imagenet", 200, "imagenet"), ("coco200", 200, "coco"))
    for name, classes, kind in sets:
        (folder / f"{name}.data").write_text(
            f"classes={classes}\nvalid=val.list\nnames={classes}.names\neval={kind}\nresults=results_{name}\n"
        )
    (folder / "classifier.names").write_text("".join(f"_00{number}\n" for number in (*range(9), 10, 11, 12)))
    classes = "labels=classifier.names\nvalid=val.list\nclasses=12\ntop=3\n"
    (folder / "classifier.data").write_text(classes)
    (folder / "leaves.data").write_text(f"{classes}leaves=some.leaves\n")


def digest(folder: Path) -> str:
    """One hash over the names and contents of all files of a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


# Files of Darknet's commands


@pytest.mark.parametrize(
    ("command", "data", "network", "wanted"),
    [
        ("valid", "voc", "region20", "b913152fba3e4956"),
        ("valid2", "voc", "region20", "f538088bc4d4512e"),
        ("valid", "coco", "coco", "e0467615288715ba"),
        ("valid", "imagenet", "region200", "da0e2ee7354cf806"),
        pytest.param("valid2", "imagenet", "region200", "bb1fe786286eec8c", marks=pytest.mark.slow),
    ],
)
def test_result_files_are_darknets(root: Path, command: str, data: str, network: str, wanted: str) -> None:
    found = darknet("detector", command, f"{data}.data", f"{network}.cfg", f"{network}.weights", cwd=root)
    assert digest(root / f"results_{data}") == wanted
    assert found.stdout == ""
    lines = [line for line in found.stderr.splitlines() if not line.startswith("Compiling kernels")]
    assert lines[-5:-1] == ["Learning Rate: 0.001, Momentum: 0.9, Decay: 0.0001", "4", "8", "12"]
    assert lines[-1].startswith("Total Detection Time: ")


def test_yolo_valid_is_darknets(root: Path) -> None:
    darknet("yolo", "valid", "v1.cfg", "v1.weights", cwd=root)
    assert digest(root / "results") == "80166b6df7d98522"


def test_recall_prints_darknets_lines(root: Path) -> None:
    found = darknet("detector", "recall", "voc.data", "region20.cfg", "region20.weights", cwd=root)
    assert found.stderr.splitlines()[-9:] == RECALL
    first = darknet("yolo", "recall", "v1.cfg", "v1.weights", cwd=root).stderr.splitlines()[-1]
    assert first.startswith("    8 ") and "RPs/Img: " in first


def test_classifier_valid_prints_darknets_lines(root: Path) -> None:
    found = darknet("classifier", "valid", "classifier.data", "classifier.cfg", "classifier.weights", cwd=root)
    assert found.stdout == ACCURACY


def test_classifier_valid_of_some_leaves_of_a_wordtree(root: Path) -> None:
    found = darknet("classifier", "valid", "leaves.data", "tree.cfg", "tree.weights", cwd=root)
    assert found.stdout == LEAVES
    assert "Found 4 leaves." in found.stderr


@pytest.mark.parametrize(
    ("points", "wanted"),
    [(0, "91663ab002bd3c85"), (11, "67788bee64568d5b"), pytest.param(101, "05383c0f882b7656", marks=pytest.mark.slow)],
)
def test_map_prints_alexeyabs_lines(root: Path, points: int, wanted: str) -> None:
    found = darknet(
        "detector", "map", "voc.data", "region20.cfg", "region20.weights", "-points", points, "-thresh", ".1",
        "-iou_thresh", ".4", cwd=root,
    )  # fmt: skip
    assert hashlib.sha256(found.stdout.encode()).hexdigest()[:16] == wanted, found.stdout


LEAVES = (
    "images/img_000.jpg, 0, 0.000000, 0.319222, \n"
    "0: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_001.jpg, 1, 0.000000, 0.328953, \n"
    "1: top 1: 0.500000, top 3: 0.500000\n"
    "images/img_002.jpg, 2, 0.000000, 0.323781, \n"
    "2: top 1: 0.333333, top 3: 0.333333\n"
    "images/img_003.jpg, 3, 0.000000, 0.314291, \n"
    "3: top 1: 0.250000, top 3: 0.250000\n"
    "images/img_004.jpg, 4, 0.000000, 0.330356, \n"
    "4: top 1: 0.200000, top 3: 0.400000\n"
    "images/img_005.jpg, 5, 0.000000, 0.327373, \n"
    "5: top 1: 0.166667, top 3: 0.333333\n"
    "images/img_006.jpg, 6, 0.000000, 0.317135, \n"
    "6: top 1: 0.142857, top 3: 0.285714\n"
    "images/img_007.jpg, 7, 0.000000, 0.330723, \n"
    "7: top 1: 0.125000, top 3: 0.375000\n"
    "images/img_008.jpg, 8, 0.000000, 0.327761, \n"
    "8: top 1: 0.111111, top 3: 0.333333\n"
)
RECALL = [
    "    0     3     4\tRPs/Img: 118.00\tIOU: 61.06%\tRecall:75.00%",
    "    1     6     8\tRPs/Img: 107.50\tIOU: 63.11%\tRecall:75.00%",
    "    2     9    12\tRPs/Img: 109.00\tIOU: 60.78%\tRecall:75.00%",
    "    3    13    16\tRPs/Img: 110.75\tIOU: 60.28%\tRecall:81.25%",
    "    4    13    16\tRPs/Img: 106.80\tIOU: 60.28%\tRecall:81.25%",
    "    5    15    20\tRPs/Img: 108.17\tIOU: 56.85%\tRecall:75.00%",
    "    6    17    24\tRPs/Img: 109.71\tIOU: 55.75%\tRecall:70.83%",
    "    7    20    28\tRPs/Img: 107.25\tIOU: 57.35%\tRecall:71.43%",
    "    8    23    32\tRPs/Img: 107.89\tIOU: 58.16%\tRecall:71.88%",
]

ACCURACY = (
    "images/img_000.jpg, 0, 0.108290, 0.082409, \n"
    "0: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_001.jpg, 1, 0.101849, 0.085536, \n"
    "1: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_002.jpg, 2, 0.103937, 0.085129, \n"
    "2: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_003.jpg, 3, 0.107435, 0.082940, \n"
    "3: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_004.jpg, 4, 0.101952, 0.085321, \n"
    "4: top 1: 0.000000, top 3: 0.000000\n"
    "images/img_005.jpg, 5, 0.103379, 0.084878, \n"
    "5: top 1: 0.000000, top 3: 0.166667\n"
    "images/img_006.jpg, 6, 0.107429, 0.084028, \n"
    "6: top 1: 0.000000, top 3: 0.142857\n"
    "images/img_007.jpg, 7, 0.102046, 0.085156, \n"
    "7: top 1: 0.000000, top 3: 0.125000\n"
    "images/img_008.jpg, 8, 0.104657, 0.085142, \n"
    "8: top 1: 0.000000, top 3: 0.222222\n"
)


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


# Average precision


def found_of(rows: list[tuple[float, float, float, float, int, float]]) -> Found:
    """Boxes of one class each: x, y, w, h, class, score."""
    return Found(
        (100, 100), np.array([row[:4] for row in rows], np.float32).reshape(-1, 4), np.arange(len(rows)),
        np.array([row[4] for row in rows], np.int64), np.array([row[5] for row in rows], np.float32),
    )  # fmt: skip


def truth_of(rows: list[tuple[float, float, float, float, int]]) -> Truth:
    return Truth(
        np.array([row[4] for row in rows], np.int64), np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    )


def scene(seed: int, images: int, classes: int) -> tuple[list[Found], list[Truth]]:
    """Objects far from each other, and detections that are near one of them, or nowhere; all scores differ."""
    rng = random.Random(seed)
    results, truths = [], []
    for _ in range(images):
        cells = rng.sample([(x, y) for x in range(5) for y in range(5)], rng.randint(0, 8))
        objects = [(0.1 + 0.2 * x, 0.1 + 0.2 * y, 0.12, 0.12, rng.randrange(classes)) for x, y in cells]
        rows = []
        for x, y, w, h, class_id in objects:
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                moved = x + rng.uniform(-0.05, 0.05), y + rng.uniform(-0.05, 0.05)
                seen = class_id if rng.random() < 0.85 else rng.randrange(classes)
                rows.append((*moved, w, h, seen, rng.random()))
        results.append(found_of(rows))
        truths.append(truth_of(objects))
    return results, truths


def average_precisions(results: list[Found], truths: list[Truth], classes: int, points: int) -> list[float]:
    """Said again, slowly: for each class match, sort, and integrate by the definition of ``points``."""
    averages = []
    for class_id in range(classes):
        total = sum(int((truth.class_id == class_id).sum()) for truth in truths)
        rows = []
        for image, (found, truth) in enumerate(zip(results, truths, strict=True)):
            for row in np.flatnonzero(found.class_id == class_id):
                overlaps = [
                    (float(iou(found.box[row], truth.box[k : k + 1])[0]), k)
                    for k in range(len(truth))
                    if truth.class_id[k] == class_id
                ]
                best = max(overlaps, default=(0.0, -1), key=lambda pair: (pair[0], -pair[1]))
                rows.append((float(found.score[row]), (image, best[1]) if best[0] > 0.5 else None))
        rows.sort(key=lambda row: -row[0])
        seen: set[object] = set()
        curve, hits = [], 0
        for count, (_, match) in enumerate(rows, start=1):
            if match is not None and match not in seen:
                hits += 1
                seen.add(match)
            curve.append((hits / total if total else 0.0, hits / count))
        if points:
            levels = [k / (points - 1) for k in range(points)]
            best_from = [max((p for r, p in curve if r >= level), default=0.0) for level in levels]
            averages.append(sum(best_from) / points)
        else:
            area, last = 0.0, 0.0
            for place, (r, _) in enumerate(curve):
                area += (r - last) * max(p for _, p in curve[place:])
                last = r
            averages.append(area)
    return averages


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0, 11, 101]))
def test_average_precision_is_that_of_its_definition(seed: int, points: int) -> None:
    results, truths = scene(seed, 12, 3)
    found = evaluate(results, truths, 3, points=points)
    wanted = average_precisions(results, truths, 3, points)
    assert [curve.average for curve in found.curves] == pytest.approx(wanted, abs=1e-9)


def voc_2007(recall: list[float], precision: list[float]) -> float:
    """The rule of VOC 2007's development kit: eleven recalls, at each the greatest precision from there on."""
    total = 0.0
    for threshold in np.arange(0.0, 1.1, 0.1):
        above = [p for r, p in zip(recall, precision, strict=True) if r >= threshold]
        total += (max(above) if above else 0.0) / 11
    return total


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_eleven_points_are_voc_2007s(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hits = rng.random(rng.integers(1, 60)) < 0.6
    total = hits.sum() + rng.integers(1, 7)
    recall, precision = np.cumsum(hits) / total, np.cumsum(hits) / np.arange(1, len(hits) + 1)
    # 0.3 as a product is a little more than as a quotient: recalls that lie on a threshold may count otherwise.
    if not np.isclose((recall * 10) % 1, 0).any() and not np.isclose((recall * 10) % 1, 1).any():
        assert at_points(precision, recall, 11) == pytest.approx(
            voc_2007(recall.tolist(), precision.tolist()), abs=1e-12
        )


def test_hundred_and_one_points_are_cocos() -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed (pip install '.[test]')")
    from pycocotools.cocoeval import COCOeval

    for seed in range(5):
        results, truths = scene(seed, 40, 3)
        found = evaluate(results, truths, 3, points=101)
        theirs = coco.COCO()
        theirs.dataset = coco_truths(truths)
        theirs.createIndex()
        run_of = COCOeval(theirs, theirs.loadRes(coco_results(results)), "bbox")
        run_of.params.iouThrs = np.array([0.5])
        run_of.params.maxDets = [1000]
        run_of.evaluate()
        run_of.accumulate()
        precision = run_of.eval["precision"][0, :, :, 0, 0]  # recalls x classes
        assert [curve.average for curve in found.curves] == pytest.approx(precision.mean(axis=0).tolist(), abs=1e-6)


def coco_truths(truths: list[Truth]) -> dict[str, object]:
    """COCO's annotations in pixels of 100 x 100, category numbers from 1."""
    entries = [
        {"image_id": image, "category_id": int(class_id) + 1, "bbox": corner_box(box), "iscrowd": 0,
         "area": float(box[2] * box[3]) * 1e4}
        for image, truth in enumerate(truths)
        for box, class_id in zip(truth.box, truth.class_id, strict=True)
    ]  # fmt: skip
    for number, entry in enumerate(entries, start=1):
        entry["id"] = number
    return {
        "info": {}, "images": [{"id": image, "width": 100, "height": 100} for image in range(len(truths))],
        "annotations": entries, "categories": [{"id": number, "name": str(number)} for number in (1, 2, 3)],
    }  # fmt: skip


def coco_results(results: list[Found]) -> list[dict[str, object]]:
    return [
        {"image_id": image, "category_id": int(class_id) + 1, "bbox": corner_box(box), "score": float(score)}
        for image, found in enumerate(results)
        for box, class_id, score in zip(found.box, found.class_id, found.score, strict=True)
    ]


def corner_box(box: np.ndarray) -> list[float]:
    x, y, w, h = (float(value) * 100 for value in box)
    return [x - w / 2, y - h / 2, w, h]


def test_several_detections_of_one_object() -> None:
    truth = truth_of([(0.5, 0.5, 0.4, 0.4, 1)])
    rows = [(0.5, 0.5, 0.4, 0.4, 1, 0.6), (0.51, 0.5, 0.4, 0.4, 1, 0.9), (0.5, 0.5, 0.4, 0.4, 0, 0.8)]
    found = evaluate([found_of(rows)], [truth], 2, thresh=0.5)
    assert (found.tp, found.fp, found.truths, found.detections) == (1, 2, 1, 3)
    assert [curve.average for curve in found.curves] == [0.0, 1.0]
    assert found.mean == 0.5 and found.mean_of_present == 1.0
    assert "class_id = 1, name = b, ap = 100.00%   \t (TP = 1, FP = 1) " in map_lines(found, ["a", "b"])


def test_difficult_objects_need_not_be_found() -> None:
    hard = truth_of([(0.2, 0.2, 0.2, 0.2, 0)])
    rows = [(0.7, 0.7, 0.2, 0.2, 0, 0.5), (0.2, 0.2, 0.2, 0.2, 0, 0.9)]
    truth = truth_of([(0.7, 0.7, 0.2, 0.2, 0)])
    without, with_hard = (evaluate([found_of(rows)], [truth], 1, difficult=d) for d in (None, [hard]))
    assert without.mean == 0.5 and with_hard.mean == 1.0
    assert with_hard.detections == 1


def test_nothing_found_and_wrong_points() -> None:
    found = evaluate([found_of([])], [truth_of([(0.5, 0.5, 0.1, 0.1, 0)])], 1)
    assert found.mean == 0 and np.isnan(found.precision) and found.recall == 0
    assert " for conf_thresh = 0.25, precision = -nan, recall = 0.00, F1-score = -nan " in "\n".join(
        map_lines(found, ["a"])
    )
    with pytest.raises(DarknetError, match="points=1: choose 0"):
        evaluate([], [], 1, points=1)


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


# Journals


def test_a_journal_gives_back_every_bit(tmp_path: Path) -> None:
    image = tmp_path / "a.jpg"
    image.write_bytes(b"x")
    rng = np.random.default_rng(3)
    box = rng.standard_normal((3, 4)).astype(np.float32)
    found = Found((7, 5), box, np.array([0, 2, 2]), np.array([1, 0, 1]), np.array([1e-38, np.nan, 0.1], np.float32))
    with pytest.raises(KeyboardInterrupt), Journal({"a": 1}, tmp_path) as journal:
        journal.add(4, str(image), found)
        raise KeyboardInterrupt
    with journal.path.open("ab") as file:
        file.write(b'{"image": 5, "sta')  # a kill in the middle of a line
    with Journal({"a": 1}, tmp_path) as again:
        back = again.get(4, str(image))
        assert back is not None and again.get(5, str(image)) is None
        for name in ("box", "row", "class_id", "score"):
            assert getattr(back, name).tobytes() == getattr(found, name).astype(getattr(back, name).dtype).tobytes()
        again.add(6, str(image), found)
        os.utime(image, (1, 1))
        assert again.get(4, str(image)) is None  # the picture has changed
    assert not again.path.exists()  # a run that ends leaves none
    with Journal({"a": 2}, tmp_path) as other:
        assert other.done == {} and other.path != journal.path


def test_a_journal_is_checked_and_not_believed(tmp_path: Path) -> None:
    image = tmp_path / "a.jpg"
    image.write_bytes(b"x")
    found = found_of([])
    with pytest.raises(KeyboardInterrupt), Journal({}, tmp_path) as journal:
        for number in range(3):
            journal.add(number, str(image), found)
        raise KeyboardInterrupt
    good = journal.path.read_bytes().split(b"\n")[:3]
    entry = json.loads(good[1].split(b" ", 1)[1])
    wrong = [
        {**entry, "image": 1.5}, {**entry, "image": None}, {**entry, "stamp": 5}, {**entry, "size": [1e400, 1]},
        {**entry, "size": "ab"}, {**entry, "box": {"a": 1}}, {**entry, "row": [0]}, {**entry, "class": [2**70]},
        {**entry, "box": [[1, 2, 3, 4]], "row": [0], "class": [-1], "score": [1]}, [entry], 5, None,
    ]  # fmt: skip
    sealed = [line_digest(text) + b" " + text for text in (json.dumps(one).encode() for one in wrong)]
    sealed += [
        line_digest(text) + b" " + text for text in (b"[" * 100_000, b'{"image": ' + b"9" * 5000 + b"}", b"\xff", b"")
    ]
    torn = [good[0].replace(b'"image": 0', b'"image": 1'), good[1][:-5], b"{}", b"\0" * 99, good[1].split(b" ", 1)[1]]
    journal.path.write_bytes(b"\n".join([good[0], *sealed, *torn, good[2], good[0][:30]]))
    with Journal({}, tmp_path) as again:
        assert sorted(again.done) == [0, 2]
        assert again.get(0, str(image)) is not None and again.get(1, str(image)) is None


def test_journals_that_nobody_continued_are_removed(tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    old.write_text("")
    os.utime(old, (time.time() - 40 * 86400,) * 2)
    with Journal({}, tmp_path):
        assert not old.exists()


def test_a_run_goes_without_a_journal_where_none_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Journal({}, tmp_path / "file" / "folder") as journal:
        journal.add(0, "a.jpg", found_of([]))
        assert journal.get(0, "a.jpg") is None
    assert stamp("no such file") == []


@pytest.mark.slow
@POSIX
def test_a_killed_run_goes_on(root: Path, tmp_path: Path) -> None:
    listed = root / "many.list"
    listed.write_text("".join(f"images/img_{number % 9:03d}.jpg\n" for number in range(160)))
    (root / "many.data").write_text("valid=many.list\nnames=20.names\nresults=results_many\n")
    words = ["./darknet", "detector", "valid", "many.data", "region20.cfg", "region20.weights"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "XDG_CACHE_HOME": str(tmp_path)}
    child = subprocess.Popen(words, cwd=root, env=environment, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    for line in child.stderr:
        if line.strip() == "40":
            break
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert list((root / "results_many").iterdir()) == []  # made before the work, to know that it can be written to
    [journal] = tmp_path.rglob("*.jsonl")
    assert len(journal.read_text().splitlines()) >= 40
    again = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert "going on with a run that was stopped: " in again.stderr
    assert not journal.exists()
    first = digest(root / "results_many")
    subprocess.run(words, cwd=root, env=environment, capture_output=True, check=True)
    assert digest(root / "results_many") == first


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("valid coco200.data region200.cfg region200.weights", "eval = coco is for 80 classes, this network has 200"),
        ("valid imagenet.data region20.cfg region20.weights", "eval = imagenet is for 200 classes"),
        ("map coco.data region20.cfg region20.weights", "has 80 names, but region20.cfg has classes=20"),
        ("valid voc.data region20.cfg", "needs the weights file"),
    ],
)
def test_darknets_commands_say_what_is_wrong(root: Path, words: str, message: str) -> None:
    assert message in failure("detector", *words.split(), cwd=root, program="darknet")


def test_a_folder_that_cannot_be_written(root: Path) -> None:
    (root / "other.data").write_text("valid=val.list\nnames=20.names\nresults=val.list\n")
    found = darknet("detector", "valid", "other.data", "region20.cfg", "region20.weights", cwd=root, code=1)
    assert "cannot be written" in found.stderr.splitlines()[-1]


@pytest.mark.parametrize("classes", [1, 5, 80])
def test_pictures_for_any_number_of_classes(tmp_path: Path, classes: int) -> None:
    results, truths = scene(1, 60, classes)
    found = evaluate(results, truths, classes)
    names = [f"name {number}" for number in range(classes)]
    write_plot(found, names, "a < b", tmp_path / "a.svg")
    texts = [node.text for node in ElementTree.parse(tmp_path / "a.svg").iter() if node.text]
    assert "a < b" in texts and ("mean of the classes" in texts) == (classes > 1)
    named = [text for text in texts if text.startswith("name ")]
    assert len(set(named)) == len(found.present), "each has a bar"
    seen = [curve for curve in found.present if len(curve.recall)]
    assert len(named) - len(set(named)) <= min(len(seen), 6), "and a few have a name at their curve"
    assert classes > 6 or len(named) - len(set(named)) == len(seen)
    assert json.dumps(document(found, names, 60), allow_nan=False)
    assert len(list(table_lines(found, names, 60))) >= len(found.present) + 4
