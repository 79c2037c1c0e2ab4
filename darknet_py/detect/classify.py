"""A classifier's best classes (Darknet's ``predict_classifier``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..kernels.runtime.denormals import denormals_as_zero

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..formats.tree import Tree


class Classification(NamedTuple):
    """One class of an image."""

    name: str
    probability: float
    class_id: int


@denormals_as_zero(False)
def best_classes(
    output: NDArray[np.float32], top: int, names: Sequence[str] = (), tree: Tree | None = None, inner: bool = False
) -> list[Classification]:
    """The ``top`` classes, most probable first; equal ones as Darknet's ``top_k`` leaves them.

    Args:
        output: the network's output, float32, flat; not changed.
        top: how many.
        names: class names; a class without one is called by its number.
        tree: with a WordTree, the outputs are probabilities given the parent: they are multiplied down from the roots,
            and only leaves count (``hierarchy_predictions``).
        inner: the tree's other nodes count, too.
    """
    probability = output.copy()
    if tree is not None:
        for node, parent in enumerate(tree.parent):
            if parent >= 0:
                probability[node] *= probability[parent]
        if not inner:
            probability[~tree.leaf] = 0
    order = _top_k(probability, top)
    return [Classification(names[i] if i < len(names) else str(i), float(probability[i]), i) for i in order]


def _top_k(values: NDArray[np.float32], top: int) -> list[int]:
    """Numbers of the ``top`` largest values in the order of Darknet's ``top_k``.

    It goes through the values and lets each take the first of ``top`` places whose value is less; who was there goes
    on to the next places likewise. Of equal ones, therefore, one that was pushed out once comes last; a nan that has a
    place keeps it.
    """
    order = np.argsort(-values, kind="stable")[: top + 1]
    best = values[order]
    if np.all(best[:-1] > best[1:]) and not np.isnan(values).any():  # any way to sort gives the same
        return [int(i) for i in order[:top]]
    ranked: list[int] = []
    numbers = values.tolist()
    for number in range(len(numbers)):
        current = number
        for k, holder in enumerate(ranked):
            if numbers[current] > numbers[holder]:
                ranked[k], current = current, holder
        if len(ranked) < top:
            ranked.append(current)
    return ranked
