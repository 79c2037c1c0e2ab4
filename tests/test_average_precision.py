"""Average precision, against others' definitions of it; curves drawn."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darknet_py.errors import DarknetError
from darknet_py.evaluate.average_precision import at_points, evaluate
from darknet_py.evaluate.found import Found
from darknet_py.evaluate.plot import write_plot
from darknet_py.evaluate.report import document, table_lines
from darknet_py.evaluate.truth import Truth, iou
from darknet_py.legacy.evaluation import map_lines

from .scenes import found_of, scene, truth_of


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
