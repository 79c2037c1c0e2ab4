"""``[rnn]``, ``[gru]``, ``[lstm]`` and ``[crnn]``: layers with a state that lasts from one input to the next.

Each is built of connected or convolutional layers with weights (and batch normalisation) of their own, its parts. They
are called by Darknet's names for them and stand in the order in which ``load_weights_upto`` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from .base import Layer, Place, Shape, Stored, checked_output, need_image, positive
from .connected import Connected
from .convolutional import Convolutional
from .weighted import read_activation, read_load_rules

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network

    Values = TypeVar("Values")

Part = Connected | Convolutional
"""A layer inside a recurrent one."""


@dataclass(frozen=True, kw_only=True)
class Recurrent(Layer):
    """A layer of parts. Darknet sets ``dontloadscales`` on the layer only, so its parts always load their scales.

    Attributes:
        parts: by name, in the order of the weights file.
        batch_normalize: every part normalises its output.
    """

    table_order: ClassVar[tuple[str, ...]]

    parts: Mapping[str, Part]
    batch_normalize: bool

    @property
    def state_sizes(self) -> tuple[int, ...]:
        return (self.out.size,)

    @property
    def multiply_adds(self) -> int:
        return sum(part.multiply_adds for part in self.parts.values())

    def arrays(self) -> list[Stored]:
        return [
            replace(array, name=f"{name}.{array.name}")
            for name, part in self.parts.items()
            for array in part.arrays()
        ]  # fmt: skip

    @staticmethod
    def arrays_of(name: str, arrays: Mapping[str, Values]) -> dict[str, Values]:
        """Of a layer's stored arrays those of one part, by the part's own names."""
        return {key.removeprefix(f"{name}."): values for key, values in arrays.items() if key.startswith(f"{name}.")}

    def describe(self) -> str:
        rows = [f"\t\t{self.parts[name].describe()}" for name in self.table_order]
        return "\n".join([self._title(), *rows])

    def _title(self) -> str:
        return f"{self.kind.upper()} Layer: {self.input.size} inputs, {self.out.size} outputs"

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        return 0, 0


def _connected(
    section: Section, place: Place, inputs: tuple[str, ...], order: tuple[str, ...], activation: str = "linear"
) -> tuple[Shape, dict[str, Part], bool]:  # fmt: skip
    """Output, parts and ``batch_normalize`` of a layer of connected parts.

    Of the parts in ``order``, ``inputs`` read the layer's input; the others as many values as it has outputs.
    """
    out = checked_output(section, Shape(positive(section, "output", 1), image=False), place.input)
    normalize = bool(section.find_int("batch_normalize", 0))
    read_load_rules(section)
    parts: dict[str, Part] = {}
    for name in order:
        shape = place.input if name in inputs else out
        parts[name] = Connected(
            index=place.index, line=section.line, input=shape, out=Shape(out.c), batch_normalize=normalize,
            activation=activation,
        )  # fmt: skip
    return out, parts, normalize


@dataclass(frozen=True, kw_only=True)
class Rnn(Recurrent):
    """Plain recurrence: state = [state +] f(input) + g(state), output = h(state) (Darknet's ``make_rnn_layer``)."""

    kind = "rnn"
    table_order = ("input_layer", "self_layer", "output_layer")

    shortcut: bool

    @classmethod
    def parse(cls, section: Section, place: Place) -> Rnn:
        """Read a section."""
        activation = read_activation(section, "logistic")
        out, parts, normalize = _connected(section, place, ("input_layer",), cls.table_order, activation)
        return cls(
            index=place.index, line=section.line, input=place.input, out=out, parts=parts, batch_normalize=normalize,
            shortcut=bool(section.find_int("shortcut", 0)),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Gru(Recurrent):
    """Gated recurrent unit (Darknet's ``make_gru_layer``); the new state's activation is logistic unless ``tanh=1``."""

    kind = "gru"
    table_order = ("uz", "wz", "ur", "wr", "uh", "wh")

    tanh: bool

    @classmethod
    def parse(cls, section: Section, place: Place) -> Gru:
        """Read a section."""
        order = ("wz", "wr", "wh", "uz", "ur", "uh")
        out, parts, normalize = _connected(section, place, order[3:], order)
        return cls(
            index=place.index, line=section.line, input=place.input, out=out, parts=parts, batch_normalize=normalize,
            tanh=bool(section.find_int("tanh", 0)),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Lstm(Recurrent):
    """Long short-term memory (Darknet's ``make_lstm_layer``): keeps the cells and the last output."""

    kind = "lstm"
    table_order = ("uf", "ui", "ug", "uo", "wf", "wi", "wg", "wo")

    @property
    def state_sizes(self) -> tuple[int, ...]:
        return (self.out.size, self.out.size)

    @classmethod
    def parse(cls, section: Section, place: Place) -> Lstm:
        """Read a section."""
        order = ("wi", "wf", "wo", "wg", "ui", "uf", "uo", "ug")
        out, parts, normalize = _connected(section, place, order[4:], order)
        return cls(
            index=place.index, line=section.line, input=place.input, out=out, parts=parts, batch_normalize=normalize
        )


@dataclass(frozen=True, kw_only=True)
class Crnn(Recurrent):
    """The recurrence of `Rnn` with 3x3 convolutions (Darknet's ``make_crnn_layer``).

    Darknet hands the input's width over as its height and the other way round: the layer, and all behind it, see an
    image whose rows are not square read in rows of another length.
    """

    kind = "crnn"
    table_order = ("input_layer", "self_layer", "output_layer")

    shortcut: bool

    @classmethod
    def parse(cls, section: Section, place: Place) -> Crnn:
        """Read a section."""
        given = need_image(section, place)
        shape = Shape(given.c, given.w, given.h)
        filters = positive(section, "output_filters", 1)
        hidden = Shape(positive(section, "hidden_filters", 1), shape.h, shape.w)
        activation = read_activation(section, "logistic")
        normalize = bool(section.find_int("batch_normalize", 0))
        read_load_rules(section)

        def part(x: Shape, out: Shape) -> Convolutional:
            return Convolutional(
                index=place.index, line=section.line, input=x, out=checked_output(section, out, x), n=out.c, size=3,
                stride_x=1, stride_y=1, pad=1, groups=1, activation=activation, batch_normalize=normalize,
            )  # fmt: skip

        out = Shape(filters, shape.h, shape.w)
        parts = {
            "input_layer": part(shape, hidden),
            "self_layer": part(hidden, hidden),
            "output_layer": part(hidden, out),
        }
        return cls(
            index=place.index, line=section.line, input=given, out=out, parts=parts, batch_normalize=normalize,
            shortcut=bool(section.find_int("shortcut", 0)),
        )  # fmt: skip

    @property
    def state_sizes(self) -> tuple[int, ...]:
        return (self.parts["self_layer"].out.size,)

    def _title(self) -> str:
        # As upstream, where the width is called height.
        x = self.input
        return f"CRNN Layer: {x.w} x {x.h} x {x.c} image, {self.out.c} filters"
