"""``[conv_lstm]`` and ``[crnn]`` of AlexeyAB's Darknet: recurrent layers of convolutions of any size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..formats.cfg import to_float32
from .base import Place, Shape, checked_output, need_image, not_negative, positive, within_reach
from .convolutional import Convolutional
from .recurrent import Crnn, Recurrent
from .strides import window_output
from .weighted import read_activation, read_load_rules, read_wide

if TYPE_CHECKING:
    from ..formats.cfg import Section
    from ..network import Network


@dataclass(frozen=True)
class _Gate:
    """Reads what the convolutions of a section have in common, and makes them."""

    section: Section
    place: Place
    size: int
    stride: int
    dilation: int
    pad: int
    groups: int
    activation: str
    normalize: bool
    xnor: bool

    @classmethod
    def read(cls, section: Section, place: Place, activation: str) -> _Gate:
        size = positive(section, "size", 3)
        dilation = positive(section, "dilation", 1) if size > 1 else 1
        pad = size // 2 if section.find_int("pad", 0) else not_negative(section, "padding", 0)
        extent = max(place.input.h, place.input.w)
        within_reach(section, "padding", pad, size)
        within_reach(section, "dilation", dilation, extent)
        stride = positive(section, "stride", 1)
        within_reach(section, "stride", stride, extent + 2 * pad)
        if dilation > 1 and (pad != size // 2 or size % 2 == 0):
            raise section.error(f"dilation={dilation} needs an odd size and padding={size // 2} (pad=1)", "dilation")
        read_load_rules(section)
        return cls(
            section, place, size, stride, dilation, pad, positive(section, "groups", 1),
            read_activation(section, activation), bool(section.find_int("batch_normalize", 0)),
            bool(section.find_int("xnor", 0)),
        )  # fmt: skip

    def make(self, x: Shape, filters: int) -> Convolutional:
        """One of the convolutions."""
        groups = 1 if self.xnor else self.groups
        if x.c % groups or filters % groups:
            raise self.section.error(f"groups={groups} must divide both {x.c} channels and {filters} filters", "groups")
        out = window_output(filters, x, self.size, 2 * self.pad, self.stride, self.stride)
        return Convolutional(
            index=self.place.index, line=self.section.line, input=x, out=checked_output(self.section, out, x),
            n=filters, size=self.size, stride_x=self.stride, stride_y=self.stride, pad=self.pad, groups=groups,
            activation=self.activation, batch_normalize=self.normalize, xnor=self.xnor, dilation=self.dilation,
            skips=self.stride > 1, wide=read_wide(self.section),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Convolutions(Recurrent):
    """A recurrent layer of convolutions, in AlexeyAB's table."""

    alexeyab_order: ClassVar[tuple[str, ...]]
    """Its parts in the order in which he makes them."""

    parts: Mapping[str, Convolutional]

    def _made(self) -> list[Convolutional]:
        return [self.parts[name] for name in self.alexeyab_order if name in self.parts]

    @property
    def alexeyab_billions(self) -> float:
        total = 0.0
        for part in self._made():
            total = to_float32(total + part.alexeyab_billions)
        return total

    def alexeyab_size(self, network: Network) -> tuple[int, int]:
        return self.input.w, self.input.h

    def alexeyab_row(self, network: Network) -> str:
        x = self.input
        title = f"{self.kind.upper()} Layer: {x.h} x {x.w} x {x.c} image, {self.out.c} filters"
        return "\n".join([title, *(part.alexeyab_line("conv  ") for part in self._made())])


@dataclass(frozen=True, kw_only=True)
class ConvCrnn(_Convolutions, Crnn):
    """The recurrence of `Rnn` with convolutions (AlexeyAB's ``make_crnn_layer``): no exchange of rows and columns."""

    kind = "crnn"
    alexeyab_order = ("input_layer", "self_layer", "output_layer")

    @classmethod
    def parse(cls, section: Section, place: Place) -> ConvCrnn:
        """Read a section; the convolutions must keep the image's size."""
        shape = need_image(section, place)
        gate = _Gate.read(section, place, "logistic")
        filters, hidden = positive(section, "output", 1), positive(section, "hidden", 1)
        given = gate.make(shape, hidden)
        if (given.out.w, given.out.h) != (shape.w, shape.h):
            raise section.error(f"[crnn] must keep the size of its input, {shape}; it makes {given.out} of it")
        state = Shape(hidden, shape.h, shape.w)
        parts: dict[str, Convolutional] = {
            "input_layer": given, "self_layer": gate.make(state, hidden), "output_layer": gate.make(state, filters)
        }  # fmt: skip
        return cls(
            index=place.index, line=section.line, input=shape, out=parts["output_layer"].out, parts=parts,
            batch_normalize=gate.normalize, shortcut=bool(section.find_int("shortcut", 0)),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ConvLstm(_Convolutions):
    """Convolutional long short-term memory (``make_conv_lstm_layer``): keeps its cells and its last output.

    Attributes:
        peephole: gates see the cells, too.
        constrain: cells are kept within this after the output was made of them; 0: they are not.
    """

    kind = "conv_lstm"
    table_order = ("uf", "ui", "ug", "uo", "wf", "wi", "wg", "wo")
    alexeyab_order = (*table_order, "vf", "vi", "vo")

    peephole: bool
    constrain: int

    @classmethod
    def parse(cls, section: Section, place: Place) -> ConvLstm:
        """Read a section."""
        shape = need_image(section, place)
        gate = _Gate.read(section, place, "linear")
        if section.find_int("bottleneck", 0):
            raise section.error("bottleneck=1 cannot run on a CPU (AlexeyAB's Darknet stops there)", "bottleneck")
        filters = positive(section, "output", 1)
        peephole = bool(section.find_int("peephole", 0))
        out = gate.make(shape, filters).out
        recurrent = [*(("vf", "vi", "vo") if peephole else ()), "wf", "wi", "wg", "wo"]
        parts: dict[str, Convolutional] = {name: gate.make(out, filters) for name in recurrent}
        if parts["wf"].out != out:
            raise section.error(
                f"[conv_lstm] must keep the size of its output, {out}; it makes {parts['wf'].out} of it"
            )
        parts |= {name: gate.make(shape, filters) for name in ("uf", "ui", "ug", "uo")}
        return cls(
            index=place.index, line=section.line, input=shape, out=out, parts=parts, batch_normalize=gate.normalize,
            peephole=peephole, constrain=not_negative(section, "state_constrain", 32),
        )  # fmt: skip

    @property
    def state_sizes(self) -> tuple[int, ...]:
        return (self.out.size, self.out.size)

    @property
    def alexeyab_billions(self) -> float:
        return to_float32(super().alexeyab_billions + (12 if self.peephole else 9) * self.out.size / 1e9)

    def _title(self) -> str:
        x = self.input
        return f"CONV_LSTM Layer: {x.h} x {x.w} x {x.c} image, {self.out.c} filters"
