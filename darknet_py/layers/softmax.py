"""``[softmax]``: Darknet's ``make_softmax_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Layer, Place, Shape, positive
from .opencv import OpenCvLayer

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Softmax(Layer):
    """Softmax over ``groups`` equal parts of the input, or over the sibling groups of a WordTree (paper, section 4)."""

    kind = "softmax"
    classifies = True

    groups: int
    temperature: float

    @classmethod
    def parse(cls, section: Section, place: Place) -> Softmax:
        """Read a section."""
        groups = positive(section, "groups", 1)
        size = place.input.size
        if size % groups:
            raise section.error(f"groups={groups} does not divide {size} inputs", "groups")
        return cls(
            index=place.index, line=section.line, input=place.input, out=Shape(size, image=False), groups=groups,
            temperature=section.find_float("temperature", 1.0), tree=section.find_str("tree", "") or None,
        )  # fmt: skip

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"softmax_{self.index}", "Softmax", flat=None)

    def describe(self) -> str:
        return f"softmax                                        {self.input.size:4d}"
