"""k-means over the sizes of boxes with the distance 1 - IoU ("YOLO9000", section 2, "Dimension Clusters").

Boxes and anchors share their centre here: only widths and heights matter. The units do not, nor that widths and heights
have one unit: scaling either scales intersection and union alike. So all is done in fractions of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..typing import Doubles, Ints


CENTROIDS = ("best", "mean")
"""Where a cluster's centre goes: to where its average IoU is greatest, or to the mean of its boxes."""

SAMPLE = 20_000
"""Of more boxes than this, so many (the same for all tries) tell which start is best; it is carried on with all."""

CHUNK = 16_384
"""Boxes of a chunk: what is computed of them stays in the second cache."""

FIRST_STEP, LAST_STEP = 0.128, 0.001
"""The search for the best centre changes a width or height by so much of itself, at first and in the end."""

LEAST_GAIN = 1e-5
"""A centre moves only if that adds so much to its cluster's average IoU: each move brings the end nearer."""


@dataclass(frozen=True)
class Clusters:
    """What was found.

    Attributes:
        sizes: float64[k, 2], widths and heights, the smallest area first.
        counts: int64[k], how many boxes are nearest to each.
        average_iou: mean over all boxes of the IoU with the nearest.
        history: average IoU of each iteration of the last pass; it never falls.
    """

    sizes: Doubles
    counts: Ints
    average_iou: float
    history: tuple[float, ...]


def cluster(
    boxes: Doubles, k: int, *, seed: int = 0, tries: int = 10, centroid: str = "best",
    report: Callable[[str], None] = lambda text: None,
) -> Clusters:  # fmt: skip
    """Find the ``k`` sizes that boxes are nearest to.

    Every try starts at other boxes (`start`) and is iterated until nothing changes; the one with the best average IoU
    counts. The same arguments give the same result.

    Args:
        boxes: float64[n, 2], widths and heights above 0.
        k: how many clusters.
        seed: of the random numbers.
        tries: how many starts.
        centroid: one of `CENTROIDS`.
        report: called with a line about what is being done.

    Raises:
        DarknetError: there are fewer than ``k`` different sizes, or an argument is wrong.
    """
    if k < 1 or tries < 1 or centroid not in CENTROIDS:
        raise DarknetError(f"k={k}, tries={tries}: at least 1; centroid={centroid!r}: one of {', '.join(CENTROIDS)}")
    if not (np.isfinite(boxes) & (boxes > 0)).all():
        raise DarknetError("widths and heights of boxes must be above 0")
    different = _different(boxes, k)
    if different < k:
        raise DarknetError(f"{k} clusters need as many different sizes of boxes, but the labels have {different}")
    random = np.random.default_rng([seed, k])
    sample = boxes
    if len(boxes) > SAMPLE:
        sample = boxes[np.sort(np.argpartition(random.random(len(boxes)), SAMPLE)[:SAMPLE])]
        if _different(sample, k) < k:
            sample = boxes
    best: Clusters | None = None
    for number in range(1, tries + 1):
        report(f"{k} clusters, try {number} of {tries}")
        found = iterate(sample, start(sample, k, random), centroid)
        if best is None or found.average_iou > best.average_iou:
            best = found
    assert best is not None
    if sample is not boxes:
        report(f"{k} clusters, all boxes")
        best = iterate(boxes, best.sizes, centroid, 8 * LAST_STEP)
    return best


def _different(boxes: Doubles, most: int) -> int:
    """How many different sizes there are, counted up to ``most``."""
    for count in range(most):
        if not len(boxes):
            return count
        boxes = boxes[(boxes != boxes[0]).any(axis=1)]
    return most


def start(boxes: Doubles, k: int, random: np.random.Generator) -> Doubles:
    """k-means++: one box after another, each drawn with a probability that grows with 1 - IoU to those before.

    Arthur and Vassilvitskii draw in proportion to what a point adds to the sum that k-means minimises. Here that sum is
    of 1 - IoU itself, not of its square.
    """
    sizes = np.empty((k, 2))
    distance = np.ones(len(boxes))
    for number in range(k):
        total = np.cumsum(distance)
        drawn = int(np.searchsorted(total, random.random() * total[-1], side="right"))
        # Rounding may lead behind the last box that is not an anchor already.
        sizes[number] = boxes[min(drawn, int(np.flatnonzero(distance)[-1]))]
        distance = np.minimum(distance, 1 - iou(boxes, np.broadcast_to(sizes[number], boxes.shape)))
    return sizes


