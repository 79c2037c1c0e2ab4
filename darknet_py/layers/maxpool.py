"""``[maxpool]``: Darknet's ``make_maxpool_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Layer, Place, Shape, c_divide, checked_output, need_image, not_negative, positive, within_reach

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class MaxPool(Layer):
    """Largest value of each window; the window starts at ``-pad/2``, and what is outside counts as -FLT_MAX.

    ``pad`` is the padding of both sides together, ``size - 1`` unless the cfg says otherwise.
    """

    kind = "maxpool"

    size: int
    stride: int
    pad: int

    @classmethod
    def parse(cls, section: Section, place: Place) -> MaxPool:
        """Read a section."""
        shape = need_image(section, place)
        stride = positive(section, "stride", 1)
        size = positive(section, "size", stride)
        within_reach(section, "size", size, max(shape.h, shape.w))
        pad = not_negative(section, "padding", size - 1)
        out = Shape(shape.c, c_divide(shape.h + pad - size, stride) + 1, c_divide(shape.w + pad - size, stride) + 1)
        return cls(
            index=place.index, line=section.line, input=shape, out=checked_output(section, out, shape), size=size,
            stride=stride, pad=pad,
        )  # fmt: skip

    def describe(self) -> str:
        return (
            f"max          {self.size} x {self.size} / {self.stride}  "
            f"{self.input.w:4d} x{self.input.h:4d} x{self.input.c:4d}   ->  "
            f"{self.out.w:4d} x{self.out.h:4d} x{self.out.c:4d}"
        )
