"""The loss of ``[yolo]`` (``forward_yolo_layer``)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from .boxes import ONE, TWO, ZERO, Grid, box_deltas, box_iou, place_of, predicted_iou, predicted_side, squared_length

IOU, CLASS, OBJECT, ANY_OBJECT, RECALL, RECALL75, COUNT = range(7)
"""Sums and the count that the loss leaves in ``sums``, of which the printed line is made."""

SUMS = 8


class YoloShape(NamedTuple):
    """The integers of a yolo layer's loss.

    Attributes:
        images, n, w, h, classes: images of a call, anchors of this layer, sides of the grid, classes.
        total: all anchors.
        net_w, net_h: sides of the network's input, in which the anchors are measured.
        rows: rows of five values that an image has in the truths.
    """

    images: int
    n: int
    w: int
    h: int
    classes: int
    total: int
    net_w: int
    net_h: int
    rows: int


@plan_kernel(tasks=lambda: 1)
def yolo_loss(queue, delta, cost, sums, out, truth, anchors, mask, thresholds, classes_map, shape):
    """Deltas of all values, cost, and the sums of the printed line.

    Args:
        delta: written float32[out.size]
        cost: written float32[1]
        sums: written float32[SUMS]: see `IOU` and the names after it
        out: float32[shape.images, shape.n, 5 + shape.classes, shape.h, shape.w]: the layer's output
        truth: float32[shape.images, shape.rows, 5]: centre, size, class; a row whose x is 0 is the end
        anchors: float32[shape.total, 2]
        mask: int64[shape.n]: which anchors are this layer's
        thresholds: float32[2]: ignore_thresh, truth_thresh
        classes_map: int64[classes_map.size]: class of the network for a class of the labels; empty: the same
        shape: YoloShape

    Requires:
        mask.min() >= 0 and mask.max() < shape.total
    """
    while next_task(queue) >= 0:
        for i in range(delta.size):
            delta[i] = ZERO
        for i in range(sums.size):
            sums[i] = ZERO
        for image in range(shape.images):
            _every_anchor(delta, sums, out, truth, anchors, mask, thresholds, classes_map, shape, image)
            _objects(delta, sums, out, truth, anchors, mask, classes_map, shape, image)
        cost[0] = squared_length(delta)


@kernel
def _every_anchor(delta, sums, out, truth, anchors, mask, thresholds, classes_map, shape, image):
    """Objectness of every anchor goes down unless its box is near a true one; up, and all else, if it is very near.

    Args:
        delta, sums: updated float32[...]
        out, truth, anchors: float32[...]
        mask: int64[...]
        thresholds: float32[...]
        classes_map: int64[...]
        shape: YoloShape
        image: int
    """
    w, h = shape.w, shape.h
    plane = w * h
    for cell in range(plane):
        i, j = cell % w, cell // w
        for n in range(shape.n):
            place = place_of(shape, image, n, cell)
            wide, high = anchors[2 * mask[n]], anchors[2 * mask[n] + 1]
            x = (np.float32(i) + out[place]) / np.float32(w)
            y = (np.float32(j) + out[place + plane]) / np.float32(h)
            box_w = predicted_side(out[place + 2 * plane], wide, shape.net_w)
            box_h = predicted_side(out[place + 3 * plane], high, shape.net_h)
            best, best_row = ZERO, image * shape.rows * 5
            for t in range(shape.rows):
                row = (image * shape.rows + t) * 5
                if truth[row] == ZERO:
                    break
                iou = box_iou(x, y, box_w, box_h, truth[row], truth[row + 1], truth[row + 2], truth[row + 3])
                if iou > best:
                    best, best_row = iou, row
            objectness = out[place + 4 * plane]
            sums[ANY_OBJECT] += objectness
            delta[place + 4 * plane] = ZERO if best > thresholds[0] else ZERO - objectness
            if best > thresholds[1]:
                delta[place + 4 * plane] = ONE - objectness
                number = _class_of(truth, best_row, classes_map)
                _class_deltas(delta, out, place + 5 * plane, plane, number, shape.classes)
                _box_deltas(delta, out, truth, best_row, place, i, j, wide, high, shape)


@kernel
def _objects(delta, sums, out, truth, anchors, mask, classes_map, shape, image):
    """Each true box and the anchor that fits its size best, if it is one of this layer's.

    Args:
        delta, sums: updated float32[...]
        out, truth, anchors: float32[...]
        mask, classes_map: int64[...]
        shape: YoloShape
        image: int
    """
    w, h = shape.w, shape.h
    plane = w * h
    for t in range(shape.rows):
        row = (image * shape.rows + t) * 5
        x, y, wide, high = truth[row], truth[row + 1], truth[row + 2], truth[row + 3]
        if x == ZERO:
            return
        anchor = _best_anchor(anchors, shape, wide, high)
        n = 0
        while n < shape.n and mask[n] != anchor:
            n += 1
        if n == shape.n:
            continue
        i, j = np.int64(x * np.float32(w)), np.int64(y * np.float32(h))
        place = place_of(shape, image, n, j * w + i)
        anchor_w, anchor_h = anchors[2 * anchor], anchors[2 * anchor + 1]
        grid = Grid(w, h, shape.net_w, shape.net_h)
        iou = predicted_iou(out, place, i, j, grid, anchor_w, anchor_h, x, y, wide, high)
        _box_deltas(delta, out, truth, row, place, i, j, anchor_w, anchor_h, shape)
        sums[OBJECT] += out[place + 4 * plane]
        delta[place + 4 * plane] = ONE - out[place + 4 * plane]
        number = _class_of(truth, row, classes_map)
        _class_deltas(delta, out, place + 5 * plane, plane, number, shape.classes)
        sums[CLASS] += out[place + (5 + number) * plane]
        sums[COUNT] += ONE
        if iou > 0.5:
            sums[RECALL] += ONE
        if iou > 0.75:
            sums[RECALL75] += ONE
        sums[IOU] += iou


@kernel
def _best_anchor(anchors, shape, wide, high):
    """The first of all anchors whose IoU with a true size is the largest.

    Args:
        anchors: float32[...]
        shape: YoloShape
        wide, high: float32
    """
    most, best = ZERO, 0
    for n in range(shape.total):
        box_w, box_h = anchors[2 * n] / np.float32(shape.net_w), anchors[2 * n + 1] / np.float32(shape.net_h)
        iou = box_iou(ZERO, ZERO, box_w, box_h, ZERO, ZERO, wide, high)
        if iou > most:
            most, best = iou, n
    return best


@kernel
def _class_of(truth, row, classes_map):
    """The network's class of a true box.

    Args:
        truth: float32[...]
        row: int: where the box is
        classes_map: int64[...]
    """
    number = np.int64(truth[row + 4])
    return classes_map[number] if classes_map.size > 0 else number


@kernel
def _box_deltas(delta, out, truth, row, place, i, j, anchor_w, anchor_h, shape):
    """What pulls an anchor's box to a true one: small boxes more.

    Args:
        delta: updated float32[...]
        out, truth: float32[...]
        row, place, i, j: int
        anchor_w, anchor_h: float32
        shape: YoloShape
    """
    x, y, wide, high = truth[row], truth[row + 1], truth[row + 2], truth[row + 3]
    grid = Grid(shape.w, shape.h, shape.net_w, shape.net_h)
    box_deltas(delta, out, place, i, j, grid, anchor_w, anchor_h, x, y, wide, high, TWO - wide * high)


@kernel
def _class_deltas(delta, out, first, plane, number, classes):
    """One class up, the others down; a second true class of an anchor only goes up (``delta_yolo_class``).

    Args:
        delta: updated float32[...]
        out: float32[...]
        first, plane: int: place of the first class, and from one class to the next
        number: int: the true class
        classes: int
    """
    if delta[first] != ZERO:
        delta[first + plane * number] = ONE - out[first + plane * number]
        return
    for k in range(classes):
        delta[first + plane * k] = (ONE if k == number else ZERO) - out[first + plane * k]
