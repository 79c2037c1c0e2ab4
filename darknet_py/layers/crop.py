"""``[crop]``: Darknet's ``make_crop_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Layer, Place, Shape, checked_output, need_image, positive

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Crop(Layer):
    """The middle of the image, brought to -1..1 (unless ``noadjust``)."""

    kind = "crop"

    noadjust: bool

    @classmethod
    def parse(cls, section: Section, place: Place) -> Crop:
        """Read a section."""
        shape = need_image(section, place)
        height = positive(section, "crop_height", 1)
        width = positive(section, "crop_width", 1)
        if height > shape.h or width > shape.w:
            raise section.error(f"[crop] of {width} x {height} is larger than its input, {shape}", "crop_height")
        out = checked_output(section, Shape(shape.c, height, width), shape)
        return cls(index=place.index, line=section.line, input=shape, out=out,
                   noadjust=bool(section.find_int("noadjust", 0)))  # fmt: skip

    def describe(self) -> str:
        shape, out = self.input, self.out
        return f"Crop Layer: {shape.h} x {shape.w} -> {out.h} x {out.w} x {shape.c} image"
