"""A classifier's best classes (Darknet's ``predict_classifier``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..formats.tree import Tree


class Classification(NamedTuple):
    """One class of an image."""

    name: str
    probability: float
    class_id: int


def best_classes(
    output: NDArray[np.float32], top: int, names: Sequence[str] = (), tree: Tree | None = None
) -> list[Classification]:
    """The ``top`` classes, most probable first; of equal ones the first.

    Args:
        output: the network's output, float32, flat; not changed.
        top: how many.
        names: class names; a class without one is called by its number.
        tree: with a WordTree, the outputs are probabilities given the parent: they are multiplied down from the roots,
            and only leaves count (``hierarchy_predictions``).
    """
    probability = output.copy()
    if tree is not None:
        for node, parent in enumerate(tree.parent):
            if parent >= 0:
                probability[node] *= probability[parent]
        probability[~tree.leaf] = 0
    order = np.argsort(-probability, kind="stable")[:top]
    return [Classification(names[i] if i < len(names) else str(i), float(probability[i]), int(i)) for i in order]
