"""``[scale_channels]`` and ``[sam]`` of AlexeyAB's Darknet: ``make_scale_channels_layer``, ``make_sam_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Layer, Place, Shape, need_image
from .opencv import OpenCvLayer
from .weighted import read_activation

if TYPE_CHECKING:
    from ..formats.cfg import Section


@dataclass(frozen=True, kw_only=True)
class ScaleChannels(Layer):
    """The map of layer ``source`` times the input, then activation.

    The input has one value for each channel (squeeze and excitation), or with ``scale_wh`` one for each pixel.
    """

    kind = "scale_channels"

    source: int
    scale_wh: bool
    activation: str

    @classmethod
    def parse(cls, section: Section, place: Place) -> ScaleChannels:
        """Read a section; the input must have the channels or the pixels of the map."""
        shape = need_image(section, place)
        number, out = read_source(section, place)
        scale_wh = bool(section.find_int("scale_wh", 0))
        wanted = Shape(1, out.h, out.w) if scale_wh else Shape(out.c)
        if shape != wanted:
            raise section.error(
                f"[{section.name}] needs an input of {wanted} to scale layer {number}'s {out}, not {shape}", "from"
            )
        return cls(
            index=place.index, line=section.line, input=shape, out=out, source=number, scale_wh=scale_wh,
            activation=read_activation(section, "linear"),
        )  # fmt: skip

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.index - 1, self.source)

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"scale_channels_{self.index}", "Scale", self.activation, map_first=True)

    def describe(self) -> str:
        return f"scale Layer: {self.source}"


@dataclass(frozen=True, kw_only=True)
class Sam(Layer):
    """The input times the output of layer ``source``, value by value, then activation (spatial attention)."""

    kind = "sam"

    source: int
    activation: str

    @classmethod
    def parse(cls, section: Section, place: Place) -> Sam:
        """Read a section; both shapes must be the same."""
        shape = need_image(section, place)
        number, other = read_source(section, place)
        if shape != other:
            raise section.error(f"[{section.name}] joins unlike shapes: {shape} and layer {number}'s {other}", "from")
        return cls(index=place.index, line=section.line, input=shape, out=shape, source=number,
                   activation=read_activation(section, "linear"))  # fmt: skip

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.index - 1, self.source)

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"sam_{self.index}", "Eltwise", self.activation)

    def describe(self) -> str:
        return f"scale Layer: {self.source}"


def read_source(section: Section, place: Place) -> tuple[int, Shape]:
    """Number and output of the one layer that ``from`` names, which must be an image."""
    if not section.has("from"):
        raise section.error(f"[{section.name}] must name a layer, as in from=-3")
    reference = section.find_int("from", 0)
    number = place.resolve(reference)
    if number is None:
        raise section.error(f"from={reference} leads to no layer before this one (layer {place.index})", "from")
    shape = place.layers[number].out
    if not shape.image:
        raise section.error(f"from={reference}: layer {number} gives a flat list of values, not an image", "from")
    return number, shape
