"""``[deconvolutional]``: Darknet's ``make_deconvolutional_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Place, Shape, Stored, checked_output, need_image, no_more_than, not_negative, positive
from .weighted import Weighted, read_activation, read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Deconvolutional(Weighted):
    """Transposed convolution, then batch normalisation or biases, then activation."""

    kind = "deconvolutional"
    folds = True
    channel_axis = 1

    n: int
    size: int
    stride: int
    pad: int

    @classmethod
    def parse(cls, section: Section, place: Place) -> Deconvolutional:
        """Read a section."""
        shape = need_image(section, place)
        n = positive(section, "filters", 1)
        size = positive(section, "size", 1)
        stride = no_more_than(section, "stride", positive(section, "stride", 1))
        padding = not_negative(section, "padding", 0)
        if section.find_int("pad", 0):
            padding = size // 2
        out = Shape(n, (shape.h - 1) * stride + size - 2 * padding, (shape.w - 1) * stride + size - 2 * padding)
        return cls(
            index=place.index, line=section.line, input=shape, out=checked_output(section, out, shape), n=n, size=size,
            stride=stride, pad=padding, batch_normalize=bool(section.find_int("batch_normalize", 0)),
            activation=read_activation(section, "logistic"), dontloadscales=read_load_rules(section),
        )  # fmt: skip

    @property
    def multiply_adds(self) -> int:
        return self.n * self.size * self.size * self.input.size

    def arrays(self) -> list[Stored]:
        weights = Stored(
            "weights", (self.input.c, self.n, self.size, self.size), self.spread(self.input.c * self.size**2)
        )
        return [Stored("biases", (self.n,)), *self.normalization(self.n), weights]

    def describe(self) -> str:
        return (
            f"deconv{self.n:5d} {self.size:2d} x{self.size:2d} /{self.stride:2d}  "
            f"{self.input.w:4d} x{self.input.h:4d} x{self.input.c:4d}   ->  "
            f"{self.out.w:4d} x{self.out.h:4d} x{self.n:4d}"
        )
