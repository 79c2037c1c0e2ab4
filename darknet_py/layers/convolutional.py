"""``[convolutional]``: Darknet's ``make_convolutional_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Place, Shape, Stored, c_divide, checked_output, need_image, not_negative, positive, within_reach
from .weighted import Weighted, read_activation, read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Convolutional(Weighted):
    """2-D convolution over ``groups`` groups of channels, then batch normalisation or biases, then activation.

    ``pad`` is the padding in pixels (the cfg's ``pad=1`` means ``size/2``). A 1x1 convolution reads its input as it
    lies in memory: ``stride`` then shortens the output but skips nothing (Darknet's ``forward_convolutional_layer``).
    With ``xnor`` it multiplies signs (XNOR-Net, Rastegari et al. 2016): an input's, and a weight's times the mean of
    its filter.
    """

    kind = "convolutional"

    n: int
    size: int
    stride: int
    pad: int
    groups: int
    flipped: bool = False
    xnor: bool = False

    @classmethod
    def parse(cls, section: Section, place: Place) -> Convolutional:
        """Read a section; `CfgError` for what Darknet could not run or would read beyond its memory for."""
        shape = need_image(section, place)
        n = positive(section, "filters", 1)
        size = positive(section, "size", 1)
        stride = positive(section, "stride", 1)
        padding = not_negative(section, "padding", 0)
        if section.find_int("pad", 0):
            padding = size // 2
        within_reach(section, "padding", padding, size)
        within_reach(section, "stride", stride, max(shape.h, shape.w) + 2 * padding)
        groups = positive(section, "groups", 1)
        if shape.c % groups or n % groups:
            raise section.error(f"groups={groups} must divide both {shape.c} channels and {n} filters", "groups")
        flipped = bool(section.find_int("flipped", 0))
        if flipped and groups > 1:
            raise section.error("flipped=1 does not go with groups (Darknet would write beyond its weights)", "flipped")
        if size == 1 and padding:
            raise section.error("a 1x1 convolution takes no padding (Darknet reads beyond its input there)", "padding")
        out = Shape(
            n, c_divide(shape.h + 2 * padding - size, stride) + 1, c_divide(shape.w + 2 * padding - size, stride) + 1
        )
        return cls(
            index=place.index, line=section.line, input=shape, out=checked_output(section, out, shape), n=n, size=size,
            stride=stride, pad=padding, groups=groups, flipped=flipped, xnor=bool(section.find_int("xnor", 0)),
            batch_normalize=bool(section.find_int("batch_normalize", 0)),
            activation=read_activation(section, "logistic"), dontloadscales=read_load_rules(section),
        )  # fmt: skip

    @property
    def c(self) -> int:
        """Input channels."""
        return self.input.c

    @property
    def h(self) -> int:
        """Input height."""
        return self.input.h

    @property
    def w(self) -> int:
        """Input width."""
        return self.input.w

    @property
    def out_h(self) -> int:
        """Output height."""
        return self.out.h

    @property
    def out_w(self) -> int:
        """Output width."""
        return self.out.w

    @property
    def multiply_adds(self) -> int:
        return self.n * self.size * self.size * (self.c // self.groups) * self.out_h * self.out_w

    def stored(self) -> list[Stored]:
        weights = Stored("weights", (self.n, self.c // self.groups, self.size, self.size))
        return [Stored("biases", (self.n,)), *self.normalization(self.n), weights]

    def describe(self) -> str:
        flops = 2.0 * self.n * self.size * self.size * self.c / self.groups * self.out_h * self.out_w
        return (
            f"conv  {self.n:5d} {self.size:2d} x{self.size:2d} /{self.stride:2d}  {self.w:4d} x{self.h:4d} x{self.c:4d}"
            f"   ->  {self.out_w:4d} x{self.out_h:4d} x{self.n:4d}  {flops / 1e9:5.3f} BFLOPs"
        )
