"""Mean average precision, as AlexeyAB's ``detector map`` computes it (``validate_detector_map``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..detect.filters import NO_FILTER, Filter
from ..errors import DarknetError
from .chosen import choose
from .truth import NOTHING, Truth, iou

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..typing import Doubles, Ints
    from .found import Found


f32 = np.float32


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision against recall of one class, one point for each of its detections, the most probable first.

    Attributes:
        score: float32, the detections' probabilities.
        precision, recall: float64, of all detections so far.
        average: the average precision.
        truths: how many objects there are.
        tp, fp: true and false positives above the threshold.
        iou: average IoU above the threshold.
    """

    score: NDArray[np.float32]
    precision: Doubles
    recall: Doubles
    average: float
    truths: int
    tp: int
    fp: int
    iou: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How good a detector is.

    Attributes:
        curves: by class.
        detections: how many there are, of any probability.
        thresh, iou_thresh, points: what was asked for.
        tp, fp, iou: over all classes, above the threshold.
        images: of how many images.
        chosen: the classes that were looked for; None for all.
    """

    curves: list[Curve]
    detections: int
    thresh: float
    iou_thresh: float
    points: int
    tp: int
    fp: int
    iou: float
    images: int = 0
    chosen: Sequence[str | int] | None = None

    @property
    def truths(self) -> int:
        """How many objects there are."""
        return sum(curve.truths for curve in self.curves)

    @property
    def mean(self) -> float:
        """The mean average precision: of all classes that were looked for, those without objects, too."""
        total = 0.0
        for curve in self.curves:
            total += curve.average
        return total / (len(self.curves) if self.chosen is None else len(self.chosen))

    @property
    def present(self) -> list[Curve]:
        """The curves of the classes that have objects."""
        return [curve for curve in self.curves if curve.truths]

    @property
    def mean_of_present(self) -> float:
        """The mean average precision of the classes that have objects, as VOC and COCO count it; NaN without any."""
        return sum(curve.average for curve in self.present) / len(self.present) if self.present else math.nan

    @property
    def precision(self) -> float:
        """True positives among the detections above the threshold; no number without any."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Found objects among all; no number without any."""
        return _ratio(self.tp, self.truths)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        precision, recall = f32(self.precision), f32(self.recall)
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(f32(2) * precision * recall / (precision + recall))


@dataclass
class _Matches:
    """Detections of all images so far, and counts above the threshold by class."""

    score: list[float] = field(default_factory=list)
    class_id: list[int] = field(default_factory=list)
    truth: list[int] = field(default_factory=list)
    """Number of the object that a detection is of, counted over all images; -1 for none."""


def evaluate(
    results: Sequence[Found | None], truths: Sequence[Truth], classes: int, *, thresh: float = 0.25,
    iou_thresh: float = 0.5, points: int = 0, difficult: Sequence[Truth] | None = None, filter: Filter = NO_FILTER,
) -> Evaluation:  # fmt: skip
    """Compare what was found with what is there.

    A detection is of the object of its class that it overlaps most, by more than ``iou_thresh``; of several detections
    of one object the most probable counts, the others are false positives. Detections of difficult objects do not
    count.

    Args:
        results: by image, boxes in fractions of it, down to a low probability (Darknet's is .005); None for an image
            that could not be read, whose objects do not count.
        truths: by image.
        classes: how many there are.
        thresh: probability from which on precision, recall, F1 and average IoU are computed.
        iou_thresh: least overlap.
        points: 0 for the area under the curve (VOC from 2010 on, ImageNet), 11 for VOC 2007's rule, 101 for COCO's.
        difficult: by image, objects that need not be found.
        filter: what the results were filtered with; the objects are, too (`chosen.choose`).

    Raises:
        DarknetError: ``points`` is 1 or negative.
    """
    if points < 0 or points == 1:
        raise DarknetError(f"points={points}: choose 0 (area under the curve), 11 (VOC 2007) or 101 (COCO)")
    matches = _Matches()
    counts = np.zeros((2, classes), np.int64)
    overlap = np.zeros(classes, f32)
    total_overlap = f32(0)
    first = 0
    counted: list[Truth] = []
    for number, (found, truth) in enumerate(zip(results, truths, strict=True)):
        if found is None:
            continue
        hard = difficult[number] if difficult is not None else None
        found, truth = choose(found, truth, filter, iou_thresh)
        counted.append(truth)
        for class_id, value in _match_image(matches, found, truth, first, thresh, iou_thresh, hard):
            hit = value is not None
            counts[0 if hit else 1, class_id] += 1
            if value is not None:
                total_overlap += value
                overlap[class_id] += value
        first += len(truth)
    objects = np.bincount(np.concatenate([NOTHING.class_id, *(t.class_id for t in counted)]), minlength=classes)
    shown = counts.sum(axis=0)
    mean_overlap = np.where(shown > 0, overlap / np.maximum(shown, 1).astype(f32), overlap)
    curves = _curves(matches, objects, first, points, counts, mean_overlap)
    everything = int(shown.sum())
    mean = float(total_overlap / f32(everything)) if everything else 0.0
    tp, fp = (int(count) for count in counts.sum(axis=1))
    return Evaluation(
        curves, len(matches.score), thresh, iou_thresh, points, tp, fp, mean, len(counted), filter.classes
    )


