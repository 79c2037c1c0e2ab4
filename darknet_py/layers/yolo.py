"""``[yolo]``: Darknet's ``make_yolo_layer``, a head of YOLOv3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .base import Place, Shape, need_image, number_of_anchors, positive, read_anchors
from .head import Head, pairs, read_nms
from .rows import RowOptions

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Yolo(Head):
    """Boxes at the anchors of ``mask``, with independent logistic classes.

    Channels of an anchor: 4 box values, objectness, ``classes`` class values. ``biases`` are the widths and heights of
    all ``total`` anchors, in pixels of the network's input.

    In AlexeyAB's dialect also:

    Attributes:
        scale_x_y: how far a box's centre may leave its cell.
        new_coords: the convolution before has applied the activation; sizes are squares, not exponentials.
    """

    kind = "yolo"

    total: int
    mask: tuple[int, ...]
    biases: tuple[float, ...]
    map: str | None
    scale_x_y: float = 1.0
    new_coords: bool = False

    @classmethod
    def parse(cls, section: Section, place: Place) -> Yolo:
        """Read a section; the input's channels must be ``len(mask) * (classes + 5)``."""
        shape = need_image(section, place)
        classes = positive(section, "classes", 20)
        total = number_of_anchors(section)
        mask = read_mask(section, total)
        if shape.c != len(mask) * (classes + 5):
            raise section.error(
                f"[yolo] needs {len(mask) * (classes + 5)} channels ({len(mask)} anchors of mask x (classes={classes} "
                f"+ 5)), but the layer before it gives {shape.c}; set its filters to fit"
            )
        return cls(
            index=place.index, line=section.line, input=shape, out=shape, n=len(mask), total=total, mask=mask,
            classes=classes, biases=read_anchors(section, total), map=section.find_str("map", "") or None,
            scale_x_y=section.find_float("scale_x_y", 1.0), new_coords=bool(section.find_int("new_coords", 0)),
            nms=read_nms(section),
        )  # fmt: skip

    @property
    def w(self) -> int:
        """Width of the grid, in cells."""
        return self.input.w

    @property
    def h(self) -> int:
        """Height of the grid, in cells."""
        return self.input.h

    @property
    def anchors(self) -> tuple[tuple[float, float], ...]:
        return pairs(self.biases)

    def anchor_scale(self, net: Shape) -> tuple[float, float]:
        return net.w, net.h

    def export_facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"classes": self.classes, "mask": self.mask, "anchors": self.biases}
        if self.scale_x_y != 1 or self.new_coords:
            facts |= {"scale_x_y": self.scale_x_y, "new_coords": self.new_coords}
        return facts

    def row_options(self, section: Section) -> RowOptions:
        return RowOptions(
            f"yolo_{self.index}", tuple(self.anchors[k] for k in self.mask), section.find_float("thresh", 0.2),
            section.find_float("nms_threshold", 0.0), squares=self.new_coords,
        )  # fmt: skip

    def describe(self) -> str:
        return "yolo"


def read_mask(section: Section, total: int) -> tuple[int, ...]:
    """``mask``: numbers of the head's anchors among ``total``; all of them by default."""
    mask = tuple(section.find_ints("mask") or range(total))
    for entry in mask:
        if not 0 <= entry < total:
            raise section.error(f"mask={entry} is no anchor: num={total} allows 0 to {total - 1}", "mask")
    return mask
