"""Small sections of AlexeyAB's Darknet: ``[implicit] [history] [empty] [contrastive]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..formats.cfg import c_float
from .alexeyab_rows import dimensions
from .base import Layer, Place, Shape, Stored, checked_output, need_image, no_more_than, positive
from .weighted import read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Implicit(Layer):
    """Its stored values, whatever the input (implicit knowledge of YOLOR; ``make_implicit_layer``).

    ``mean`` and ``std`` are what training starts from.
    """

    kind = "implicit"

    mean: float
    std: float

    @classmethod
    def parse(cls, section: Section, place: Place) -> Implicit:
        """Read a section."""
        filters, atoms = positive(section, "filters", 128), positive(section, "atoms", 1)
        out = checked_output(section, Shape(filters, atoms, 1), place.input)
        read_load_rules(section)
        mean, std = (
            default if (text := section.value(key)) is None else c_float(text)
            for key, default in (("mean", 0.0), ("std", 0.2))
        )
        return cls(index=place.index, line=section.line, input=place.input, out=out, mean=mean, std=std)

    @property
    def sources(self) -> tuple[int, ...]:
        return ()

    def arrays(self) -> list[Stored]:
        return [Stored("weights", (self.out.c, self.out.h), spread=(self.mean - self.std, self.mean + self.std))]

    def describe(self) -> str:
        return f"implicit Layer: {self.out.c} x {self.out.h}"

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        return 0, 0

    def alexeyab_row(self, network: Network) -> str:
        return f"implicit Layer: {self.out.c} x {self.out.h} \t mean={self.mean:.2f}, std={self.std:.2f} "


@dataclass(frozen=True, kw_only=True)
class History(Layer):
    """The input, then zeros in the place of earlier steps: one image is one step (``make_history_layer``)."""

    kind = "history"

    steps: int

    @classmethod
    def parse(cls, section: Section, place: Place) -> History:
        """Read a section."""
        shape = need_image(section, place)
        steps = no_more_than(section, "history_size", positive(section, "history_size", 4))
        out = checked_output(section, Shape(shape.c * steps, shape.h, shape.w), shape)
        return cls(index=place.index, line=section.line, input=shape, out=out, steps=steps)

    def describe(self) -> str:
        return f"HISTORY b = 1, s = 1, steps = {self.steps}, {self.input}"

    def alexeyab_row(self, network: Network) -> str:
        shapes = f"{dimensions(self.input)} -> {dimensions(self.out)}"
        return f"HISTORY b = 1, s = {self.steps:2d}, steps =  1   {shapes} "


@dataclass(frozen=True, kw_only=True)
class Empty(Layer):
    """Nothing: its output is its input (also ``[silence]``)."""

    kind = "empty"

    @classmethod
    def parse(cls, section: Section, place: Place) -> Empty:
        """Read a section."""
        return cls(index=place.index, line=section.line, input=place.input, out=place.input)

    @property
    def hands_on(self) -> bool:
        return True

    def describe(self) -> str:
        return "empty"

    def alexeyab_row(self, network: Network) -> str:
        return "empty "


@dataclass(frozen=True, kw_only=True)
class Contrastive(Layer):
    """A loss of training (``make_contrastive_layer``): otherwise its output is never written, so zeros."""

    kind = "contrastive"
    loss = True

    @classmethod
    def parse(cls, section: Section, place: Place) -> Contrastive:
        """Read a section."""
        return cls(index=place.index, line=section.line, input=place.input, out=place.input)

    def describe(self) -> str:
        return "contrastive"

    def alexeyab_row(self, network: Network) -> str:
        section = network.sections[self.index]
        number = section.find_int("yolo_layer", 0)
        head = {head.index: head for head in network.heads}.get(number + self.index if number < 0 else number)
        boxes, classes = (head.n, head.classes) if head else (1, section.find_int("classes", 1000))
        grid = self.input
        step = boxes * grid.h * grid.w
        return (
            f"contrastive {grid.w:4d} x{grid.h:4d} x{boxes:4d} x emb_size {grid.size // step:4d} x batch: {1:4d}  "
            f"classes = {classes:4d}, step = {step:4d} \ndetection "
        )
