"""``[yolo]``: a head of YOLOv3 and of what came after it (Darknet's ``get_yolo_detections``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..kernels.layers.boxes import anchor_boxes
from ..typing import Floats
from .candidates import Candidates, Indices
from .region import class_probabilities

if TYPE_CHECKING:
    from ..layers import GaussianYolo, Yolo
    from ..numeric.boxes import BoxArithmetic, Frame


def decode_yolo(head: Yolo, output: Floats, frame: Frame, thresh: np.float32, boxes: BoxArithmetic) -> Candidates:
    """Decode one head; candidates are the boxes whose objectness is above ``thresh``, cell after cell.

    Args:
        head: the layer.
        output: its flat output, after its own activations.
        frame: the image behind it.
        thresh: least objectness, and least probability of a class.
        boxes: the arithmetic of boxes.
    """
    cells = head.w * head.h
    planes = output.reshape(head.n, 5 + head.classes, cells)
    cell, anchor, objectness = boxes_above(planes[:, 4], thresh)
    where = anchor * cells + cell
    box = np.empty((len(where), 4), np.float32)
    anchor_boxes(
        box.reshape(-1), output, where, anchors_of(head), planes.shape[1], head.w, head.h, frame.net_w, frame.net_h
    )
    if head.new_coords:
        box[:, 2:] = _squares(planes[anchor, 2:4, cell], anchors_of(head).reshape(-1, 2)[anchor], frame)
    prob = class_probabilities(planes[:, 5:], where, planes[:, 4].reshape(-1), thresh)
    return Candidates(boxes.correct(frame, box), objectness, np.arange(len(where)), prob)


def boxes_above(objectness: Floats, thresh: np.float32) -> tuple[Indices, Indices, Floats]:
    """Cell, anchor and objectness (n x cells before) of the boxes above a threshold, cell after cell."""
    cell, anchor = np.nonzero(objectness.transpose() > thresh)
    return cell, anchor, objectness[anchor, cell]


def anchors_of(head: Yolo | GaussianYolo) -> Floats:
    """Widths and heights of the anchors of its mask, alternating, in pixels of the network's input."""
    return np.array(head.biases, np.float32).reshape(-1, 2)[list(head.mask)].reshape(-1)


@np.errstate(all="ignore")
def _squares(values: Floats, anchors: Floats, frame: Frame) -> Floats:
    """Widths and heights with ``new_coords``: ``(2 v)^2`` of the anchor's, product by product from left to right."""
    net = np.array([frame.net_w, frame.net_h], np.float32)
    result: Floats = values * values * np.float32(4) * anchors / net
    return result
