"""Loops behind the boxes: anchors to boxes, the walk down a WordTree, overlap and suppression.

float32 arithmetic throughout, as in Darknet's ``box.c``; the C library's ``exp``.
"""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..runtime.libm import exp

ZERO = np.float32(0)
HALF = np.float32(0.5)
ONE = np.float32(1)


@kernel
def anchor_boxes(box, values, where, anchors, entries, w, h, unit_w, unit_h):
    """Centre, width and height of some of a head's boxes, of the image's.

    Args:
        box: written float32[m * 4]: centre x, y, width, height
        values: float32[n * entries * h * w]: a head's output; x, y, w, h are the first four planes of each anchor
        where: int64[m]: the boxes wanted, each as (anchor * h + row) * w + column
        anchors: float32[n * 2]: widths and heights, in units of which the image has unit_w and unit_h
        entries: int: planes of an anchor
        w, h: int: sides of the grid
        unit_w, unit_h: int
    """
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
def tree_classes(top, values, where, entries, first, stride, parent, child, offset, size, thresh):
    """The deepest class of each box that stays above a threshold.

    Darknet multiplies every class by its parent, all down the tree, before it walks; only the groups on the way are
    ever looked at, and `above` carries their parent's product to them. The walk itself multiplies once more (p).

    Args:
        top: written int64[m]: a class for each box
        values: float32[n * entries * stride]: conditional probabilities, class c of an anchor in plane first + c
        where: int64[m]: the boxes, each as anchor * stride + cell
        entries: int: planes of an anchor
        first: int: plane of the first class
        stride: int: values of a plane
        parent, child: int32[classes]: of the tree
        offset, size: int32[groups]: of the tree
        thresh: float32
    """
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
def sort_boxes(order, spare, score, margin, start, count):
    """Sort by descending score; equal ones stay in order.

    The merge sort of the C library's qsort, split by split: Darknet compares by the *difference* of two scores, and
    where denormals are flushed, close tiny scores count as equal, so that the result depends on who meets whom.

    Args:
        order: updated int64[n]: boxes; order[start : start + count] is sorted
        spare: written int64[n]: room to work in
        score: float32[n]: by box
        margin: float32: positive differences below it count as zero (0: none do)
        start, count: int
    """
    if count < 2:
        return
    half = count // 2
    sort_boxes(order, spare, score, margin, start, half)
    sort_boxes(order, spare, score, margin, start + half, count - half)
    for i in range(start, start + half):
        spare[i] = order[i]
    left = start
    right = start + half
    for out in range(start, start + count):
        if left == start + half:
            break
        ahead = score[order[right]] - score[spare[left]] if right < start + count else -ONE
        if ahead > ZERO and ahead >= margin:
            order[out] = order[right]
            right += 1
        else:
            order[out] = spare[left]
            left += 1


@kernel
def suppress(score, side, box, thresh):
    """Set the score of each box that overlaps a better one too much to 0.

    Args:
        score: updated float32[m]: best first
        side: written float32[5, m]: room to work in: left, right, top, bottom, area
        box: float32[m * 4]: centre x, y, width, height
        thresh: float32: greatest intersection over union (box_iou of Darknet's box.c, in float32)
    """
    for i in range(score.size):
        b = 4 * i
        side[0, i] = box[b] - box[b + 2] * HALF
        side[1, i] = box[b] + box[b + 2] * HALF
        side[2, i] = box[b + 1] - box[b + 3] * HALF
        side[3, i] = box[b + 1] + box[b + 3] * HALF
        side[4, i] = box[b + 2] * box[b + 3]
    for i in range(score.size):
        if score[i] == ZERO:
            continue
        left = side[0, i]
        right = side[1, i]
        top = side[2, i]
        bottom = side[3, i]
        area = side[4, i]
        for j in range(i + 1, score.size):
            wide = (right if right < side[1, j] else side[1, j]) - (left if left > side[0, j] else side[0, j])
            high = (bottom if bottom < side[3, j] else side[3, j]) - (top if top > side[2, j] else side[2, j])
            common = ZERO if wide < ZERO or high < ZERO else wide * high
            score[j] = ZERO if common / (area + side[4, j] - common) > thresh else score[j]
