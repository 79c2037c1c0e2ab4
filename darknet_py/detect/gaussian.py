"""``[Gaussian_yolo]`` (AlexeyAB's ``get_gaussian_yolo_detections``): boxes that know how uncertain they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..kernels.layers.boxes import anchor_boxes
from ..numeric.boxes import SOURCE
from ..typing import Floats
from .candidates import Candidates
from .yolo import anchors_of, boxes_above

if TYPE_CHECKING:
    from ..layers import GaussianYolo
    from ..numeric.boxes import Frame

_HALVES = {"center": 0.0, "left_top": 0.5, "right_bottom": -0.5}
"""How much of its width and height a box's centre lies beyond its point."""


def decode_gaussian(head: GaussianYolo, output: Floats, frame: Frame, thresh: np.float32) -> Candidates:
    """Decode one head; candidates are the boxes whose objectness is above ``thresh``, cell after cell.

    Boxes are corrected with pjreddie's formula: this one was never changed when AlexeyAB changed that of ``[yolo]``.

    Args:
        head: the layer.
        output: its flat output, after its own activations.
        frame: the image behind it.
        thresh: least objectness, and least probability of a class.
    """
    cells = head.w * head.h
    planes = output.reshape(head.n, 9 + head.classes, cells)
    cell, anchor, objectness = boxes_above(planes[:, 8], thresh)
    box = np.empty((len(cell), 4), np.float32)
    values = np.ascontiguousarray(planes[:, 0:8:2]).reshape(-1)
    anchor_boxes(
        box.reshape(-1), values, anchor * cells + cell, anchors_of(head), 4, head.w, head.h, frame.net_w, frame.net_h
    )  # fmt: skip
    if head.point != "center":
        box[:, :2] += box[:, 2:] * np.float32(_HALVES[head.point])
    uncertainty = planes[:, 1:8:2].transpose(0, 2, 1)[anchor, cell]
    prob = _probabilities(planes[anchor, 9:, cell], objectness, uncertainty)
    prob[~(prob > thresh)] = 0
    return Candidates(
        SOURCE.correct(frame, box), objectness, np.arange(len(cell)), prob, uncertainty=uncertainty
    )  # fmt: skip


def _probabilities(classes: Floats, objectness: Floats, uncertainty: Floats) -> Floats:
    """Objectness times class (in float) times certainty (in double)."""
    total = uncertainty[:, 0] + uncertainty[:, 1] + uncertainty[:, 2] + uncertainty[:, 3]
    mean = (total.astype(np.float64) / 4.0).astype(np.float32)
    product = (objectness[:, None] * classes).astype(np.float64)
    result: Floats = (product * (1.0 - mean.astype(np.float64))[:, None]).astype(np.float32)
    return result
