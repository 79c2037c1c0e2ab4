"""``[detection]``: the head of YOLOv1 (Darknet's ``get_detection_detections``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..typing import Floats
from .candidates import Candidates

if TYPE_CHECKING:
    from ..layers import Detection
    from ..numeric.boxes import BoxArithmetic, Frame

f32 = np.float32


def decode_detection(
    head: Detection, output: Floats, frame: Frame, thresh: np.float32, boxes: BoxArithmetic
) -> Candidates:
    """Decode one head; candidates are the boxes of each cell, row after row.

    As in Darknet, objectness is reported whatever its value, and an objectness and a class score that are both negative
    make a probability. Boxes are in units of which the image has ``frame.image_w`` and ``image_h``, whether relative
    ones are asked for or not, and nothing undoes a letterbox: Darknet's ``yolo test`` stretches the image over the
    network's input, and asks for boxes in an image of 1 x 1.

    Args:
        head: the layer.
        output: its flat output.
        frame: the image behind it.
        thresh: least probability of a class.
        boxes: the arithmetic of boxes.
    """
    cells = head.side * head.side
    classes = output[: cells * head.classes].reshape(cells, head.classes)
    objectness = output[cells * head.classes : cells * (head.classes + head.n)].copy()
    values = output[cells * (head.classes + head.n) :].reshape(-1, 4)
    cell = np.arange(cells).repeat(head.n)
    corner = np.stack([cell % head.side, cell // head.side], axis=1).astype(f32)
    image = np.array([frame.image_w, frame.image_h], f32)
    centre = boxes.cell_centre(values[:, :2], corner, head.side, image)
    size = values[:, 2:].astype(np.float64)
    if head.sqrt:
        size *= size
    with np.errstate(over="ignore"):  # too large for float32 is infinite, as in C
        box = np.concatenate([centre, (size * image).astype(f32)], axis=1)
    kept = np.flatnonzero(objectness)
    prob = objectness[kept, None] * classes[cell[kept]]
    prob[~(prob > thresh)] = 0
    return Candidates(box, objectness, kept, prob)
