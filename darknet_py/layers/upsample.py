"""``[upsample]``: Darknet's ``make_upsample_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import dimensions
from .base import Layer, Place, Shape, checked_output, need_image, no_more_than
from .opencv import OpenCvLayer

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Upsample(Layer):
    """Nearest-neighbour upsampling times ``scale``; with a negative stride (``reverse``), sums of blocks."""

    kind = "upsample"

    stride: int
    reverse: bool
    scale: float

    @classmethod
    def parse(cls, section: Section, place: Place) -> Upsample:
        """Read a section."""
        shape = need_image(section, place)
        stride = section.find_int("stride", 2)
        if stride == 0:
            raise section.error("stride must not be 0", "stride")
        reverse = stride < 0
        stride = abs(stride) if reverse else no_more_than(section, "stride", stride)
        if reverse:
            out = Shape(shape.c, shape.h // stride, shape.w // stride)
        else:
            out = Shape(shape.c, shape.h * stride, shape.w * stride)
        return cls(index=place.index, line=section.line, input=shape, out=checked_output(section, out, shape),
                   stride=stride, reverse=reverse, scale=section.find_float("scale", 1.0))  # fmt: skip

    def beginning(self, place: int) -> int | None:
        return self.out.size * self.stride**2 if self.reverse else None

    @property
    def passes_values(self) -> bool:
        return not self.reverse and self.scale == 1

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"upsample_{self.index}", "Resize")

    def describe(self) -> str:
        name = "downsample         " if self.reverse else "upsample           "
        return (
            f"{name}{self.stride:2d}x  {self.input.w:4d} x{self.input.h:4d} x{self.input.c:4d}   ->  "
            f"{self.out.w:4d} x{self.out.h:4d} x{self.out.c:4d}"
        )

    def alexeyab_row(self, network: Network) -> str:
        name = "downsample" if self.reverse else "upsample"
        return f"{name:24}{self.stride:2d}x  {dimensions(self.input)} -> {dimensions(self.out)}"
