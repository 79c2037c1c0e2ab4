"""``[local]``: Darknet's ``make_local_layer``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Place, Shape, Stored, c_divide, checked_output, need_image, not_negative, positive
from .weighted import Weighted, read_activation, read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Local(Weighted):
    """Locally connected layer: a convolution with a filter bank of its own at every output location."""

    kind = "local"

    n: int
    size: int
    stride: int
    pad: int

    @classmethod
    def parse(cls, section: Section, place: Place) -> Local:
        """Read a section. ``pad`` is taken as it stands (it is both the switch and the number of pixels)."""
        shape = need_image(section, place)
        n = positive(section, "filters", 1)
        size = positive(section, "size", 1)
        stride = positive(section, "stride", 1)
        pad = not_negative(section, "pad", 0)
        edge = 1 if pad else size
        out = Shape(n, c_divide(shape.h - edge, stride) + 1, c_divide(shape.w - edge, stride) + 1)
        columns = tuple(c_divide(extent + 2 * pad - size, stride) + 1 for extent in (shape.h, shape.w))
        if columns != (out.h, out.w):
            raise section.error(
                f"[local] with size={size} and pad={pad} is not defined in Darknet: it unrolls {columns[1]} x "
                f"{columns[0]} places for {out.w} x {out.h} outputs; with pad=1 the size must be 3"
            )
        return cls(
            index=place.index, line=section.line, input=shape, out=checked_output(section, out, shape), n=n, size=size,
            stride=stride, pad=pad, activation=read_activation(section, "logistic"),
            dontloadscales=read_load_rules(section),
        )  # fmt: skip

    @property
    def multiply_adds(self) -> int:
        return self.size * self.size * self.input.c * self.out.size

    def arrays(self) -> list[Stored]:
        window = (self.input.c, self.size, self.size)
        weights = Stored("weights", (self.out.h * self.out.w, self.n, *window), self.spread(math.prod(window)))
        return [Stored("biases", (self.out.size,)), weights]

    def describe(self) -> str:
        return (
            f"Local Layer: {self.input.h} x {self.input.w} x {self.input.c} image, {self.n} filters -> "
            f"{self.out.h} x {self.out.w} x {self.n} image"
        )
