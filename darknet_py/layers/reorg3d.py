"""``[reorg3d]`` of AlexeyAB's Darknet: its ``make_reorg_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import dimensions
from .base import Layer, Place, Shape, checked_output, need_image, positive

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Reorg3d(Layer):
    """Space to depth: channel ``(dy * stride + dx) * c + k`` has the pixels (x * stride + dx, y * stride + dy) of k.

    ``reverse`` is not the way back: AlexeyAB's Darknet calls ``reorg_cpu`` with the shape of the output there, too.
    """

    kind = "reorg3d"

    stride: int
    reverse: bool

    @classmethod
    def parse(cls, section: Section, place: Place) -> Reorg3d:
        """Read a section; shapes that the stride does not divide are refused."""
        shape = need_image(section, place)
        stride = positive(section, "stride", 1)
        reverse = bool(section.find_int("reverse", 0))
        blocks = stride * stride
        if reverse:
            out = Shape(shape.c // blocks, shape.h * stride, shape.w * stride)
        else:
            out = Shape(shape.c * blocks, shape.h // stride, shape.w // stride)
        checked_output(section, out, shape)
        if out.size != shape.size:
            raise section.error(f"stride={stride} does not divide {shape} evenly", "stride")
        if out.c % blocks:
            raise section.error(f"[reorg3d] with reverse=1 needs a multiple of {blocks**2} channels, not {shape.c}")
        return cls(index=place.index, line=section.line, input=shape, out=out, stride=stride, reverse=reverse)

    def describe(self) -> str:
        return (
            f"reorg3d            /{self.stride:2d}  {self.input.w:4d} x{self.input.h:4d} x{self.input.c:4d}   ->  "
            f"{self.out.w:4d} x{self.out.h:4d} x{self.out.c:4d}"
        )

    def alexeyab_row(self, network: Network) -> str:
        return f"reorg                    /{self.stride:2d} {dimensions(self.input)} -> {dimensions(self.out)}"
