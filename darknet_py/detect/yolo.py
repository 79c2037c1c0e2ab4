"""``[yolo]``: a head of YOLOv3 (Darknet's ``get_yolo_detections``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..kernels.layers.boxes import anchor_boxes
from .candidates import Candidates, Floats
from .region import class_probabilities

if TYPE_CHECKING:
    from ..layers import Yolo
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
    objectness = planes[:, 4]
    cell, anchor = np.nonzero(objectness.transpose() > thresh)
    where = anchor * cells + cell
    box = np.empty(len(where) * 4, np.float32)
    anchors = np.array(head.biases, np.float32).reshape(-1, 2)[list(head.mask)].reshape(-1)
    anchor_boxes(box, output, where, anchors, planes.shape[1], head.w, head.h, frame.net_w, frame.net_h)
    prob = class_probabilities(planes[:, 5:], where, objectness.reshape(-1), thresh)
    return Candidates(boxes.correct(frame, box.reshape(-1, 4)), objectness[anchor, cell], np.arange(len(where)), prob)
