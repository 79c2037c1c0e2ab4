"""``[reorg]``: Darknet's ``make_reorg_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import dimensions
from .base import REACH, Layer, Place, Shape, checked_output, need_image, no_more_than, not_negative, positive
from .opencv import OpenCvLayer

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Reorg(Layer):
    """Reorders values between space and channels, in Darknet's own order.

    ``reverse=0`` (the pass-through of YOLOv2) is *not* the space-to-depth that its output shape suggests: Darknet calls
    ``reorg_cpu`` with the shape of the input. ``flatten`` swaps channels and pixels; ``extra`` lengthens the output by
    that many zeros.
    """

    kind = "reorg"

    stride: int
    reverse: bool
    flatten: bool
    extra: int

    @classmethod
    def parse(cls, section: Section, place: Place) -> Reorg:
        """Read a section; shapes for which Darknet would leave its arrays are refused."""
        shape = need_image(section, place)
        stride = positive(section, "stride", 1)
        reverse = bool(section.find_int("reverse", 0))
        flatten = bool(section.find_int("flatten", 0))
        extra = no_more_than(section, "extra", not_negative(section, "extra", 0), REACH * shape.size)
        if extra and flatten:
            raise section.error("[reorg] with flatten=1 takes no extra: Darknet would read beyond its input", "extra")
        blocks = stride * stride
        if extra:
            out = Shape(shape.size + extra, image=False)
        elif reverse:
            out = Shape(shape.c // blocks, shape.h * stride, shape.w * stride)
        else:
            out = Shape(shape.c * blocks, shape.h // stride, shape.w // stride)
        checked_output(section, out, shape)
        if not extra and out.size != shape.size:
            raise section.error(f"stride={stride} does not divide {shape} evenly", "stride")
        if not (extra or flatten) and shape.c % blocks:
            raise section.error(f"[reorg] with stride={stride} needs a multiple of {blocks} channels, not {shape.c}")
        return cls(index=place.index, line=section.line, input=shape, out=out, stride=stride, reverse=reverse,
                   flatten=flatten, extra=extra)  # fmt: skip

    @property
    def passes_values(self) -> bool:
        return not (self.flatten or self.extra)

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"reorg_{self.index}", "Reorg")

    def describe(self) -> str:
        if self.extra:
            return f"reorg              {self.input.size:4d}   ->  {self.out.size:4d}"
        return (
            f"reorg              /{self.stride:2d}  {self.input.w:4d} x{self.input.h:4d} x{self.input.c:4d}   ->  "
            f"{self.out.w:4d} x{self.out.h:4d} x{self.out.c:4d}"
        )

    def alexeyab_row(self, network: Network) -> str:
        return f"reorg_old              /{self.stride:2d}  {dimensions(self.input)}   ->  {dimensions(self.out)}"
