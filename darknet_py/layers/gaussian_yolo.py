"""``[Gaussian_yolo]`` of AlexeyAB's Darknet: ``make_gaussian_yolo_layer``, a head that knows its uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import losses
from .base import Place
from .head import NMS_KINDS, Fact, MaskedHead, read_masked, read_nms, read_word

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


POINTS = ("center", "left_top", "right_bottom")
"""What x and y of a box are."""

_POINTS = {"center": 1, "left_top": 2, "right_bottom": 4}
"""Their numbers in AlexeyAB's table."""


@dataclass(frozen=True, kw_only=True)
class GaussianYolo(MaskedHead):
    """Boxes as those of `Yolo`, each coordinate with its uncertainty.

    Channels of an anchor: x, its uncertainty, y, its, w, its, h, its, objectness, ``classes`` class values.
    """

    kind = "Gaussian_yolo"

    point: str

    @classmethod
    def parse(cls, section: Section, place: Place) -> GaussianYolo:
        """Read a section; the input's channels must be ``len(mask) * (classes + 9)``."""
        options = read_masked(section, place, values=9)
        return cls(**options, point=read_word(section, "yolo_point", POINTS), nms=read_nms(section, NMS_KINDS))

    def export_facts(self) -> Mapping[str, Fact]:
        return {
            "classes": self.classes, "mask": self.mask, "anchors": self.biases, "scale_x_y": self.scale_x_y,
            "point": self.point,
        }  # fmt: skip

    def describe(self) -> str:
        return "Gaussian_yolo"

    def alexeyab_row(self, network: Network) -> str:
        scale, point = f"scale: {self.scale_x_y:2.2f}", f"point: {_POINTS[self.point]}"
        return f"[Gaussian_yolo] {losses(network.sections[self.index])}, {scale}, {point}"
