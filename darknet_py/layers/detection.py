"""``[detection]``: Darknet's ``make_detection_layer``, the head of YOLOv1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Place, Shape, positive
from .head import Fact, Head

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Detection(Head):
    """``n`` boxes and one set of class scores for each cell of a ``side`` x ``side`` grid.

    Values: all cells' class scores, then all boxes' confidences, then all boxes' 4 coordinates.
    """

    kind = "detection"
    asks_unit = True
    mirrored = False

    side: int
    coords: int
    sqrt: bool
    softmax: bool

    @classmethod
    def parse(cls, section: Section, place: Place) -> Detection:
        """Read a section; the input must have ``side * side * ((1 + coords) * num + classes)`` values."""
        coords = positive(section, "coords", 1)
        classes = positive(section, "classes", 1)
        n = positive(section, "num", 1)
        side = positive(section, "side", 7)
        if coords != 4:
            raise section.error(f"coords={coords}: a box needs 4", "coords")
        needed = side * side * ((1 + coords) * n + classes)
        if needed != place.input.size:
            raise section.error(
                f"[detection] needs {needed} inputs (side={side}, num={n}, coords={coords}, classes={classes}), but "
                f"the layer before it gives {place.input.size}"
            )
        return cls(
            index=place.index, line=section.line, input=place.input, out=Shape(needed, image=False), side=side, n=n,
            classes=classes, coords=coords, sqrt=bool(section.find_int("sqrt", 0)),
            softmax=bool(section.find_int("softmax", 0)),
        )  # fmt: skip

    def export_facts(self) -> Mapping[str, Fact]:
        return {
            "classes": self.classes, "num": self.n, "side": self.side, "sqrt": self.sqrt, "softmax": self.softmax,
        }  # fmt: skip

    def describe(self) -> str:
        return "Detection Layer"

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        return self.side, self.side
