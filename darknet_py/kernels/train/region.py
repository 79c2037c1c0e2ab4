"""The loss of ``[region]`` (paper, section 2), with WordTree and class-only images (section 4)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..layers.activations import LOGISTIC
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from .boxes import ONE, TWO, ZERO, Grid, box_deltas, box_iou, place_of, predicted_iou, predicted_side, squared_length
from .gradients import gradient

BOXES = 30
"""True boxes of an image that the loss looks at."""

EARLY = 12800
"""Images for which every anchor is also pulled to its cell's centre and its own size."""

EARLY_SCALE = np.float32(0.01)

CLASS_ONLY = np.float32(100000)
"""A true box whose centre is beyond it has a class only."""

IOU, CLASS, OBJECT, ANY_OBJECT, RECALL, COUNT, CLASS_COUNT = range(7)
"""Sums and counts that the loss leaves in ``sums``, of which the printed line is made."""

SUMS = 8


class RegionShape(NamedTuple):
    """The integers of a region's loss.

    Attributes:
        images, n, w, h, classes: images of a call, anchors, sides of the grid, classes.
        rows: rows of five values that an image has in the truths.
        background, softmax, rescore, bias_match: options of the cfg, 0 or 1.
    """

    images: int
    n: int
    w: int
    h: int
    classes: int
    rows: int
    background: int
    softmax: int
    rescore: int
    bias_match: int


@plan_kernel(tasks=lambda: 1)
def region_loss(queue, delta, cost, sums, out, truth, anchors, scales, seen, classes_map, parent, offset, size, shape):
    """Deltas of all values, cost, and the sums of the printed line.

    Args:
        delta: written float32[out.size]
        cost: written float32[1]
        sums: written float32[SUMS]: see `IOU` and the names after it
        out: float32[shape.images, shape.n, 5 + shape.classes, shape.h, shape.w]: the layer's output
        truth: float32[shape.images, shape.rows, 5]: centre, size, class; a row whose x is 0 is the end
        anchors: float32[shape.n, 2]
        scales: float32[6]: thresh; the scales of coordinates, objects, no objects and classes; the objectness that an
            image of a class only is to have at its best anchor (the paper's .3), or 0 for what Darknet does
        seen: int64[1]: images of all calls, this one's included
        classes_map: int64[classes_map.size]: class of the network for a class of the labels; empty: the same
        parent: int32[parent.size]: of each node of the tree; empty: no tree
        offset, size: int32[offset.size]: first node and nodes of a node's sibling group
        shape: RegionShape

    Requires:
        parent.size in (0, shape.classes) and offset.size == parent.size
    """
    while next_task(queue) >= 0:
        for i in range(delta.size):
            delta[i] = ZERO
        for i in range(sums.size):
            sums[i] = ZERO
        for image in range(shape.images):
            if parent.size > 0 and _class_only(delta, sums, out, truth, scales, parent, offset, size, shape, image):
                continue
            _no_objects(delta, sums, out, truth, anchors, scales, seen[0] < EARLY, shape, image)
            _objects(delta, sums, out, truth, anchors, scales, classes_map, parent, offset, size, shape, image)
        cost[0] = squared_length(delta)


