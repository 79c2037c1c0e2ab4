"""How far two ways to compute a network agree: the detections of one as the truth for those of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..evaluate.average_precision import evaluate
from ..evaluate.found import Found, Setting, find, unit_of
from ..evaluate.truth import Truth, iou

if TYPE_CHECKING:
    from ..detector import Detector
    from ..typing import JsonObject, Pixels

THRESH = 0.25
"""Detections of float32 from this probability on count as objects that are there."""

NEAR = 0.5
"""A detection that overlaps an object by more has found it."""

OVERLAPS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
"""The overlaps over which COCO's mAP is the mean."""


AT_HALF = 0.289
"""Power of the mean that is wanted: for .9 it is .97 at an overlap of .5."""


@dataclass(frozen=True)
class Agreement:
    """How far detections agree with those of float32; of a classifier, how often the first class does.

    Attributes:
        at_half: mAP at an overlap of .5, over the classes that were found.
        mean: the mean of the mAP at .5, .55 ... .95.
        objects: what float32 finds from `THRESH` on.
        lost, found: of these not found, and found besides, from `THRESH` on and at an overlap of .5 (`unmatched`).
        images: how many.
        boxes: they are detections, not classes.
    """

    at_half: float
    mean: float
    objects: int
    lost: int
    found: int
    images: int
    boxes: bool = True

    def reaches(self, wanted: float) -> bool:
        """Whether the mean is as wanted; of boxes, at an overlap of .5 there must be as much more as `AT_HALF` says."""
        return self.mean >= wanted and (not self.boxes or self.at_half >= wanted**AT_HALF)

    def as_json(self) -> JsonObject:
        """Its fields."""
        return {
            "map_50": round(self.at_half, 5), "map_50_95": round(self.mean, 5), "objects": self.objects,
            "lost": self.lost, "found": self.found, "images": self.images,
        }  # fmt: skip


def setting_of(detector: Detector) -> Setting:
    """How pictures are looked at: as `darknet-py evaluate` does."""
    network, fit = detector.network, detector.view.fit
    stretches = network.stretches if fit is None else fit.value == "stretch"
    return Setting(stretch=stretches, asked=unit_of(network))


Seen = list[Found] | list[int]
"""What was found in each picture; of a classifier its first class."""


def look(detector: Detector, pictures: Iterable[Pixels], step: Callable[[], None] = lambda: None) -> Seen:
    """What a network finds in pictures, down to low probabilities; ``step`` is called for each.

    Recurrent layers begin anew: what is compared must not depend on what either network has seen before.
    """
    detector.reset_state()
    if not detector.network.heads:
        classes = []
        for pixels in pictures:
            classes.append(detector.classify(pixels, top=1)[0].class_id)
            step()
        return classes
    setting = setting_of(detector)
    view = setting.view()
    found = []
    for pixels in pictures:
        found += find(detector, [detector.make_ready(pixels, view)], setting)
        step()
    return found


def agreement(exact: Seen, other: Seen, classes: int) -> Agreement:
    """Compare what float32 found with what another way found in the same pictures."""
    if not exact or isinstance(exact[0], int):
        same = sum(a == b for a, b in zip(exact, other, strict=True))
        share, count = same / max(len(exact), 1), len(exact)
        return Agreement(share, share, count, count - same, count - same, count, boxes=False)
    first = [each for each in exact if isinstance(each, Found)]
    second = [each for each in other if isinstance(each, Found)]
    truths = [_truth(found) for found in first]
    measured = [evaluate(second, truths, classes, thresh=THRESH, iou_thresh=overlap) for overlap in OVERLAPS]
    counts = [unmatched(_truth(found), truth) for found, truth in zip(second, truths, strict=True)]
    besides, lost = (sum(each) for each in zip(*counts, strict=True))
    objects = sum(len(truth) for truth in truths)
    if not objects:  # nothing to find: what is found all the same counts against it
        return Agreement(float(besides == 0), float(besides == 0), 0, 0, besides, len(exact))
    mean = float(np.mean([each.mean_of_present for each in measured]))
    return Agreement(measured[0].mean_of_present, mean, objects, lost, besides, len(exact))


def unmatched(found: Truth, truth: Truth) -> tuple[int, int]:
    """How many detections have no object of their own, and how many objects no detection.

    The nearest pairs of one class become one first. (AlexeyAB's counts, which `evaluate` gives, take what comes first
    in the list, however improbable: where suppression leaves boxes that overlap, a network disagrees with itself.)
    """
    overlaps = np.array([iou(box, truth.box) for box in found.box], np.float32).reshape(len(found), len(truth))
    overlaps[(found.class_id[:, None] != truth.class_id) | np.isnan(overlaps)] = 0
    pairs = 0
    while overlaps.size and overlaps.max() > NEAR:
        row, column = np.unravel_index(overlaps.argmax(), overlaps.shape)
        overlaps[row], overlaps[:, column] = 0, 0
        pairs += 1
    return len(found) - pairs, len(truth) - pairs


def _truth(found: Found) -> Truth:
    """The detections that count as objects, boxes in fractions of the picture."""
    kept = found.score > np.float32(THRESH)
    return Truth(found.class_id[kept], found.box[found.row[kept]])
