"""Small layers that keep their input's shape: ``[activation] [logistic] [l2norm] [dropout] [cost]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..formats.cfg import c_float
from .base import Layer, Place, Shape, need_image
from .opencv import OpenCvLayer
from .weighted import read_activation

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True, kw_only=True)
class Activation(Layer):
    """An activation alone (Darknet's ``make_activation_layer``)."""

    kind = "activation"

    activation: str

    @classmethod
    def parse(cls, section: Section, place: Place) -> Activation:
        """Read a section."""
        return cls(index=place.index, line=section.line, input=place.input, out=place.input,
                   activation=read_activation(section, "linear"))  # fmt: skip

    def describe(self) -> str:
        return f"Activation Layer: {self.input.size} inputs"

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        return 0, 0


@dataclass(frozen=True, kw_only=True)
class Logistic(Layer):
    """The logistic function; in training, its cross entropy (Darknet's ``make_logistic_layer``)."""

    kind = "logistic"

    @classmethod
    def parse(cls, section: Section, place: Place) -> Logistic:
        """Read a section."""
        return cls(index=place.index, line=section.line, input=place.input, out=place.input)

    def describe(self) -> str:
        return f"logistic x entropy                             {self.input.size:4d}"


@dataclass(frozen=True, kw_only=True)
class L2Norm(Layer):
    """Each pixel's channels divided by their Euclidean length (Darknet's ``make_l2norm_layer``)."""

    kind = "l2norm"

    @classmethod
    def parse(cls, section: Section, place: Place) -> L2Norm:
        """Read a section."""
        shape = need_image(section, place)
        return cls(index=place.index, line=section.line, input=shape, out=shape)

    def describe(self) -> str:
        return f"l2norm                                         {self.input.size:4d}"


@dataclass(frozen=True, kw_only=True)
class Dropout(Layer):
    """Nothing, outside of training: its output is its input (Darknet's ``make_dropout_layer``)."""

    kind = "dropout"

    probability: float

    @classmethod
    def parse(cls, section: Section, place: Place) -> Dropout:
        """Read a section."""
        written = section.value("probability")
        return cls(index=place.index, line=section.line, input=place.input, out=place.input,
                   probability=0.5 if written is None else c_float(written))  # fmt: skip

    @property
    def hands_on(self) -> bool:
        return True

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"identity_{self.index}", "Identity", flat=None)

    def describe(self) -> str:
        size = self.input.size
        return f"dropout       p = {self.probability:.2f}               {size:4d}  ->  {size:4d}"

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        blocks = network.sections[self.index].find_int("dropblock", 0)
        return (self.input.w, self.input.h) if blocks else (0, 0)

    def alexeyab_row(self, network: Network) -> str:
        section, size = network.sections[self.index], self.input.size
        probability = section.find_float("probability", 0.2)
        if not section.find_int("dropblock", 0):
            return f"dropout    p = {probability:.3f}        {size:4d}  ->   {size:4d}"
        relative = section.find_float("dropblock_size_rel", 0)
        absolute = min(int(section.find_float("dropblock_size_abs", 0)), self.input.w, self.input.h)
        if not relative and not absolute:
            absolute = 7
        block = f"abs = {absolute:d}" if absolute else f"rel = {relative:.2f}"
        return f"dropblock    p = {probability:.3f}   l.dropblock_size_{block}    {size:4d}  ->   {size:4d}"


@dataclass(frozen=True, kw_only=True)
class Cost(Layer):
    """The training loss (Darknet's ``make_cost_layer``): outside of training its output is never written, so zeros."""

    kind = "cost"
    loss = True
    is_cost = True

    @classmethod
    def parse(cls, section: Section, place: Place) -> Cost:
        """Read a section."""
        size = place.input.size
        return cls(index=place.index, line=section.line, input=place.input, out=Shape(size, image=False))

    @property
    def opencv(self) -> OpenCvLayer:
        return OpenCvLayer(f"identity_{self.index}", "Identity", flat=None)

    def describe(self) -> str:
        return f"cost                                           {self.input.size:4d}"

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        return 0, 0
