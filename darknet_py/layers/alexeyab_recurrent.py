"""``[rnn]``, ``[gru]`` and ``[lstm]`` of AlexeyAB's Darknet: as pjreddie's, with another order of weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .base import Place, Shape, checked_output, positive
from .connected import Connected
from .recurrent import Gru, Lstm, Part, Recurrent, Rnn
from .weighted import read_activation, read_load_rules, read_wide

if TYPE_CHECKING:
    from ..formats.cfg import Section

_SELF = {1: "logistic", 2: "loggy"}
"""The activation of a [rnn]'s ``self_layer`` by ``logistic``; else it is that of the others."""


@dataclass(frozen=True, kw_only=True)
class HiddenRnn(Rnn):
    """`Rnn` with a state of ``hidden`` values."""

    @classmethod
    def parse(cls, section: Section, place: Place) -> HiddenRnn:
        """Read a section."""
        activation = read_activation(section, "logistic")
        normalize = bool(section.find_int("batch_normalize", 0))
        read_load_rules(section)
        out = checked_output(section, Shape(positive(section, "output", 1), image=False), place.input)
        hidden = checked_output(section, Shape(positive(section, "hidden", 1), image=False), place.input)

        def part(x: Shape, size: int, name: str) -> Part:
            return Connected(
                index=place.index, line=section.line, input=x, out=Shape(size), batch_normalize=normalize,
                activation=name,
            )  # fmt: skip

        parts = {
            "input_layer": part(place.input, hidden.c, activation),
            "self_layer": part(hidden, hidden.c, _SELF.get(section.find_int("logistic", 0), activation)),
            "output_layer": part(hidden, out.c, activation),
        }
        return cls(
            index=place.index, line=section.line, input=place.input, out=out, parts=parts, batch_normalize=normalize,
            shortcut=bool(section.find_int("shortcut", 0)),
        )  # fmt: skip

    @property
    def state_sizes(self) -> tuple[int, ...]:
        return (self.parts["self_layer"].out.size,)


@dataclass(frozen=True, kw_only=True)
class InputsFirstGru(Gru):
    """`Gru` whose file has the parts of the input first; its new state's activation is always logistic."""

    @classmethod
    def parse(cls, section: Section, place: Place) -> InputsFirstGru:
        """Read a section."""
        layer = super().parse(section, place)
        order = ("uz", "ur", "uh", "wz", "wr", "wh")
        return replace(layer, parts=_reordered(section, layer, order), tanh=False)  # type: ignore[return-value]


@dataclass(frozen=True, kw_only=True)
class ForgetFirstLstm(Lstm):
    """`Lstm` whose file has the forget gate first."""

    @classmethod
    def parse(cls, section: Section, place: Place) -> ForgetFirstLstm:
        """Read a section."""
        layer = super().parse(section, place)
        order = ("wf", "wi", "wg", "wo", "uf", "ui", "ug", "uo")
        return replace(layer, parts=_reordered(section, layer, order))  # type: ignore[return-value]


def _reordered(section: Section, layer: Recurrent, order: tuple[str, ...]) -> dict[str, Part]:
    """A layer's parts in another order, with stand-in weights by the recipe of this dialect."""
    wide = read_wide(section)
    return {name: replace(layer.parts[name], wide=wide) for name in order}
