"""An evaluation of what a filter lets through: which objects are to be found then, and which detections count."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..detect.filters import clipped
from .truth import iou

if TYPE_CHECKING:
    from ..detect.filters import Filter
    from .found import Found
    from .truth import Truth


def choose(found: Found, truth: Truth, filter: Filter, iou_thresh: float) -> tuple[Found, Truth]:
    """What counts of an image: the objects that the filter lets through, and the detections but for those of others.

    At the border of a zone a box may be inside where its object is not: such an object need not be found, and to find
    it is no mistake. Objects of other classes do not count at all.

    Args:
        found: filtered.
        truth: the objects of the image.
        filter: its classes are numbers.
        iou_thresh: least overlap of a detection and its object.
    """
    if not filter.active:
        return found, truth
    if filter.classes is not None:
        truth = truth[np.isin(truth.class_id, filter.classes)]
    passed = filter.passes(clipped(truth.box) if filter.clip else truth.box, found.size)
    truth, others = truth[passed], truth[~passed]
    if not len(others):
        return found, truth
    own, foreign = (_hits(found, each, iou_thresh) for each in (truth, others))
    kept = own | ~foreign
    return replace(found, row=found.row[kept], class_id=found.class_id[kept], score=found.score[kept]), truth


def _hits(found: Found, truth: Truth, iou_thresh: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which detections are of one of the objects."""
    above = np.array([iou(box, truth.box) > np.float32(iou_thresh) for box in found.box]).reshape(-1, len(truth))
    hits: np.ndarray[tuple[int], np.dtype[np.bool_]]
    hits = (above[found.row] & (found.class_id[:, None] == truth.class_id)).any(axis=1)
    return hits
