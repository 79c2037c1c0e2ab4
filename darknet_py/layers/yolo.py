"""``[yolo]``: Darknet's ``make_yolo_layer``, a head of YOLOv3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import losses
from .base import Place
from .head import Fact, MaskedHead, read_masked, read_nms
from .opencv import OpenCvLayer, RowOptions

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Yolo(MaskedHead):
    """Boxes at the anchors of ``mask``, with independent logistic classes.

    Channels of an anchor: 4 box values, objectness, ``classes`` class values.

    In AlexeyAB's dialect also:

    Attributes:
        new_coords: the convolution before has applied the activation; sizes are squares, not exponentials.
    """

    kind = "yolo"

    new_coords: bool = False

    @classmethod
    def parse(cls, section: Section, place: Place) -> Yolo:
        """Read a section; the input's channels must be ``len(mask) * (classes + 5)``."""
        options = read_masked(section, place, values=5)
        return cls(**options, new_coords=bool(section.find_int("new_coords", 0)), nms=read_nms(section))

    def export_facts(self) -> Mapping[str, Fact]:
        facts: dict[str, Fact] = {"classes": self.classes, "mask": self.mask, "anchors": self.biases}
        if self.scale_x_y != 1 or self.new_coords:
            facts |= {"scale_x_y": self.scale_x_y, "new_coords": self.new_coords}
        return facts

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"yolo_{self.index}", "Region", rows=True, reads_image=True)

    def row_options(self, section: Section) -> RowOptions:
        return RowOptions(
            tuple(self.anchors[k] for k in self.mask), section.find_float("thresh", 0.2),
            section.find_float("nms_threshold", 0.0), squares=self.new_coords,
        )  # fmt: skip

    def describe(self) -> str:
        return "yolo"

    def alexeyab_row(self, network: Network) -> str:
        options = losses(network.sections[self.index])
        return f"yolo\n[yolo] params: {options}, scale_x_y: {self.scale_x_y:2.2f}"
