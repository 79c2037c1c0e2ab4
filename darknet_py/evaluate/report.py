"""An evaluation for people and for programs: a table, a document."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .average_precision import Curve, Evaluation

if TYPE_CHECKING:
    from ..typing import JsonObject


RULES = {0: "area under the curve", 11: "VOC 2007, 11 recalls", 101: "COCO, 101 recalls"}
"""What ``points`` means."""


def rule_of(points: int) -> str:
    """How average precision is computed, in words."""
    return RULES.get(points, f"{points} recalls")


def table_lines(found: Evaluation, names: Sequence[str], images: int) -> Iterator[str]:
    """A row for each class that has objects or was seen where it is not, the best first; then the means."""
    rows = [
        (name, curve)
        for name, curve in zip(names, found.curves, strict=True)
        if curve.truths or curve.fp
    ]  # fmt: skip
    width = max([5, *(len(name) for name, _ in rows)])
    heads = f"{'AP':>7} {'objects':>8} {'found':>7} {'false':>7} {'precision':>10} {'recall':>7} {'IoU':>7}"
    yield f"{'class':<{width}} {heads}"
    for name, curve in sorted(rows, key=lambda row: (-_sorted_by(row[1]), row[0])):
        average = f"{curve.average:.1%}" if curve.truths else "-"
        yield (
            f"{name:<{width}} {average:>7} {curve.truths:>8} {curve.tp:>7} {curve.fp:>7} "
            f"{_percent(curve.tp, curve.tp + curve.fp):>10} {_percent(curve.tp, curve.truths):>7} "
            f"{_share(curve.iou, curve.tp + curve.fp):>7}"
        )
    yield ""
    yield (
        f"mAP@{found.iou_thresh:.2f} = {_mean(found)} ({rule_of(found.points)}; "
        f"{len(found.present)} classes, {found.truths} objects in {images} images)"
    )
    yield (
        f"from probability {found.thresh:g}: precision {_number(found.precision)}, recall {_number(found.recall)}, "
        f"F1 {_number(found.f1)}, average IoU {found.iou:.1%}"
    )


def document(found: Evaluation, names: Sequence[str], images: int) -> JsonObject:
    """The same for JSON, with the curves; what is no number is null."""
    return {
        "mean_average_precision": _or_none(found.mean_of_present),
        "mean_over_all_classes": found.mean,
        "iou_thresh": found.iou_thresh,
        "points": found.points,
        "images": images,
        "objects": found.truths,
        "thresh": found.thresh,
        "precision": _or_none(found.precision),
        "recall": _or_none(found.recall),
        "f1": _or_none(found.f1),
        "average_iou": found.iou,
        "classes": [
            {
                "name": name, "average_precision": curve.average if curve.truths else None, "objects": curve.truths,
                "true_positives": curve.tp, "false_positives": curve.fp, "average_iou": curve.iou,
                "curve": {
                    "score": curve.score.tolist(), "precision": curve.precision.tolist(),
                    "recall": curve.recall.tolist(),
                },
            }
            for name, curve in zip(names, found.curves, strict=True)
        ],
    }  # fmt: skip


def _mean(found: Evaluation) -> str:
    return f"{found.mean_of_present:.2%}" if found.present else "- (no objects)"


def _sorted_by(curve: Curve) -> float:
    return curve.average if curve.truths else -1.0


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def _share(value: float, count: int) -> str:
    return f"{value:.1%}" if count else "-"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
