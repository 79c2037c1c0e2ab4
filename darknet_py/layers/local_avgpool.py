"""``[local_avgpool]`` of AlexeyAB's Darknet: ``make_maxpool_layer`` with ``avgpool``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import pool_billions, pool_row
from .base import Layer, Place, checked_output, need_image, not_negative, positive, within_reach
from .strides import read_pool_strides, window_output

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class LocalAvgPool(Layer):
    """Mean of each window's values inside the image; windows lie as those of `MaxPool`."""

    kind = "local_avgpool"

    size: int
    stride_x: int
    stride_y: int
    pad: int

    @classmethod
    def parse(cls, section: Section, place: Place) -> LocalAvgPool:
        """Read a section."""
        shape = need_image(section, place)
        size = positive(section, "size", positive(section, "stride", 1))
        extent = max(shape.h, shape.w)
        within_reach(section, "size", size, extent)
        pad = not_negative(section, "padding", size - 1)
        stride_x, stride_y = read_pool_strides(section, extent + pad)
        out = checked_output(section, window_output(shape.c, shape, size, pad, stride_x, stride_y), shape)
        if pad - pad // 2 >= size:
            raise section.error(f"padding={pad} leaves windows of size={size} without a pixel of {shape}", "padding")
        return cls(index=place.index, line=section.line, input=shape, out=out, size=size, stride_x=stride_x,
                   stride_y=stride_y, pad=pad)  # fmt: skip

    def describe(self) -> str:
        return (
            f"local_avg    {self.size} x {self.size} / {self.stride_x}  "
            f"{self.input.w:4d} x{self.input.h:4d} x{self.input.c:4d}   ->  "
            f"{self.out.w:4d} x{self.out.h:4d} x{self.out.c:4d}"
        )

    @property
    def alexeyab_billions(self) -> float:
        return pool_billions(self)

    def alexeyab_row(self, network: Network) -> str:
        return pool_row(self, "avg", (self.stride_x, self.stride_y))
