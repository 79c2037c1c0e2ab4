"""Non-maximum suppression (Darknet's ``do_nms_sort`` and ``do_nms_obj``)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import DarknetError
from ..kernels.layers.boxes import sort_boxes, suppress
from ..kernels.runtime.denormals import denormals_as_zero
from .candidates import Candidates, Floats, Indices

SMALLEST_NORMAL = np.float32(2.0**-126)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes in the order in which Darknet prints and draws them.

    Attributes:
        box: float32, k x 4: centre x, y, width, height, as in `Candidates`.
        objectness: float32, k.
        prob: float32, k x classes; 0 where suppressed or not above the threshold.
        index: int64, k: number of each box among the candidates.
    """

    box: Floats
    objectness: Floats
    prob: Floats
    index: Indices

    def __len__(self) -> int:
        return len(self.objectness)


def nms_sort(candidates: Candidates, nms: float) -> Boxes:
    """Class after class: sort by that class's probability, drop the class from boxes that overlap a better one.

    What ``./darknet detect`` does. The order after the last class is the final one.

    Args:
        candidates: the boxes; not changed.
        nms: greatest intersection over union of two boxes of a class. 0: no suppression, no sorting.
    """
    limit = _check(nms)
    if not limit:
        index = candidates.kept
        return Boxes(candidates.box[index], candidates.objectness[index], candidates.prob.copy(), index.copy())
    order = _swap_zeros_back(candidates)
    prob = np.zeros(candidates.prob.shape, np.float32)
    with denormals_as_zero(candidates.flushed):
        present = np.flatnonzero(candidates.prob.any(axis=0))  # sorting by a class that no box has changes nothing
        scores = np.ascontiguousarray(candidates.prob[:, present].T)
        for score in scores:
            _sort_and_suppress(candidates, order, score, limit)
        prob[:, present] = scores[:, order].T
    index = candidates.kept[order]
    return Boxes(candidates.box[index], candidates.objectness[index], prob, index)


def nms_obj(candidates: Candidates, nms: float) -> Boxes:
    """Sort by objectness, drop boxes that overlap a better one, whatever their classes.

    What ``python/darknet.py`` does. Dropped boxes stay in the result, with objectness and probabilities 0.

    Args:
        candidates: the boxes; not changed.
        nms: greatest intersection over union of two boxes. 0: no suppression, no sorting.
    """
    limit = _check(nms)
    if not limit:
        return nms_sort(candidates, 0)
    order = _swap_zeros_back(candidates)
    score = candidates.objectness[candidates.kept]
    with denormals_as_zero(candidates.flushed):
        _sort_and_suppress(candidates, order, score, limit)
    prob = candidates.prob[order]
    prob[score[order] == 0] = 0
    index = candidates.kept[order]
    return Boxes(candidates.box[index], score[order], prob, index)


def _check(nms: float) -> np.float32:
    if math.isnan(nms) or nms < 0:
        raise DarknetError(f"nms={nms} must be a number from 0 to 1")
    single: np.float32 = np.float32(nms)
    return single


def _sort_and_suppress(candidates: Candidates, order: Indices, score: Floats, limit: np.float32) -> None:
    """Sort ``order`` by ``score``, which becomes 0 for boxes that overlap a better one. Both count rows of ``kept``."""
    margin = SMALLEST_NORMAL if candidates.flushed else np.float32(0)
    sort_boxes(order, np.empty_like(order), score, margin, 0, order.size)
    live = order[score[order] != 0]
    best_first = score[live]
    box = candidates.box[candidates.kept[live]].reshape(-1)
    suppress(best_first, np.empty((5, live.size), np.float32), box, limit)
    score[live] = best_first


def _swap_zeros_back(candidates: Candidates) -> Indices:
    """Rows of ``candidates.kept`` in the order that Darknet's swapping leaves.

    It walks from the front and swaps each box of objectness 0 with the last box that is not known to be 0: so the holes
    among the first m places are filled, front to back, with the boxes behind them, back to front.
    """
    m = len(candidates.kept)
    order = np.full(m, -1, np.int64)
    rows = np.arange(m)
    in_front = candidates.kept < m
    order[candidates.kept[in_front]] = rows[in_front]
    order[order < 0] = rows[~in_front][::-1]
    return order
