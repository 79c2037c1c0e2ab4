"""``[region]`` in AlexeyAB's dialect (his ``custom_get_region_detections``): every anchor is a box of objectness 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..kernels.layers.boxes import anchor_boxes
from ..kernels.layers.overlap import logistic_values
from ..typing import Floats
from .candidates import Candidates

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..layers import Region
    from ..numeric.boxes import BoxArithmetic, Frame

TREE_THRESH = np.float32(0.5)
"""With a WordTree, the least probability of a class, whatever ``-hier`` says."""


def decode_flat_region(
    head: Region,
    output: Floats,
    frame: Frame,
    thresh: np.float32,
    boxes: BoxArithmetic,
    tree: Tree | None,
    classes_map: NDArray[np.int32] | None,
) -> Candidates:
    """Decode one head; every anchor of every cell is a candidate, cell after cell.

    Args:
        head: the layer.
        output: its flat output: of each cell and anchor x, y, w, h, objectness, classes; not changed (his C multiplies
            a WordTree's probabilities in place).
        frame: the image behind it.
        thresh: least probability of a class.
        boxes: the arithmetic of boxes.
        tree: the WordTree, of as many nodes as the head has classes.
        classes_map: with a tree, report only these nodes, as classes 0, 1, ...
    """
    cells, count = head.w * head.h, head.w * head.h * head.n
    values = output.reshape(cells, head.n, 5 + head.classes)
    planes = np.ascontiguousarray(values[:, :, :4].transpose(1, 2, 0))  # n x 4 x cells
    for anchor in planes:
        logistic_values(anchor[:2].reshape(-1))
    box = np.empty((count, 4), np.float32)
    index = np.arange(count)
    where = index % head.n * cells + index // head.n
    anchor_boxes(
        box.reshape(-1), planes.reshape(-1), where, np.array(head.biases, np.float32), 4, head.w, head.h, head.w, head.h
    )  # fmt: skip
    scale = values[:, :, 4].reshape(-1)
    if head.classfix == -1:
        scale = np.where(scale < np.float32(0.5), np.float32(0), scale)
    prob = _probabilities(values[:, :, 5:].reshape(count, -1), scale, thresh, tree, classes_map)
    return Candidates(boxes.correct(frame, box), np.ones(count, np.float32), index, prob)


def _probabilities(
    classes: Floats, scale: Floats, thresh: np.float32, tree: Tree | None, classes_map: NDArray[np.int32] | None
) -> Floats:
    """Probability of each class in each box: boxes x classes, 0 where not above ``thresh``."""
    if tree is None:
        prob = scale[:, None] * classes
        prob[~(prob > thresh)] = 0
        return prob
    absolute = classes.copy()
    for node, parent in enumerate(tree.parent):  # ascending: a parent always before its children
        if parent >= 0:
            absolute[:, node] *= absolute[:, parent]
    prob = np.zeros_like(absolute)
    if classes_map is not None:
        mapped = scale[:, None] * absolute[:, classes_map]
        mapped[~(mapped > thresh)] = 0
        prob[:, : len(classes_map)] = mapped
        return prob
    above = absolute > TREE_THRESH
    last = absolute.shape[1] - 1 - above[:, ::-1].argmax(axis=1)  # the one with the greatest number is the deepest
    rows = np.flatnonzero(above.any(axis=1) & (scale > thresh))
    prob[rows, last[rows]] = absolute[rows, last[rows]]
    return prob
