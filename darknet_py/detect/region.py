"""``[region]``: the head of YOLOv2 and YOLO9000 (Darknet's ``get_region_detections``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..kernels.layers.boxes import anchor_boxes
from ..typing import Floats
from .candidates import Candidates, Indices
from .tree import mapped_probabilities, top_classes

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..layers import Region
    from ..numeric.boxes import BoxArithmetic, Frame


def decode_region(
    head: Region,
    output: Floats,
    frame: Frame,
    thresh: np.float32,
    hier_thresh: np.float32,
    boxes: BoxArithmetic,
    tree: Tree | None,
    classes_map: NDArray[np.int32] | None,
) -> Candidates:
    """Decode one head; every anchor of every cell is a candidate, anchor after anchor, row after row.

    Args:
        head: the layer.
        output: its flat output, after its own activations and softmax; not changed.
        frame: the image behind it.
        thresh: least objectness, and least probability of a class.
        hier_thresh: with a tree, least probability for going down to the children.
        boxes: the arithmetic of boxes.
        tree: the WordTree, of as many nodes as the head has classes.
        classes_map: with a tree, report only these nodes, as classes 0, 1, ...
    """
    cells = head.w * head.h
    planes = output.reshape(head.n, head.coords + 1 + head.classes, cells)
    box = np.empty(head.n * cells * 4, np.float32)
    anchor_boxes(
        box, output, np.arange(head.n * cells), np.array(head.biases, np.float32),
        planes.shape[1], head.w, head.h, head.w, head.h,
    )  # fmt: skip
    scale = np.ones(head.n * cells, np.float32) if head.background else planes[:, head.coords].reshape(-1)
    objectness = np.where(scale > thresh, scale, np.float32(0))
    kept = np.flatnonzero(objectness)
    if tree is None:
        prob = class_probabilities(planes[:, head.coords + 1 :], kept, objectness, thresh)
    else:
        prob = _tree_probabilities(head, output, objectness, kept, thresh, hier_thresh, tree, classes_map)
    return Candidates(boxes.correct(frame, box.reshape(-1, 4)), objectness, kept, prob)


def class_probabilities(planes: Floats, kept: Indices, objectness: Floats, thresh: np.float32) -> Floats:
    """Objectness times class value, 0 where not above ``thresh``: kept x classes.

    Args:
        planes: anchors x classes x cells.
        kept: boxes, as anchor * cells + cell.
        objectness: of all boxes.
        thresh: least probability.
    """
    anchor, cell = np.divmod(kept, planes.shape[2])
    prob = planes[anchor, :, cell]
    prob *= objectness[kept, None]
    prob[~(prob > thresh)] = 0
    return prob


def _tree_probabilities(
    head: Region,
    output: Floats,
    objectness: Floats,
    kept: Indices,
    thresh: np.float32,
    hier_thresh: np.float32,
    tree: Tree,
    classes_map: NDArray[np.int32] | None,
) -> Floats:
    prob = np.zeros((len(kept), head.classes), np.float32)
    if classes_map is None:
        # Darknet reports a box's objectness as the probability of the class it has found for it.
        prob[np.arange(len(kept)), top_classes(head, output, kept, hier_thresh, tree)] = objectness[kept]
        return prob
    mapped = mapped_probabilities(head, output, kept, tree, classes_map) * objectness[kept, None]
    mapped[~(mapped > thresh)] = 0
    prob[:, : len(classes_map)] = mapped
    return prob
