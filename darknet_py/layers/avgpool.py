"""``[avgpool]``: Darknet's ``make_avgpool_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import dimensions
from .base import Layer, Place, Shape, need_image
from .opencv import OpenCvLayer

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class AvgPool(Layer):
    """Mean of each whole channel."""

    kind = "avgpool"

    @classmethod
    def parse(cls, section: Section, place: Place) -> AvgPool:
        """Read a section."""
        shape = need_image(section, place)
        return cls(index=place.index, line=section.line, input=shape, out=Shape(shape.c))

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"avgpool_{self.index}", "Pooling", work=2)

    def describe(self) -> str:
        shape = self.input
        return f"avg                     {shape.w:4d} x{shape.h:4d} x{shape.c:4d}   ->  {shape.c:4d}"

    def alexeyab_row(self, network: Network) -> str:
        return f"avg{'':26}{dimensions(self.input)} ->   {self.input.c:4d}"