def _match_image(
    matches: _Matches, found: Found, truth: Truth, first: int, thresh: float, iou_thresh: float, hard: Truth | None
) -> list[tuple[int, np.float32 | None]]:
    """Note the detections of an image; gives class and overlap (None: false positive) of those above the threshold."""
    above: list[tuple[int, np.float32 | None]] = []
    limit, least = f32(thresh), f32(iou_thresh)
    here: list[int] = []  # objects of the detections so far
    overlaps = [iou(box, truth.box) for box in found.box]
    rows = zip(found.row.tolist(), found.class_id.tolist(), found.score, strict=True)
    for row, class_id, score in rows:
        if not score > 0:
            continue
        allowed = (overlaps[row] > least) & (truth.class_id == class_id)
        best = int(np.argmax(np.where(allowed, overlaps[row], -1))) if allowed.any() else -1
        if best < 0 and hard is not None and _is_hard(found.box[row], class_id, hard, least):
            if score > limit:
                above.append((class_id, None))  # so there, although the detection does not count otherwise
            continue
        if score > limit:
            above.append((class_id, overlaps[row][best] if best >= 0 and best not in here else None))
        here.append(best)
        matches.score.append(float(score))
        matches.class_id.append(class_id)
        matches.truth.append(first + best if best >= 0 else -1)
    return above


def _is_hard(box: NDArray[np.float32], class_id: int, hard: Truth, least: np.float32) -> bool:
    return bool(((iou(box, hard.box) > least) & (hard.class_id == class_id)).any())


def _curves(
    matches: _Matches, objects: Ints, total: int, points: int, counts: Ints, overlap: NDArray[np.float32]
) -> list[Curve]:
    score, class_id = np.array(matches.score, f32), np.array(matches.class_id, np.int64)
    truth = np.array(matches.truth, np.int64)
    order = np.argsort(-score, kind="stable")
    score, class_id, truth = score[order], class_id[order], truth[order]
    hit = np.zeros(len(truth), bool)
    _, firsts = np.unique(truth, return_index=True)  # the most probable detection of each object
    hit[firsts] = True
    hit &= truth >= 0
    curves = []
    for number, count in enumerate(objects.tolist()):
        own = class_id == number
        tp = np.cumsum(hit[own])
        precision = tp / np.arange(1, len(tp) + 1)
        recall = tp / count if count else np.zeros(len(tp))
        average = area_under(precision, recall) if points == 0 else at_points(precision, recall, points)
        curves.append(
            Curve(
                score[own], precision, recall, average, count, int(counts[0, number]), int(counts[1, number]),
                float(overlap[number]),
            )
        )  # fmt: skip
    return curves


def area_under(precision: Doubles, recall: Doubles) -> float:
    """Area under the curve, whose precision is made not to rise with recall; summed from its end, as there."""
    area, best = 0.0, 0.0
    if len(recall):
        last, best = float(recall[-1]), float(precision[-1])
        for value, height in zip(recall[-2::-1].tolist(), precision[-2::-1].tolist(), strict=True):
            area_of = last - value
            last = value
            best = max(best, height)
            area += area_of * best
        area += last * best
    return area


def at_points(precision: Doubles, recall: Doubles, points: int) -> float:
    """The mean of the best precision at each of so many recalls from 0 to 1, or beyond it."""
    total = 0.0
    best = np.maximum.accumulate(precision[::-1])[::-1]  # at each detection or later ones
    for point in range(points):
        place = int(np.searchsorted(recall, point * 1.0 / (points - 1), side="left"))
        total += float(best[place]) if place < len(best) else 0.0
    return total / points


def _ratio(part: int, whole: int) -> float:
    """A float32 division, as in C; no number for 0 / 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(f32(part) / f32(whole))