@kernel
def _class_only(delta, sums, out, truth, scales, parent, offset, size, shape, image):
    """Deltas of an image of which only the class is known; returns whether it is one.

    Args:
        delta, sums: updated float32[...]
        out, truth, scales: float32[...]
        parent, offset, size: int32[...]
        shape: RegionShape
        image: int
    """
    plane = shape.w * shape.h
    for t in range(min(BOXES, shape.rows)):
        row = (image * shape.rows + t) * 5
        if truth[row] == ZERO:
            return False
        if truth[row] > CLASS_ONLY and truth[row + 1] > CLASS_ONLY:
            number = np.int64(truth[row + 4])
            most, best = ZERO, 0
            for k in range(shape.n * plane):
                place = place_of(shape, image, k // plane, k % plane)
                objectness = out[place + 4 * plane]
                delta[place + 4 * plane] = ZERO if scales[5] > ZERO else scales[3] * (ZERO - objectness)
                probability = ONE
                node = number
                while node >= 0:
                    probability = probability * out[place + (5 + node) * plane]
                    node = np.int64(parent[node])
                probability = objectness * probability
                if probability > most:
                    most, best = probability, k
            place = place_of(shape, image, best // plane, best % plane)
            _tree_deltas(delta, sums, out, place + 5 * plane, plane, number, parent, offset, size, scales[4])
            objectness = out[place + 4 * plane]
            delta[place + 4 * plane] = scales[2] * (scales[5] - objectness) if objectness < scales[5] else ZERO
            sums[CLASS_COUNT] += ONE
            return True
    return False


@kernel
def _no_objects(delta, sums, out, truth, anchors, scales, early, shape, image):
    """Objectness of every anchor goes down unless its box is near a true one; early on boxes go to their anchors.

    Args:
        delta, sums: updated float32[...]
        out, truth, anchors, scales: float32[...]
        early: bool
        shape: RegionShape
        image: int
    """
    w, h = shape.w, shape.h
    plane, grid = w * h, Grid(w, h, w, h)
    first = image * shape.rows * 5
    target = ONE if shape.background else ZERO
    for cell in range(plane):
        i, j = cell % w, cell // w
        for n in range(shape.n):
            place = place_of(shape, image, n, cell)
            wide, high = anchors[2 * n], anchors[2 * n + 1]
            x = (np.float32(i) + out[place]) / np.float32(w)
            y = (np.float32(j) + out[place + plane]) / np.float32(h)
            box_w = predicted_side(out[place + 2 * plane], wide, w)
            box_h = predicted_side(out[place + 3 * plane], high, h)
            best = ZERO
            for t in range(min(BOXES, shape.rows)):
                row = first + 5 * t
                if truth[row] == ZERO:
                    break
                iou = box_iou(x, y, box_w, box_h, truth[row], truth[row + 1], truth[row + 2], truth[row + 3])
                if iou > best:
                    best = iou
            objectness = out[place + 4 * plane]
            sums[ANY_OBJECT] += objectness
            delta[place + 4 * plane] = ZERO if best > scales[0] else scales[3] * (target - objectness)
            if early:
                box_deltas(
                    delta, out, place, i, j, grid, wide, high, np.float32((i + 0.5) / w), np.float32((j + 0.5) / h),
                    wide / np.float32(w), high / np.float32(h), EARLY_SCALE,
                )  # fmt: skip


@kernel
def _objects(delta, sums, out, truth, anchors, scales, classes_map, parent, offset, size, shape, image):
    """Each true box and the anchor of its cell that fits best.

    Args:
        delta, sums: updated float32[...]
        out, truth, anchors, scales: float32[...]
        classes_map: int64[...]
        parent, offset, size: int32[...]
        shape: RegionShape
        image: int
    """
    w, h = shape.w, shape.h
    plane, grid = w * h, Grid(w, h, w, h)
    for t in range(min(BOXES, shape.rows)):
        row = (image * shape.rows + t) * 5
        x, y, wide, high = truth[row], truth[row + 1], truth[row + 2], truth[row + 3]
        if x == ZERO:
            return
        i, j = np.int64(x * np.float32(w)), np.int64(y * np.float32(h))
        n = _best_anchor(out, anchors, shape, image, j * w + i, wide, high)
        place = place_of(shape, image, n, j * w + i)
        anchor_w, anchor_h = anchors[2 * n], anchors[2 * n + 1]
        iou = predicted_iou(out, place, i, j, grid, anchor_w, anchor_h, x, y, wide, high)
        scale = scales[1] * (TWO - wide * high)
        box_deltas(delta, out, place, i, j, grid, anchor_w, anchor_h, x, y, wide, high, scale)
        if iou > 0.5:
            sums[RECALL] += ONE
        sums[IOU] += iou
        objectness = out[place + 4 * plane]
        sums[OBJECT] += objectness
        target = ZERO if shape.background else (iou if shape.rescore else ONE)
        delta[place + 4 * plane] = scales[2] * (target - objectness)
        number = np.int64(truth[row + 4])
        if classes_map.size > 0:
            number = classes_map[number]
        first = place + 5 * plane
        if parent.size > 0:
            _tree_deltas(delta, sums, out, first, plane, number, parent, offset, size, scales[4])
        else:
            _class_deltas(delta, sums, out, first, plane, number, shape, scales[4])
        sums[COUNT] += ONE
        sums[CLASS_COUNT] += ONE


@kernel
def _best_anchor(out, anchors, shape, image, cell, wide, high):
    """The first anchor whose size, or whose predicted size, has the largest IoU with a true one.

    Args:
        out, anchors: float32[...]
        shape: RegionShape
        image, cell: int
        wide, high: float32
    """
    plane = shape.w * shape.h
    most, best = ZERO, 0
    for n in range(shape.n):
        if shape.bias_match:
            box_w, box_h = anchors[2 * n] / np.float32(shape.w), anchors[2 * n + 1] / np.float32(shape.h)
        else:
            place = place_of(shape, image, n, cell)
            box_w = predicted_side(out[place + 2 * plane], anchors[2 * n], shape.w)
            box_h = predicted_side(out[place + 3 * plane], anchors[2 * n + 1], shape.h)
        iou = box_iou(ZERO, ZERO, box_w, box_h, ZERO, ZERO, wide, high)
        if iou > most:
            most, best = iou, n
    return best


@kernel
def _class_deltas(delta, sums, out, first, plane, number, shape, scale):
    """One class up, the others down; without softmax a second true class of an anchor only goes up.

    Args:
        delta, sums: updated float32[...]
        out: float32[...]
        first, plane: int: place of the first class, and from one class to the next
        number: int: the true class
        shape: RegionShape
        scale: float32
    """
    if delta[first] != ZERO and not shape.softmax:
        delta[first + plane * number] = scale * (ONE - out[first + plane * number])
        return
    for k in range(shape.classes):
        target = ONE if k == number else ZERO
        delta[first + plane * k] = scale * (target - out[first + plane * k])
    sums[CLASS] += out[first + plane * number]


@kernel
def _tree_deltas(delta, sums, out, first, plane, number, parent, offset, size, scale):
    """A class and its ancestors up, their siblings down; other groups stay as they are.

    Args:
        delta, sums: updated float32[...]
        out: float32[...]
        first, plane: int: place of the first class, and from one class to the next
        number: int: the true class
        parent, offset, size: int32[...]: of each node: parent, first node and nodes of its group
        scale: float32
    """
    probability = ONE
    node = number
    while node >= 0:
        probability = probability * out[first + plane * node]
        for k in range(offset[node], offset[node] + size[node]):
            delta[first + plane * k] = scale * (ZERO - out[first + plane * k])
        delta[first + plane * node] = scale * (ONE - out[first + plane * node])
        node = np.int64(parent[node])
    sums[CLASS] += probability


@plan_kernel(tasks=lambda parts: parts)
def region_gradient(queue, delta, out, parts, entries, cells, background):
    """The deltas of x, y and objectness times the logistic function's gradient (``backward_region_layer_gpu``).

    Args:
        delta: updated float32[parts, entries, cells]
        out: float32[parts, entries, cells]
        parts: int: anchors of all images
        entries: int: values of an anchor
        cells: int
        background: bool: objectness is linear
    """
    while True:
        part = next_task(queue)
        if part < 0:
            return
        for entry in range(5):
            if entry < 2 or (entry == 4 and not background):
                first = (part * entries + entry) * cells
                for i in range(first, first + cells):
                    delta[i] *= gradient(out[i], LOGISTIC)
