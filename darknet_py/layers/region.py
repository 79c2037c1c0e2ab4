"""``[region]``: Darknet's ``make_region_layer``, the head of YOLOv2 and YOLO9000."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..formats.cfg import to_float32
from .base import Place, Shape, need_image, number_of_anchors, positive, read_anchors
from .head import Fact, GridHead
from .opencv import OpenCvLayer, RowOptions

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Region(GridHead):
    """Boxes at ``n`` anchors per cell (paper, section 2), classes by softmax, logistic or WordTree (section 4).

    Channels of an anchor: ``coords`` box values, objectness, ``classes`` class values. ``biases`` are the anchors'
    widths and heights in cells. ``tree`` is a file name as the cfg writes it. ``flat``: as in AlexeyAB's dialect the
    output has the values of each cell, anchor after anchor, side by side; ``classfix`` -1 then takes an
    objectness below .5 for 0.
    """

    kind = "region"

    coords: int
    softmax: bool
    background: bool
    flat: bool = False
    classfix: int = 0

    @classmethod
    def parse(cls, section: Section, place: Place) -> Region:
        """Read a section; the input's channels must be ``num * (classes + coords + 1)``."""
        shape = need_image(section, place)
        n = number_of_anchors(section)
        classes = positive(section, "classes", 20)
        coords = positive(section, "coords", 4)
        if coords < 4:
            raise section.error(f"coords={coords}: a box needs 4", "coords")
        flat = section.dialect.flat_regions
        if flat and coords != 4:
            raise section.error(
                f"coords={coords}: {section.dialect.name} decodes every [region] as if it had 4 coordinates", "coords"
            )
        if shape.c != n * (classes + coords + 1):
            raise section.error(
                f"[region] needs {n * (classes + coords + 1)} channels (num={n} x (classes={classes} + coords={coords}"
                f" + 1)), but the layer before it gives {shape.c}; set its filters to fit"
            )
        return cls(
            index=place.index, line=section.line, input=shape, out=shape, n=n, classes=classes, coords=coords,
            biases=read_anchors(section, n), softmax=bool(section.find_int("softmax", 0)),
            background=bool(section.find_int("background", 0)), tree=section.find_str("tree", "") or None,
            map=section.find_str("map", "") or None,
            flat=flat, classfix=section.find_int("classfix", 0) if flat else 0,
        )  # fmt: skip

    def anchor_scale(self, net: Shape) -> tuple[float, float]:
        return self.w, self.h

    @property
    def first_class(self) -> int:
        return self.coords + (0 if self.background and not self.flat else 1)

    def export_facts(self) -> Mapping[str, Fact]:
        return {
            "classes": self.classes, "num": self.n, "coords": self.coords, "anchors": self.biases,
            "softmax": self.softmax, "background": self.background, "tree": self.tree,
        }  # fmt: skip

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer("detection_out", "Region", rows=True)

    def row_options(self, section: Section) -> RowOptions:
        if self.coords != 4:
            raise section.error(f"OpenCV has no rows of boxes for coords={self.coords}", "coords")
        if self.tree:
            raise section.error("OpenCV has no rows of boxes for a [region] with a tree", "tree")
        return RowOptions(
            self.anchors, section.find_float("thresh", 0.001), to_float32(0.4), in_cells=True,
            classfix=section.find_int("classfix", 0),
        )  # fmt: skip

    def describe(self) -> str:
        return "detection"
