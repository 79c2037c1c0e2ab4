"""AlexeyAB's measures of how much boxes overlap, and suppression by them (his ``box.c``), in float32."""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..runtime.libm import expf, pow

ZERO = np.float32(0)
HALF = np.float32(0.5)
ONE = np.float32(1)


@kernel
def suppress_by_distance(score, box, thresh, by_distance, exponent):
    """Set the score of each box that overlaps a better one too much to 0.

    Args:
        score: updated float32[m]: best first
        box: float32[m * 4]: centre x, y, width, height
        thresh: float32: greatest overlap
        by_distance: bool: the overlap is less the farther the centres are apart (``box_diou``); else it is the IoU
        exponent: float64: of the squared distance over the squared diagonal of both boxes' hull
    """
    for i in range(score.size):
        if score[i] == ZERO:
            continue
        for j in range(i + 1, score.size):
            overlap = iou(box, 4 * i, 4 * j)
            if by_distance:
                overlap = overlap - distance_share(box, 4 * i, 4 * j, exponent)
            if overlap > thresh:
                score[j] = ZERO


@kernel
def iou(box, a, b):
    """Intersection over union of two boxes; 0 where either is 0.

    Args:
        box: float32[m]: centre x, y, width, height
        a, b: int: where the boxes begin
    """
    wide = _common(box[a], box[a + 2], box[b], box[b + 2])
    high = _common(box[a + 1], box[a + 3], box[b + 1], box[b + 3])
    common = ZERO if wide < ZERO or high < ZERO else wide * high
    union = box[a + 2] * box[a + 3] + box[b + 2] * box[b + 3] - common
    return ZERO if common == ZERO or union == ZERO else common / union


@kernel
def _common(x, wide, other_x, other_wide):
    """The length that two intervals have in common; negative: between them.

    Args:
        x, wide, other_x, other_wide: float32: centres and lengths
    """
    left, other_left = x - wide * HALF, other_x - other_wide * HALF
    right, other_right = x + wide * HALF, other_x + other_wide * HALF
    return (right if right < other_right else other_right) - (left if left > other_left else other_left)


@kernel
def distance_share(box, a, b, exponent):
    """The distance of two boxes' centres, over the diagonal of their hull; 0 where that is a point.

    Args:
        box: float32[m]: centre x, y, width, height
        a, b: int: where the boxes begin
        exponent: float64: of the quotient of the squares
    """
    wide = _hull(box[a], box[a + 2], box[b], box[b + 2])
    high = _hull(box[a + 1], box[a + 3], box[b + 1], box[b + 3])
    diagonal = wide * wide + high * high
    if diagonal == ZERO:
        return ZERO
    x, y = box[a] - box[b], box[a + 1] - box[b + 1]
    return np.float32(pow(np.float64((x * x + y * y) / diagonal), exponent))


@kernel
def _hull(x, wide, other_x, other_wide):
    """The length from the one end of two intervals to the other (``fmin`` and ``fmax``: what is no number is left out).

    Args:
        x, wide, other_x, other_wide: float32: centres and lengths
    """
    left, other_left = x - wide * HALF, other_x - other_wide * HALF
    right, other_right = x + wide * HALF, other_x + other_wide * HALF
    low = left if left < other_left or other_left != other_left else other_left
    high = right if right > other_right or other_right != other_right else other_right
    return high - low


@kernel
def logistic_values(values):
    """``1 / (1 + expf(-x))`` of each value, in place.

    Args:
        values: updated float32[m]
    """
    for i in range(values.size):
        values[i] = ONE / (ONE + expf(-values[i]))
