"""Boxes as the losses compare them (``box.c``): float32, and the C library's ``exp`` and ``log``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..runtime.jit import kernel
from ..runtime.libm import exp, log

ZERO = np.float32(0)
ONE = np.float32(1)
TWO = np.float32(2)


@kernel
def box_iou(ax, ay, aw, ah, bx, by, bw, bh):
    """Intersection over union of two boxes (``box_iou``); NaN where both are points.

    Args:
        ax, ay, aw, ah, bx, by, bw, bh: float32: centres, widths and heights
    """
    wide = _overlap(ax, aw, bx, bw)
    high = _overlap(ay, ah, by, bh)
    common = ZERO if wide < ZERO or high < ZERO else wide * high
    return common / (aw * ah + bw * bh - common)


@kernel
def _overlap(x, wide, other_x, other_wide):
    """The length that two intervals have in common; negative: between them.

    Args:
        x, wide, other_x, other_wide: float32: centres and lengths
    """
    left, other_left = x - wide / TWO, other_x - other_wide / TWO
    right, other_right = x + wide / TWO, other_x + other_wide / TWO
    return (right if right < other_right else other_right) - (left if left > other_left else other_left)


@kernel
def predicted_side(value, anchor, unit):
    """A width or height: ``exp(value) * anchor / unit``; returns float32.

    Args:
        value: float32: the network's
        anchor: float32: in units
        unit: int: units of the image
    """
    return np.float32(exp(np.float64(value)) * np.float64(anchor) / np.float64(unit))


class Grid(NamedTuple):
    """Cells of a head, and units of its anchors: how many there are in the image, across and down."""

    w: int
    h: int
    unit_w: int
    unit_h: int


@kernel
def predicted_iou(values, place, i, j, grid, anchor_w, anchor_h, x, y, wide, high):
    """IoU of an anchor's box and a true one.

    Args:
        values: float32[...]: a head's output
        place: int: of the anchor's first value at the cell; the next ones are a channel apart
        i, j: int: column and row of the cell
        grid: Grid
        anchor_w, anchor_h: float32
        x, y, wide, high: float32: the true box
    """
    plane = grid.w * grid.h
    return box_iou(
        (np.float32(i) + values[place]) / np.float32(grid.w),
        (np.float32(j) + values[place + plane]) / np.float32(grid.h),
        predicted_side(values[place + 2 * plane], anchor_w, grid.unit_w),
        predicted_side(values[place + 3 * plane], anchor_h, grid.unit_h), x, y, wide, high,
    )  # fmt: skip


@kernel
def box_deltas(delta, values, place, i, j, grid, anchor_w, anchor_h, x, y, wide, high, scale):
    """What pulls an anchor's box to a true one (``delta_region_box``, ``delta_yolo_box``).

    Args:
        delta: written float32[...]: as ``values``
        values: float32[...]
        place, i, j: int: as for `predicted_iou`
        grid: Grid
        anchor_w, anchor_h: float32
        x, y, wide, high: float32: the true box
        scale: float32
    """
    plane = grid.w * grid.h
    delta[place] = scale * (x * np.float32(grid.w) - np.float32(i) - values[place])
    delta[place + plane] = scale * (y * np.float32(grid.h) - np.float32(j) - values[place + plane])
    target = np.float32(log(np.float64(wide * np.float32(grid.unit_w) / anchor_w)))
    delta[place + 2 * plane] = scale * (target - values[place + 2 * plane])
    target = np.float32(log(np.float64(high * np.float32(grid.unit_h) / anchor_h)))
    delta[place + 3 * plane] = scale * (target - values[place + 3 * plane])


@kernel
def squared_length(delta):
    """``pow(mag_array(delta), 2)``: the root of a float32 sum of squares, squared; returns float32.

    Args:
        delta: float32[...]
    """
    total = ZERO
    for i in range(delta.size):
        total += delta[i] * delta[i]
    root = np.float64(np.float32(np.sqrt(np.float64(total))))
    return np.float32(root * root)


@kernel(forceinline=True)
def place_of(shape, image, anchor, cell):
    """Where the first value of an anchor at a cell is.

    Args:
        shape: NamedTuple: a head's `RegionShape` or `YoloShape`
        image, anchor, cell: int
    """
    return (image * shape.n + anchor) * (5 + shape.classes) * shape.w * shape.h + cell
