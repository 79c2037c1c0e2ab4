"""A head's output as OpenCV's Region layer gives it: one row for each anchor of each cell, and its suppression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import CfgError

if TYPE_CHECKING:
    from ...layers import Head, RowOptions
    from ...network import Network
    from ...typing import Doubles, Floats


f32 = np.float32


def read_options(network: Network) -> dict[int, RowOptions]:
    """The options of all heads, by layer number.

    Raises:
        CfgError: a head that OpenCV cannot run, whose rows are not defined.
    """
    try:
        return {head.index: head.row_options(network.sections[head.index]) for head in network.heads}
    except CfgError as error:
        raise CfgError(f"{error.message}; use darknet_py.load", error.path, error.line) from None


def region_rows(head: Head, output: Floats, options: RowOptions, net_size: tuple[int, int]) -> Floats:
    """The rows of one image.

    Args:
        head: the layer.
        output: its output, channels x h x w, after its own activations.
        options: OpenCV's.
        net_size: width and height of the network's input.

    Returns:
        float32, (h * w * anchors) x (5 + classes): centre x, y, width, height as fractions of the input, objectness,
        and each class's probability; 0 where it is not above the threshold or a better box of the class overlaps.
    """
    rows = _activated(head, output)
    height, width = rows.shape[:2]
    column, row = np.arange(width, dtype=f32)[None, :, None], np.arange(height, dtype=f32)[:, None, None]
    rows[..., 0] = (column + rows[..., 0]) / f32(width)
    rows[..., 1] = (row + rows[..., 1]) / f32(height)
    unit = np.array((width, height) if options.in_cells else net_size, f32)
    with np.errstate(over="ignore"):
        size = rows[..., 2:4] * rows[..., 2:4] * f32(4) if options.squares else np.exp(rows[..., 2:4])
        rows[..., 2:4] = size * np.array(options.anchors, f32) / unit
    objectness = rows[..., 4]
    if options.classfix == -1:
        objectness = np.where(objectness < (options.thresh if options.squares else f32(0.5)), f32(0), objectness)
    rows[..., 5:] *= objectness[..., None]
    rows[..., 5:][~(rows[..., 5:] > f32(options.thresh))] = 0
    flat: Floats = rows.reshape(-1, 5 + head.classes)
    if options.nms > 0:
        _suppress(flat, options)
    return flat


def _activated(head: Head, output: Floats) -> Floats:
    """A copy of the head's values, h x w x anchors x (5 + classes), the places of centres in their cells activated."""
    grid = head.input
    if head.flat:
        rows: Floats = output.reshape(grid.h, grid.w, head.n, 5 + head.classes).copy()
        with np.errstate(over="ignore"):
            rows[..., :2] = f32(1) / (f32(1) + np.exp(-rows[..., :2]))
        return rows
    planes = output.reshape(head.n, 5 + head.classes, grid.h, grid.w)
    return np.ascontiguousarray(planes.transpose(2, 3, 0, 1))


def _suppress(rows: Floats, options: RowOptions) -> None:
    """Class after class, drop the class from rows that overlap a better one."""
    size = rows[:, 2:4].astype(np.float64)
    corner = rows[:, :2].astype(np.float64) - size / 2
    boxes = np.concatenate([corner, size], axis=1)
    for k in np.flatnonzero((rows[:, 5:] > 0).any(axis=0)):
        scores = rows[:, 5 + k].copy()
        kept = nms_boxes(boxes, scores, options.thresh, options.nms)
        rows[:, 5 + k] = 0
        rows[kept, 5 + k] = scores[kept]


def nms_boxes(boxes: Doubles, scores: Floats, thresh: float, nms: float) -> list[int]:
    """The numbers of the boxes that stay, best first, as ``cv2.dnn.NMSBoxes`` gives them.

    Args:
        boxes: n x 4: left, top, width, height.
        scores: float32, n.
        thresh: boxes with a score not above it count for nothing.
        nms: greatest intersection over union with a better box.
    """
    order = np.flatnonzero(scores > f32(thresh))
    order = order[np.argsort(-scores[order], kind="stable")]
    kept: list[int] = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(int(best))
        order = order[_overlap(boxes[best], boxes[order]) <= f32(nms)]
    return kept


def _overlap(box: Doubles, others: Doubles) -> Floats:
    """Intersection over union of a box with others; 1 where neither has an area."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    shared = np.where((high > low).all(axis=1), np.prod(high - low, axis=1), 0.0)
    together = box[2] * box[3] + others[:, 2] * others[:, 3]
    with np.errstate(all="ignore"):
        distance = np.where(together <= np.finfo(np.float64).eps, 0.0, 1.0 - shared / (together - shared))
    overlap: Floats = f32(1) - distance.astype(f32)
    return overlap