def iterate(boxes: Doubles, sizes: Doubles, centroid: str = "best", step: float = FIRST_STEP) -> Clusters:
    """k-means from a start until nothing changes; average IoU never falls on the way.

    A cluster's centre is moved only to where the sum of its boxes' IoU is greater. With ``centroid="mean"`` that place
    is the mean of its boxes. That is where k-means would go; but the mean minimises squared differences, and may lower
    the average IoU, which is what counts. So with ``"best"`` four more candidates are tried: the width or height a step
    larger or smaller. When no place is better, the step is halved, until it is `LAST_STEP`.

    A cluster without boxes moves to the box that is worst off.
    """
    sizes = sizes.copy()
    steps = np.full(len(sizes), step if centroid == "best" else 0.0)
    history: list[float] = []
    while True:
        nearest, value = assign(boxes, sizes)
        history.append(float(value.mean()))
        counts = np.bincount(nearest, minlength=len(sizes))
        moved = _move(boxes, sizes, steps, nearest, value, counts)
        if (counts == 0).any() and value.min() < 1.0:
            sizes[np.flatnonzero(counts == 0)[0]] = boxes[value.argmin()]
            continue
        if not moved.any() and (steps <= LAST_STEP).all():
            break
        steps = np.clip(np.where(moved, 2 * steps, steps / 2), LAST_STEP, FIRST_STEP) * (centroid == "best")
    nearest, value = assign(boxes, sizes)
    order = np.lexsort((sizes[:, 0], sizes.prod(axis=1)))
    counts = np.bincount(nearest, minlength=len(sizes))[order]
    return Clusters(sizes[order], counts, float(value.mean()), tuple(history))


def _move(
    boxes: Doubles, sizes: Doubles, steps: Doubles, nearest: Ints, value: Doubles, counts: Ints
) -> NDArray[np.bool_]:
    """Move each centre to the best of some candidates, in ``sizes``; returns which ones have moved."""
    k = len(sizes)
    full = counts > 0
    mean = sizes.copy()
    for axis in range(2):
        mean[full, axis] = np.bincount(nearest, boxes[:, axis], k)[full] / counts[full]
    candidates = [mean]
    if steps.any():
        larger = np.stack([1 + steps, np.ones(k)], axis=1)
        candidates += [sizes * larger, sizes / larger, sizes * larger[:, ::-1], sizes / larger[:, ::-1]]
    before = np.bincount(nearest, value, k)
    best = before + LEAST_GAIN * counts
    moved = np.zeros(k, bool)
    old = sizes.copy()
    for place in candidates:
        changed = full & (place != old).any(axis=1)
        if changed.any():
            total = _sums(boxes, place, nearest)
            better = changed & (total > best)
            sizes[better], best[better] = place[better], total[better]
            moved |= better
    return moved


def _sums(boxes: Doubles, candidates: Doubles, nearest: Ints) -> Doubles:
    """For each place the sum of the IoU with the boxes of its cluster."""
    total = np.zeros(len(candidates))
    for first in range(0, len(boxes), CHUNK):
        own = nearest[first : first + CHUNK]
        total += np.bincount(own, iou(boxes[first : first + CHUNK], candidates[own]), len(candidates))
    return total


def assign(boxes: Doubles, sizes: Doubles) -> tuple[Ints, Doubles]:
    """For each box the number of the nearest size (the first of equals), and the IoU with it."""
    nearest = np.zeros(len(boxes), np.int64)
    value = np.empty(len(boxes))
    areas = sizes.prod(axis=1)
    for first in range(0, len(boxes), CHUNK):
        part = slice(first, first + CHUNK)
        w, h = np.ascontiguousarray(boxes[part].T)
        own = w * h
        best, index = np.full(len(own), -1.0), nearest[part]
        for number, (width, height) in enumerate(sizes):
            # Intersection by the sum of both areas: it grows with intersection by union, and is quicker.
            ratio = np.minimum(w, width)
            ratio *= np.minimum(h, height)
            ratio /= own + areas[number]
            better = ratio > best
            np.copyto(best, ratio, where=better)
            index[better] = number
        value[part] = best / (1 - best)
    return nearest, value


def iou(boxes: Doubles, others: Doubles) -> Doubles:
    """Intersection over union of boxes with a common centre, pair by pair: float64[n, 2] twice -> float64[n]."""
    least = np.minimum(boxes, others)
    common = least[:, 0] * least[:, 1]
    result: Doubles = common / (boxes[:, 0] * boxes[:, 1] + others[:, 0] * others[:, 1] - common)
    return result
