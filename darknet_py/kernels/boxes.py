"""Loops behind the boxes: anchors to boxes, the walk down a WordTree, overlap and suppression.

float32 arithmetic throughout, as in Darknet's ``box.c``; the C library's ``exp``.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel
from .libm import exp

ZERO = np.float32(0)
HALF = np.float32(0.5)
ONE = np.float32(1)


@kernel
def anchor_boxes(box, values, where, anchors, entries, w, h, unit_w, unit_h):  # type: ignore[no-untyped-def]
    # box      float32[m * 4]: centre x, y, width, height
    # values   float32[n * entries * h * w]: a head's output; x, y, w, h are the first four planes of each anchor
    # where    int64[m]: the boxes wanted, each as (anchor * h + row) * w + column
    # anchors  float32[n * 2]: widths and heights, in units of which the image has unit_w and unit_h
    stride = w * h
    for b in range(where.size):
        anchor = where[b] // stride
        cell = where[b] - anchor * stride
        i = anchor * entries * stride + cell
        box[4 * b] = (np.float32(cell % w) + values[i]) / np.float32(w)
        box[4 * b + 1] = (np.float32(cell // w) + values[i + stride]) / np.float32(h)
        wide = exp(np.float64(values[i + 2 * stride])) * np.float64(anchors[2 * anchor])
        high = exp(np.float64(values[i + 3 * stride])) * np.float64(anchors[2 * anchor + 1])
        box[4 * b + 2] = np.float32(wide / np.float64(unit_w))
        box[4 * b + 3] = np.float32(high / np.float64(unit_h))


@kernel
def tree_classes(top, values, where, entries, first, stride, parent, child, offset, size, thresh):  # type: ignore[no-untyped-def]
    # top     int64[m]: the deepest class of each box that stays above thresh
    # values  float32[n * entries * stride]: conditional probabilities, class c of an anchor in plane first + c
    # where   int64[m]: the boxes, each as anchor * stride + cell
    # parent, child int32[classes]; offset, size int32[groups]: the tree
    #
    # Darknet multiplies every class by its parent, all down the tree, before it walks; only the groups on the way are
    # ever looked at, and `above` carries their parent's product to them. The walk itself multiplies once more (p).
    for b in range(where.size):
        anchor = where[b] // stride
        base = (anchor * entries + first) * stride + (where[b] - anchor * stride)
        group = 0
        above = ONE
        p = ONE
        for _ in range(offset.size):
            best = ZERO
            best_class = 0
            for c in range(offset[group], offset[group] + size[group]):
                value = values[base + c * stride] * above
                if value > best:
                    best = value
                    best_class = c
            if p * best > thresh:
                p = p * best
                above = best
                top[b] = best_class
                group = child[best_class]
                if group < 0:
                    break
            else:
                top[b] = best_class if group == 0 else parent[offset[group]]
                break


@kernel
def overlap(x1, w1, x2, w2):  # type: ignore[no-untyped-def]
    """Length that two intervals (centre, width) share; negative if they are apart."""
    left1 = x1 - w1 * HALF
    left2 = x2 - w2 * HALF
    right1 = x1 + w1 * HALF
    right2 = x2 + w2 * HALF
    left = left1 if left1 > left2 else left2
    right = right1 if right1 < right2 else right2
    return right - left


@kernel
def box_iou(box, a, b):  # type: ignore[no-untyped-def]
    """Intersection over union of boxes ``a`` and ``b`` of ``box`` (float32[n * 4]), in float32."""
    i = 4 * a
    j = 4 * b
    wide = overlap(box[i], box[i + 2], box[j], box[j + 2])
    high = overlap(box[i + 1], box[i + 3], box[j + 1], box[j + 3])
    area = ZERO if wide < ZERO or high < ZERO else wide * high
    return area / (box[i + 2] * box[i + 3] + box[j + 2] * box[j + 3] - area)


@kernel
def suppress(score, box, order, thresh):  # type: ignore[no-untyped-def]
    # score  float32[n]: set to 0 for each box that overlaps a better one by more than thresh
    # box    float32[n * 4]
    # order  int64[m]: boxes, best first
    # thresh float32
    for i in range(order.size):
        if score[order[i]] == ZERO:
            continue
        for j in range(i + 1, order.size):
            if score[order[j]] != ZERO and box_iou(box, order[i], order[j]) > thresh:
                score[order[j]] = ZERO
