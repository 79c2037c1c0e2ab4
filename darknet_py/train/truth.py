"""What the labels of a call look like, and whether they can be what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DarknetError, DataError
from ..formats.data import read_map
from ..kernels.train.region import CLASS_ONLY
from ..layers import Cost, Detection, Layer, Logistic, Region, Softmax, Yolo
from ..loading import find_data_file
from .options import section_of

if TYPE_CHECKING:
    from ..network import Network
    from ..typing import Floats, Ints

MOST_BOXES = {"region": 30, "yolo": 90}
"""Boxes of an image's labels, where the cfg has no ``max``."""


@dataclass(frozen=True)
class Boxes:
    """Labels of ``[region]`` and ``[yolo]``: ``rows`` of centre, size (fractions of the input) and class for an image.

    Attributes:
        rows: how many there are; a row whose x is 0 is the end.
        classes: classes of the network.
        labelled: classes that labels may have: those of the ``map``, or the network's.
        tree: a row of class only is possible: all four numbers are 999999, the class is a node of the tree.
    """

    rows: int
    classes: int
    labelled: int
    tree: bool

    @property
    def length(self) -> int:
        """Values of an image."""
        return 5 * self.rows

    def check(self, y: Floats) -> None:
        """Raise `DarknetError` at the first box that cannot be: its class, or a centre outside of the image."""
        for image, row in enumerate(y.reshape(len(y), self.rows, 5)):
            ends = np.flatnonzero(row[:, 0] == 0)
            boxes = row[: ends[0] if ends.size else self.rows]
            only = (boxes[:, 0] > CLASS_ONLY) & (boxes[:, 1] > CLASS_ONLY)
            if only.any() and not self.tree:
                raise self._error(image, int(np.argmax(only)), "has a class only, which takes a [region] with a tree")
            limits = np.where(only, self.classes, self.labelled)
            inside = only | ((boxes[:, :2] >= 0) & (boxes[:, :2] < 1)).all(axis=1)
            sized = only | (np.isfinite(boxes[:, 2:4]) & (boxes[:, 2:4] > 0)).all(axis=1)
            known = (boxes[:, 4] >= 0) & (boxes[:, 4] < limits)
            for t in np.flatnonzero(~(known & inside & sized))[:1]:
                what = (
                    f"has class {boxes[t, 4]:g}, but there are {limits[t]}" if not known[t]
                    else f"is at {boxes[t, 0]:g}, {boxes[t, 1]:g}, outside of the image" if not inside[t]
                    else f"has a size of {boxes[t, 2]:g} x {boxes[t, 3]:g}"
                )  # fmt: skip
                raise self._error(image, int(t), what)

    @staticmethod
    def _error(image: int, box: int, what: str) -> DarknetError:
        return DarknetError(f"labels of image {image}: box {box} {what}")


@dataclass(frozen=True)
class Cells:
    """Labels of ``[detection]``: for each of ``cells``: whether there is an object, ``classes`` values, and its box."""

    cells: int
    classes: int

    @property
    def length(self) -> int:
        """Values of an image."""
        return self.cells * (5 + self.classes)

    def check(self, y: Floats) -> None:
        """Raise `DarknetError` where there are values that are no numbers."""
        check_finite(y)


@dataclass(frozen=True)
class Values:
    """Labels of classifiers: a value for each output. -1234 where nothing is known."""

    length: int

    def check(self, y: Floats) -> None:
        """Raise `DarknetError` where there are values that are no numbers."""
        check_finite(y)


Truth = Boxes | Cells | Values


def check_finite(y: Floats) -> None:
    """Raise `DarknetError` at the first value that is not finite."""
    wrong = np.argwhere(~np.isfinite(y))
    if len(wrong):
        image, place = wrong[0][0], wrong[0][1]
        raise DarknetError(f"labels of image {image}: value {place} is {y[image, place]}")


def truth_of(network: Network) -> Truth:
    """The labels that a network's losses ask for.

    Raises:
        CfgError: it has no loss, or its losses ask for different labels.
    """
    found = [(layer, _TRUTHS[type(layer)](network, layer)) for layer in network.layers if type(layer) in _TRUTHS]
    if not found:
        raise DarknetError(
            f"{network.path}: there is nothing to train: no [region], [yolo], [detection], [softmax], [cost] or "
            "[logistic]"
        )
    first_layer, first = found[0]
    for layer, truth in found[1:]:
        if truth != first:
            raise network.error(
                layer, f"[{layer.kind}] asks for other labels than the [{first_layer.kind}] of layer "
                f"{first_layer.index}: {truth.length} values of an image, not {first.length}"
                if truth.length != first.length else
                f"[{layer.kind}] asks for other labels than the [{first_layer.kind}] of layer {first_layer.index}",
            )  # fmt: skip
    return first


def _boxes_of(network: Network, layer: Region | Yolo) -> Boxes:
    section = section_of(network, layer.index)
    usual = MOST_BOXES[layer.kind]
    rows = section.find_int("max", usual)
    if rows < 1:
        raise section.error(f"max={rows} must be at least 1", "max")
    if layer.kind == "region" and rows > usual:
        section.warn(f"max={rows}: of an image's boxes the first {usual} count, as in Darknet", "max")
    known = class_map(network, layer)
    return Boxes(rows, layer.classes, layer.classes if known is None else len(known), layer.tree is not None)


def _cells_of(network: Network, layer: Detection) -> Cells:
    return Cells(layer.side**2, layer.classes)


def _values_of(network: Network, layer: Layer) -> Values:
    return Values(layer.input.size)


_TRUTHS: dict[type[Layer], Callable[[Network, Any], Truth]] = {
    Cost: _values_of, Detection: _cells_of, Logistic: _values_of, Region: _boxes_of, Softmax: _values_of,
    Yolo: _boxes_of,
}  # fmt: skip
"""Layer class -> what labels it asks for. Other layers have no loss."""


def class_map(network: Network, layer: Layer) -> Ints | None:
    """The network's class for each class of the labels (``map``), if they are not the same.

    Raises:
        DataError, DarknetError: the file cannot be read, or has a class that there is not.
    """
    name: str | None = getattr(layer, "map", None)
    if name is None:
        return None
    path, classes = find_data_file(name, Path(network.path)), network.classes
    numbers = read_map(path).astype(np.int64)
    for wrong in np.flatnonzero(numbers >= classes)[:1]:
        raise DataError(f"class {numbers[wrong]} is none of {network.path}: there are {classes}", path, int(wrong) + 1)
    return numbers
