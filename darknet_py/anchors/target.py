"""What anchors are for: a kind of head and an input size, hence their units in a cfg."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CfgError

if TYPE_CHECKING:
    from ..network import Network
    from ..typing import Doubles


HEADS = ("region", "yolo")

CELL = 32.0
"""Pixels of a cell of YOLOv2's grid, each way."""


@dataclass(frozen=True)
class Target:
    """A head of a network.

    Attributes:
        head: ``region``, whose anchors are in cells of its grid, or ``yolo``, whose anchors are in pixels.
        width, height: the network's input.
        cell: width and height in pixels of what ``region`` counts in.
    """

    head: str = "region"
    width: int = 416
    height: int = 416
    cell: tuple[float, float] = (CELL, CELL)

    @property
    def unit(self) -> str:
        """What the anchors count."""
        return "pixels" if self.head == "yolo" else f"cells of {self.cell[0]:g}x{self.cell[1]:g} pixels"

    @property
    def scale(self) -> Doubles:
        """Fractions of the input times this are a cfg's values."""
        size = np.array([self.width, self.height], np.float64)
        return size if self.head == "yolo" else size / np.array(self.cell)

    def rounded(self, sizes: Doubles) -> Doubles:
        """Sizes in fractions of the input -> values as a cfg has them: cells with four decimals, whole pixels."""
        values = sizes * self.scale
        result: Doubles = np.maximum(values.round(), 1.0) if self.head == "yolo" else values.round(4)
        return result

    def text(self, values: Doubles) -> str:
        """Values as a cfg writes them: ``10,13, 16,30``."""
        return ", ".join(f"{w:g},{h:g}" for w, h in values.tolist())


def target_of(network: Network) -> tuple[Target, Doubles]:
    """The head of a network, and its anchors in fractions of the input, float64[num, 2].

    Of several heads the first counts: those of YOLOv3 share one list, and each takes what its ``mask`` says.

    Raises:
        CfgError: no head has anchors.
    """
    shape = network.input
    for head in network.heads:
        if head.anchors:
            break
    else:
        raise CfgError("the network has no [region] or [yolo] head: it has no anchors", network.path)
    scale = np.array(head.anchor_scale(shape), np.float64)
    cell = (shape.w / head.out.w, shape.h / head.out.h) if head.kind == "region" else (CELL, CELL)
    return Target(head.kind, shape.w, shape.h, cell), np.array(head.anchors, np.float64) / scale
