"""The loss of ``[detection]``, YOLOv1's head (``forward_detection_layer``)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from .boxes import ONE, ZERO, box_iou, squared_length

RANDOM_UNTIL = 64000
"""Images for which ``random`` draws the predictor."""

FARTHEST = np.float32(20)
"""Predictors whose distance to the true box is not below it are not chosen."""

IOU, CLASS, ALL_CLASSES, OBJECT, ANY_OBJECT, COUNT = range(6)
"""Sums and the count that the loss leaves in ``sums``, of which the printed line is made."""

SUMS = 8


class DetectionShape(NamedTuple):
    """The integers of a detection layer's loss.

    Attributes:
        images, cells, n, classes: images of a call, cells of the grid, predictors of a cell, classes.
        side: of the grid.
        sqrt, rescore, forced: options of the cfg, 0 or 1.
    """

    images: int
    cells: int
    n: int
    classes: int
    side: int
    sqrt: int
    rescore: int
    forced: int


@plan_kernel(tasks=lambda: 1)
def detection_loss(queue, delta, cost, sums, out, truth, scales, drawn, shape):
    """Deltas of all values, cost, and the sums of the printed line.

    Args:
        delta: written float32[out.size]
        cost: written float32[1]
        sums: written float32[SUMS]: see `IOU` and the names after it
        out: float32[shape.images, shape.cells * (shape.classes + 5 * shape.n)]: the layer's output
        truth: float32[shape.images, shape.cells, 5 + shape.classes]: whether there is an object, classes, box
        scales: float32[4]: of coordinates, objects, no objects, classes
        drawn: int64[shape.images * shape.cells]: the predictor that is to be taken for a cell; -1: the best one
        shape: DetectionShape
    """
    while next_task(queue) >= 0:
        for i in range(delta.size):
            delta[i] = ZERO
        for i in range(sums.size):
            sums[i] = ZERO
        for cell in range(shape.images * shape.cells):
            _cell(delta, sums, out, truth, scales, drawn[cell], shape, cell)
        cost[0] = squared_length(delta)


@kernel
def _cell(delta, sums, out, truth, scales, drawn, shape, cell):
    """One cell: no objectness, and where there is an object the classes and one predictor's box.

    Args:
        delta, sums: updated float32[...]
        out, truth, scales: float32[...]
        drawn: int: the predictor, or -1
        shape: DetectionShape
        cell: int: among those of all images
    """
    image, place = cell // shape.cells, cell % shape.cells
    first = image * shape.cells * (shape.classes + 5 * shape.n)
    objects = first + shape.cells * shape.classes + place * shape.n
    boxes = first + shape.cells * (shape.classes + shape.n) + place * shape.n * 4
    known = cell * (5 + shape.classes)
    for p in range(objects, objects + shape.n):
        delta[p] = scales[2] * (ZERO - out[p])
        sums[ANY_OBJECT] += out[p]
    if np.int64(truth[known]) == 0:
        return
    row = first + place * shape.classes
    for k in range(shape.classes):
        delta[row + k] = scales[3] * (truth[known + 1 + k] - out[row + k])
        if truth[known + 1 + k] != ZERO:
            sums[CLASS] += out[row + k]
        sums[ALL_CLASSES] += out[row + k]
    known += 1 + shape.classes
    best = _best(out, truth, boxes, known, shape)
    if shape.forced:
        best = 1 if truth[known + 2] * truth[known + 3] < 0.1 else 0
    if drawn >= 0:
        best = drawn
    iou = _compare(out, truth, boxes + 4 * best, known, shape)[0]
    sums[OBJECT] += out[objects + best]
    if shape.rescore:
        delta[objects + best] = scales[1] * (iou - out[objects + best])
    else:
        delta[objects + best] = np.float32(scales[1] * (1.0 - out[objects + best]))
    for k in range(4):
        value = out[boxes + 4 * best + k]
        if shape.sqrt and k > 1:
            target = math.sqrt(np.float64(truth[known + k]))
            delta[boxes + 4 * best + k] = np.float32(scales[0] * (target - value))
        else:
            delta[boxes + 4 * best + k] = scales[0] * (truth[known + k] - value)
    sums[IOU] += iou
    sums[COUNT] += ONE


@kernel
def _best(out, truth, boxes, known, shape):
    """The predictor with the best IoU, or the nearest one while all IoUs are 0. (The first if none is near: Darknet
    reads before its array then.)

    Args:
        out, truth: float32[...]
        boxes: int: place of the cell's boxes in ``out``
        known: int: place of the true box
        shape: DetectionShape
    """
    best, most, least = -1, ZERO, FARTHEST
    for n in range(shape.n):
        iou, distance = _compare(out, truth, boxes + 4 * n, known, shape)
        if most > 0 or iou > 0:
            if iou > most:
                most, best = iou, n
        elif distance < least:
            least, best = distance, n
    return max(best, 0)


@kernel
def _compare(out, truth, place, known, shape):
    """IoU of a predicted and a true box, and the root of the sum of their squared differences.

    Args:
        out, truth: float32[...]
        place: int: of the predicted box
        known: int: of the true box
        shape: DetectionShape
    """
    side = np.float32(shape.side)
    x, y, wide, high = out[place] / side, out[place + 1] / side, out[place + 2], out[place + 3]
    if shape.sqrt:
        wide, high = wide * wide, high * high
    true_x, true_y, true_w, true_h = truth[known] / side, truth[known + 1] / side, truth[known + 2], truth[known + 3]
    iou = box_iou(x, y, wide, high, true_x, true_y, true_w, true_h)
    total = _square(x - true_x) + _square(y - true_y) + _square(wide - true_w) + _square(high - true_h)
    return iou, np.float32(math.sqrt(total))


@kernel
def _square(x):
    """``pow(x, 2)``; returns float64.

    Args:
        x: float32
    """
    return np.float64(x) * np.float64(x)
