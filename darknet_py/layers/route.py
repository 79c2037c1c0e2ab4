"""``[route]``: Darknet's ``make_route_layer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alexeyab_rows import dimensions
from .base import ChannelRange, Layer, Place, Shape, checked_output, not_negative, positive
from .opencv import OpenCvLayer

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Route(Layer):
    """The outputs of earlier layers, one after another; with ``groups`` only part ``group_id`` of each one's values.

    ``channels``: how many each of these layers has.
    """

    kind = "route"

    layers: tuple[int, ...]
    channels: tuple[int, ...]
    groups: int = 1
    group_id: int = 0

    @classmethod
    def parse(cls, section: Section, place: Place) -> Route:
        """Read a section."""
        references = section.find_ints("layers")
        if not references:
            raise section.error("[route] must name its layers, as in layers=-1,8")
        numbers: list[int] = []
        for reference in references:
            number = place.resolve(reference)
            if number is None:
                raise section.error(
                    f"layers={reference} leads to layer {reference if reference >= 0 else place.index + reference}, "
                    f"but only layers 0 to {place.index - 1} come before this one (layer {place.index})", "layers",
                )  # fmt: skip
            numbers.append(number)
        shapes = [place.layers[number].out for number in numbers]
        first = shapes[0]
        for number, shape in zip(numbers, shapes, strict=True):
            if (shape.h, shape.w, shape.image) != (first.h, first.w, first.image):
                raise section.error(
                    f"[route] joins unlike shapes: layer {numbers[0]} gives {first}, layer {number} gives {shape}",
                    "layers",
                )
        groups, group_id = positive(section, "groups", 1), not_negative(section, "group_id", 0)
        if group_id >= groups:
            raise section.error(f"group_id={group_id} must be less than groups={groups}", "group_id")
        for number, shape in zip(numbers, shapes, strict=True):
            if shape.c % groups:
                raise section.error(f"groups={groups} does not divide {shape.c} channels of layer {number}", "groups")
        out = Shape(sum(shape.c for shape in shapes) // groups, first.h, first.w, first.image)
        return cls(
            index=place.index, line=section.line, input=out, out=checked_output(section, out, out),
            layers=tuple(numbers), channels=tuple(shape.c for shape in shapes), groups=groups, group_id=group_id,
        )  # fmt: skip

    @property
    def sources(self) -> tuple[int, ...]:
        return self.layers

    @property
    def hands_on(self) -> bool:
        return len(self.layers) == 1

    @property
    def passes_values(self) -> bool:
        return True

    @property
    def channels_from(self) -> tuple[ChannelRange, ...]:
        counts = [count // self.groups for count in self.channels]
        return tuple(
            ChannelRange(source, self.group_id * count, (self.group_id + 1) * count)
            for source, count in zip(self.layers, counts, strict=True)
        )

    @property
    def opencv(self) -> OpenCvLayer:
        # Of several layers cut into groups OpenCV makes one for each, loses count of the layers and fails.
        kind = "concat" if len(self.layers) > 1 else "slice" if self.groups > 1 else "identity"
        return OpenCvLayer(f"{kind}_{self.index}", kind.capitalize())

    @property
    def part_of_input(self) -> int | None:
        return self.group_id * self.out.size if self.groups > 1 else None

    def describe(self) -> str:
        return "route  " + " ".join(str(number) for number in self.layers)

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        return network.layers[self.layers[0]].alexeyab_size(network)

    def alexeyab_row(self, network: Network) -> str:
        count = len(self.layers)
        gap = " \t    " if count > 3 else " \t            " if count > 1 else " \t\t            "
        group = f"{self.group_id}/{self.groups}" if self.groups > 1 else "   "
        numbers = "".join(f" {number}" for number in self.layers)
        return f"route {numbers}{gap}           {group} -> {dimensions(self.out)} "
