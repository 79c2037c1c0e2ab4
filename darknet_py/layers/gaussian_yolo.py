"""``[Gaussian_yolo]`` of AlexeyAB's Darknet: ``make_gaussian_yolo_layer``, a head that knows its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .base import Place, Shape, need_image, number_of_anchors, positive, read_anchors
from .head import NMS_KINDS, Head, pairs, read_nms, read_word
from .yolo import read_mask

if TYPE_CHECKING:
    from ..formats.cfg import Section


POINTS = ("center", "left_top", "right_bottom")
"""What x and y of a box are."""


@dataclass(frozen=True, kw_only=True)
class GaussianYolo(Head):
    """Boxes as those of `Yolo`, each coordinate with its uncertainty.

    Channels of an anchor: x, its uncertainty, y, its, w, its, h, its, objectness, ``classes`` class values.
    """

    kind = "Gaussian_yolo"

    total: int
    mask: tuple[int, ...]
    biases: tuple[float, ...]
    map: str | None
    scale_x_y: float
    point: str

    @classmethod
    def parse(cls, section: Section, place: Place) -> GaussianYolo:
        """Read a section; the input's channels must be ``len(mask) * (classes + 9)``."""
        shape = need_image(section, place)
        classes = positive(section, "classes", 20)
        total = number_of_anchors(section)
        mask = read_mask(section, total)
        if shape.c != len(mask) * (classes + 9):
            raise section.error(
                f"[Gaussian_yolo] needs {len(mask) * (classes + 9)} channels ({len(mask)} anchors of mask x "
                f"(classes={classes} + 9)), but the layer before it gives {shape.c}; set its filters to fit"
            )
        return cls(
            index=place.index, line=section.line, input=shape, out=shape, n=len(mask), total=total, mask=mask,
            classes=classes, biases=read_anchors(section, total), map=section.find_str("map", "") or None,
            scale_x_y=section.find_float("scale_x_y", 1.0), point=read_word(section, "yolo_point", POINTS),
            nms=read_nms(section, NMS_KINDS),
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
        return {
            "classes": self.classes, "mask": self.mask, "anchors": self.biases, "scale_x_y": self.scale_x_y,
            "point": self.point,
        }  # fmt: skip

    def describe(self) -> str:
        return "Gaussian_yolo"
