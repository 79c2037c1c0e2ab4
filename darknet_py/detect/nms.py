"""Non-maximum suppression: Darknet's ``do_nms_sort`` and ``do_nms_obj``, AlexeyAB's ``diounms_sort``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError
from ..kernels.layers.boxes import sort_boxes, suppress
from ..kernels.layers.overlap import suppress_by_distance
from ..kernels.runtime.denormals import denormals_as_zero
from ..layers import NmsOptions
from ..typing import Floats
from .candidates import Candidates, Indices

if TYPE_CHECKING:
    from ..network import Network

    Suppressor = Callable[[Floats, Floats, np.float32], None]
    """Sets to 0 the scores (float32, m, best first) of boxes (float32, m x 4) that overlap a better one too much."""

SMALLEST_NORMAL = np.float32(2.0**-126)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes in the order in which Darknet prints and draws them.

    Attributes:
        box: float32, k x 4: centre x, y, width, height, as in `Candidates`.
        objectness: float32, k.
        prob: float32, k x classes; 0 where suppressed or not above the threshold.
        index: int64, k: number of each box among the candidates.
        uncertainty: float32, k x 4, as in `Candidates`.
    """

    box: Floats
    objectness: Floats
    prob: Floats
    index: Indices
    uncertainty: Floats | None = None

    def __len__(self) -> int:
        return len(self.objectness)


def _suppress_by_iou(score: Floats, box: Floats, limit: np.float32) -> None:
    suppress(score, np.empty((5, score.size), np.float32), box.reshape(-1), limit)


def nms_sort(candidates: Candidates, nms: float, suppressor: Suppressor = _suppress_by_iou) -> Boxes:
    """Class after class: sort by that class's probability, drop the class from boxes that overlap a better one.

    What ``./darknet detect`` does. The order after the last class is the final one.

    Args:
        candidates: the boxes; not changed.
        nms: greatest overlap of two boxes of a class. 0: no suppression, no sorting.
        suppressor: measures the overlap; by default pjreddie's intersection over union.
    """
    limit = _check(nms)
    if not limit:
        index = candidates.kept
        return _boxes(candidates, index, candidates.objectness[index], candidates.prob.copy())
    order = _swap_zeros_back(candidates)
    prob = np.zeros(candidates.prob.shape, np.float32)
    with denormals_as_zero(candidates.flushed):
        present = np.flatnonzero(candidates.prob.any(axis=0))  # sorting by a class that no box has changes nothing
        scores = np.ascontiguousarray(candidates.prob[:, present].T)
        for score in scores:
            _sort_and_suppress(candidates, order, score, limit, suppressor)
        prob[:, present] = scores[:, order].T
    index = candidates.kept[order]
    return _boxes(candidates, index, candidates.objectness[index], prob)


@dataclass(frozen=True)
class AlexeyabNms:
    """`nms_sort` as AlexeyAB's Darknet does it (``diounms_sort``).

    Attributes:
        exponent: the overlap is the IoU less a share of the centres' distance to this power; None: the IoU alone.
    """

    exponent: float | None = None

    def __call__(self, candidates: Candidates, nms: float) -> Boxes:
        """Arguments as for `nms_sort`."""
        return nms_sort(candidates, nms, self._suppress)

    def _suppress(self, score: Floats, box: Floats, limit: np.float32) -> None:
        suppress_by_distance(score, box.reshape(-1), limit, self.exponent is not None, self.exponent or 0.0)


GREEDY_EXPONENT = 0.6
"""Of ``greedynms``; that of ``diounms`` is an option of the head, and a float."""


def suppression_of(network: Network) -> Callable[[Candidates, float], Boxes]:
    """The non-maximum suppression of a network's dialect: in AlexeyAB's of the kind that the last head asks for."""
    if not network.dialect.nms_kinds:
        return nms_sort
    wanted = network.heads[-1].nms if network.heads else NmsOptions()
    exponents = {"greedynms": GREEDY_EXPONENT, "diounms": float(np.float32(wanted.beta))}
    return AlexeyabNms(exponents.get(wanted.kind))


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
        _sort_and_suppress(candidates, order, score, limit, _suppress_by_iou)
    prob = candidates.prob[order]
    prob[score[order] == 0] = 0
    return _boxes(candidates, candidates.kept[order], score[order], prob)


def _boxes(candidates: Candidates, index: Indices, objectness: Floats, prob: Floats) -> Boxes:
    uncertainty = None if candidates.uncertainty is None else candidates.uncertainty[index]
    return Boxes(candidates.box[index], objectness, prob, index.copy(), uncertainty)


def _check(nms: float) -> np.float32:
    if math.isnan(nms) or nms < 0:
        raise DarknetError(f"nms={nms} must be a number from 0 to 1")
    single: np.float32 = np.float32(nms)
    return single


def _sort_and_suppress(
    candidates: Candidates, order: Indices, score: Floats, limit: np.float32, suppressor: Suppressor
) -> None:
    """Sort ``order`` by ``score``, which becomes 0 for boxes that overlap a better one. Both count rows of ``kept``."""
    margin = SMALLEST_NORMAL if candidates.flushed else np.float32(0)
    sort_boxes(order, np.empty_like(order), score, margin, 0, order.size)
    live = order[score[order] != 0]
    best_first = score[live]
    suppressor(best_first, candidates.box[candidates.kept[live]], limit)
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
