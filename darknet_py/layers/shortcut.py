"""``[shortcut]``: Darknet's ``make_shortcut_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Layer, Place, Shape, need_image
from .opencv import OpenCvLayer
from .weighted import HOMOGENEOUS, acts_alone, read_activation

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Shortcut(Layer):
    """``alpha * input + beta * from`` where both have values, the input elsewhere, then activation."""

    kind = "shortcut"

    source: int
    added: Shape
    activation: str
    alpha: float
    beta: float

    @classmethod
    def parse(cls, section: Section, place: Place) -> Shortcut:
        """Read a section; the two sizes must be whole multiples of each other, alike in both directions."""
        shape = need_image(section, place)
        if not section.has("from"):
            raise section.error("[shortcut] must name a layer, as in from=-3")
        reference = section.find_int("from", 0)
        number = place.resolve(reference)
        if number is None:
            raise section.error(f"from={reference} leads to no layer before this one (layer {place.index})", "from")
        added = place.layers[number].out
        if not added.image:
            raise section.error(f"from={reference}: layer {number} gives a flat list of values, not an image", "from")
        if added.w // shape.w != added.h // shape.h or shape.w // added.w != shape.h // added.h:
            raise section.error(f"[shortcut] joins unlike shapes: {shape} and layer {number}'s {added}", "from")
        return cls(
            index=place.index, line=section.line, input=shape, out=shape, source=number, added=added,
            activation=read_activation(section, "linear"), alpha=section.find_float("alpha", 1.0),
            beta=section.find_float("beta", 1.0),
        )  # fmt: skip

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.index - 1, self.source)

    @property
    def balances(self) -> bool:
        return self.added == self.out and self.activation in HOMOGENEOUS

    @property
    def quantizes(self) -> bool:
        return self.added == self.out and acts_alone(self.activation)

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"shortcut_{self.index}", "Eltwise", self.activation)

    def describe(self) -> str:
        added, out = self.added, self.out
        return (
            f"res  {self.source:3d}                {added.w:4d} x{added.h:4d} x{added.c:4d}   ->  "
            f"{out.w:4d} x{out.h:4d} x{out.c:4d}"
        )
