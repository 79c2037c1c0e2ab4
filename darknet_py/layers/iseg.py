"""``[iseg]``: Darknet's ``make_iseg_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Layer, Place, need_image, not_negative

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class Iseg(Layer):
    """Head for instance segmentation: ``classes`` channels become probabilities, ``ids`` channels of an embedding stay.

    Darknet computes this output, then goes on to compare it with the training's truth, whether there is one or not: its
    own ``isegmenter test`` crashes there. Here the output is all.
    """

    kind = "iseg"

    classes: int
    ids: int

    @classmethod
    def parse(cls, section: Section, place: Place) -> Iseg:
        """Read a section; the layer before must have ``classes + ids`` channels."""
        shape = need_image(section, place)
        classes = not_negative(section, "classes", 20)
        ids = not_negative(section, "ids", 32)
        if shape.c != classes + ids:
            raise section.error(f"classes={classes} and ids={ids} need {classes + ids} channels, but {shape.c} come in")
        return cls(index=place.index, line=section.line, input=shape, out=shape, classes=classes, ids=ids)

    def describe(self) -> str:
        return "iseg"
