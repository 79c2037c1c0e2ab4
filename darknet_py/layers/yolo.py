"""``[yolo]``: Darknet's ``make_yolo_layer``, a head of YOLOv3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .base import Place, Shape, need_image, number_of_anchors, positive, read_anchors
from .head import Head, pairs

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Yolo(Head):
    """Boxes at the anchors of ``mask``, with independent logistic classes.

    Channels of an anchor: 4 box values, objectness, ``classes`` class values. ``biases`` are the widths and heights of
    all ``total`` anchors, in pixels of the network's input.
    """

    kind = "yolo"

    total: int
    mask: tuple[int, ...]
    biases: tuple[float, ...]
    map: str | None

    @classmethod
    def parse(cls, section: Section, place: Place) -> Yolo:
        """Read a section; the input's channels must be ``len(mask) * (classes + 5)``."""
        shape = need_image(section, place)
        classes = positive(section, "classes", 20)
        total = number_of_anchors(section)
        mask = tuple(section.find_ints("mask") or range(total))
        for entry in mask:
            if not 0 <= entry < total:
                raise section.error(f"mask={entry} is no anchor: num={total} allows 0 to {total - 1}", "mask")
        if shape.c != len(mask) * (classes + 5):
            raise section.error(
                f"[yolo] needs {len(mask) * (classes + 5)} channels ({len(mask)} anchors of mask x (classes={classes} "
                f"+ 5)), but the layer before it gives {shape.c}; set its filters to fit"
            )
        return cls(
            index=place.index, line=section.line, input=shape, out=shape, n=len(mask), total=total, mask=mask,
            classes=classes, biases=read_anchors(section, total), map=section.find_str("map", "") or None,
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
        return {"classes": self.classes, "mask": self.mask, "anchors": self.biases}

    def describe(self) -> str:
        return "yolo"
