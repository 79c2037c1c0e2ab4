"""WordTree classes (YOLO9000, section 4 of its paper; Darknet's ``tree.c``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DarknetError
from ..kernels.layers import boxes as kernels
from ..typing import Floats
from .candidates import Indices

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..layers import Head, Region


MAP_ENTRIES = 200
"""How many entries of a map Darknet's programs read, and how many classes its ImageNet detection has."""


class TreeStep(NamedTuple):
    """One node on the path from the root to a class."""

    class_id: int
    name: str
    conditional: float
    """Probability of the node, given its parent."""
    absolute: float
    """Product of the conditional probabilities from the root to the node."""


def top_classes(head: Region, output: Floats, kept: Indices, hier_thresh: np.float32, tree: Tree) -> Indices:
    """The class found for each box: down the tree along the best children, as long as it stays above ``hier_thresh``.

    As at Darknet's head, a node's absolute probability is multiplied along the path once more
    (``hierarchy_predictions``, then ``hierarchy_top_prediction``).
    """
    top = np.zeros(len(kept), np.int64)
    kernels.tree_classes(
        top, output, kept, head.coords + 1 + head.classes, head.first_class, head.w * head.h,
        tree.parent, tree.child, tree.group_offset, tree.group_size, hier_thresh,
    )  # fmt: skip
    return top


def mapped_probabilities(
    head: Region, output: Floats, kept: Indices, tree: Tree, classes_map: NDArray[np.int32]
) -> Floats:
    """Absolute probabilities of the nodes in ``classes_map``: kept x len(classes_map).

    Darknet's C loop always runs over 200 entries, reading beyond the end of a shorter map (coco9k.map has 80); here the
    map's own length counts.
    """
    nodes = sorted({node for wanted in classes_map for node in tree.path(int(wanted))})
    row = {node: number for number, node in enumerate(nodes)}
    planes = output.reshape(head.n, -1, head.w * head.h)
    anchor, cell = np.divmod(kept, planes.shape[2])
    absolute = planes[anchor[None, :], head.first_class + np.array(nodes)[:, None], cell[None, :]]
    for node in nodes:  # ascending: a parent always before its children
        parent = int(tree.parent[node])
        if parent >= 0:
            absolute[row[node]] *= absolute[row[parent]]
    chosen: NDArray[np.float32] = absolute[[row[int(node)] for node in classes_map]].T
    return chosen


def check_map(classes_map: NDArray[np.int32], classes: int) -> None:
    """Refuse a map that Darknet would read or write beyond its arrays with."""
    if classes_map.ndim != 1 or len(classes_map) > classes:
        raise DarknetError(f"the map has {classes_map.size} entries, but the network has {classes} classes")
    wrong = np.flatnonzero((classes_map < 0) | (classes_map >= classes))
    if wrong.size:
        raise DarknetError(
            f"map entry {wrong[0]} is {classes_map[wrong[0]]}, but the network's classes are 0 to {classes - 1}"
        )


def tree_steps(head: Head, output: Floats, box_id: int, class_id: int, tree: Tree) -> list[TreeStep]:
    """How a box came to a class: the nodes from the root to it, with their probabilities.

    Args:
        head: the layer with the tree.
        output: its flat output.
        box_id: number of the box among the head's candidates (`Detections.box_id`).
        class_id: a node of the tree.
        tree: the WordTree.
    """
    classes = _class_values(head, output, box_id)
    steps = []
    absolute = np.float32(1)
    for node in tree.path(class_id):
        conditional = classes[node]
        absolute = conditional * absolute
        steps.append(TreeStep(int(node), tree.names[node], float(conditional), float(absolute)))
    return steps


def _class_values(head: Head, output: Floats, box_id: int) -> Floats:
    """The values of a box's classes."""
    cells = head.input.w * head.input.h
    if head.flat:
        values: Floats = output.reshape(cells * head.n, -1)[box_id]
    else:
        anchor, cell = divmod(box_id, cells)
        values = output.reshape(head.n, -1, cells)[anchor, :, cell]
    return values[head.first_class :]
