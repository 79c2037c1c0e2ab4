"""``[shortcut]`` of AlexeyAB's Darknet: ``make_shortcut_layer`` with several layers and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..formats.cfg import to_float32
from .alexeyab_rows import dimensions
from .base import Layer, Place, Stored, need_image
from .opencv import OpenCvLayer
from .weighted import HOMOGENEOUS, acts_alone, read_activation, read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


WEIGHTS = ("none", "per_feature", "per_layer", "per_channel")
NORMALIZATIONS = {"none": "none", "relu": "relu", "avg_relu": "relu", "softmax": "softmax"}

MOST_SUMMED = 4
"""Most layers, the input included, whose sum is computed in 8-bit integers."""

_WEIGHTS = {"per_feature": 1, "per_layer": 1, "per_channel": 2}
_NORMALIZATIONS = {"relu": 1, "avg_relu": 1, "softmax": 2}
"""AlexeyAB's numbers for these words, which his table shows."""


@dataclass(frozen=True, kw_only=True)
class MultiShortcut(Layer):
    """The input plus the outputs of earlier layers of the same width and height, then activation.

    Of a layer with fewer channels those that it has are added, of one with more the first ones.

    Attributes:
        added: numbers of the layers, in the order of the cfg.
        counts: how many values of each are added.
        alike: each has as many channels as the input.
        activation: its name.
        weights: factors stored for the input and each layer (0: none): one each, or one for each channel.
        normalization: ``none``, ``relu`` or ``softmax``: how they become shares of a sum.
    """

    kind = "shortcut"

    added: tuple[int, ...]
    counts: tuple[int, ...]
    alike: bool
    activation: str
    weights: int = 0
    normalization: str = "none"

    @classmethod
    def parse(cls, section: Section, place: Place) -> MultiShortcut:
        """Read a section."""
        shape = need_image(section, place)
        references = section.find_ints("from")
        if not references:
            raise section.error("[shortcut] must name layers, as in from=-3")
        added, counts, alike = [], [], True
        for reference in references:
            number = place.resolve(reference)
            if number is None:
                raise section.error(f"from={reference} leads to no layer before this one (layer {place.index})", "from")
            other = place.layers[number].out
            if not other.image or (other.w, other.h) != (shape.w, shape.h):
                raise section.error(f"[shortcut] joins unlike shapes: {shape} and layer {number}'s {other}", "from")
            added.append(number)
            counts.append(min(other.size, shape.size))
            alike = alike and other == shape
        kind = section.find_str("weights_type", "none")
        normalization = section.find_str("weights_normalization", "none")
        if kind not in WEIGHTS:
            raise section.error(f"weights_type={kind}: there are {', '.join(WEIGHTS)}", "weights_type")
        if normalization not in NORMALIZATIONS or (kind != "none" and NORMALIZATIONS[normalization] == "none"):
            raise section.error(
                f"weights_type={kind} needs weights_normalization: relu, avg_relu or softmax", "weights_type"
            )
        weights = {"none": 0, "per_channel": shape.c}.get(kind, 1)
        if weights:
            read_load_rules(section)
        return cls(
            index=place.index, line=section.line, input=shape, out=shape, added=tuple(added), counts=tuple(counts),
            alike=alike, activation=read_activation(section, "linear"), weights=weights,
            normalization=NORMALIZATIONS[normalization] if weights else "none",
        )  # fmt: skip

    @property
    def sources(self) -> tuple[int, ...]:
        return (self.index - 1, *self.added)

    def beginning(self, place: int) -> int | None:
        return self.counts[place - 1] if place else None

    @property
    def balances(self) -> bool:
        """Each channel must be the sum of the same channel of all sources."""
        return not self.weights and self.alike and self.activation in HOMOGENEOUS

    @property
    def quantizes(self) -> bool:
        """Without weights, of few layers that have its own channels."""
        few = not self.weights and len(self.sources) <= MOST_SUMMED
        return few and self.alike and acts_alone(self.activation)

    @property
    def halves(self) -> bool:
        return False

    @property
    def quantizes_since(self) -> int:
        return 2

    def arrays(self) -> list[Stored]:
        shape = (len(self.added) + 1, self.weights)
        return [Stored("weights", shape, spread=(-0.5, 1.5))] if self.weights else []

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"shortcut_{self.index}", "Eltwise", self.activation)

    def describe(self) -> str:
        return f"Shortcut Layer: {', '.join(str(number) for number in self.added)}"

    @property
    def alexeyab_billions(self) -> float:
        return to_float32(self.out.size * len(self.added) / 1e9) * (2 if self.weights else 1)

    def alexeyab_row(self, network: Network) -> str:
        section = network.sections[self.index]
        weights = _WEIGHTS.get(section.find_str("weights_type", "none"), 0)
        kind = _NORMALIZATIONS.get(section.find_str("weights_normalization", "none"), 0) if weights else 0
        lines = [
            f"Shortcut Layer: {''.join(f'{number}, ' for number in self.added)} wt = {weights}, wn = {kind}, "
            f"outputs:{dimensions(self.out)} {self.alexeyab_billions:5.3f} BF"
        ]
        shapes = [network.layers[number].out for number in self.added]
        lines += [f" ({dimensions(self.out)}) + ({dimensions(shape)}) " for shape in shapes if shape != self.out]
        return "\n".join(lines)
