"""``[normalization]``: Darknet's ``make_normalization_layer`` (local response normalisation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Layer, Place, need_image, positive

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Normalization(Layer):
    """Each value divided by a power of the squares of its neighbours in channel direction."""

    kind = "normalization"

    size: int
    alpha: float
    beta: float
    kappa: float

    @classmethod
    def parse(cls, section: Section, place: Place) -> Normalization:
        """Read a section."""
        shape = need_image(section, place)
        size = positive(section, "size", 5)
        if size // 2 > shape.c:
            raise section.error(f"size={size} reaches beyond the {shape.c} channels of the input", "size")
        return cls(
            index=place.index, line=section.line, input=shape, out=shape, size=size,
            alpha=section.find_float("alpha", 0.0001), beta=section.find_float("beta", 0.75),
            kappa=section.find_float("kappa", 1.0),
        )  # fmt: skip

    def describe(self) -> str:
        shape = self.input
        return f"Local Response Normalization Layer: {shape.w} x {shape.h} x {shape.c} image, {self.size} size"
