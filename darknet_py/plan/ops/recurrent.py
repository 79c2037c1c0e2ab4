"""Recurrent layers -> steps: their parts' own steps, and the gates between them.

One image is one time step, as in Darknet's inference (``batch`` and ``time_steps`` count as 1): the state goes from
image to image and from run to run in arrays of `plan.states`. A plan for several images has a layer's steps in their
order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.layers import recurrent
from ...layers import Connected, Convolutional
from ..inner import inner_size
from ..memory import aligned_floats
from .convolutional import convolutional_steps
from .weighted import connected_steps

if TYPE_CHECKING:
    from ...kernels.runtime.work import PlanKernel
    from ...layers import ConvLstm, Crnn, Gru, Lstm, Recurrent, Rnn
    from ...typing import Floats
    from ..context import LayerContext
    from ..step import Step


_PARTS: dict[type, Any] = {
    Connected: connected_steps,
    Convolutional: convolutional_steps,
}


class _Parts:
    """Collects the steps of a layer and keeps its parts' outputs by name."""

    def __init__(self, layer: Recurrent, context: LayerContext) -> None:
        self.layer = layer
        self.context = context
        self.steps: list[Step] = []
        self.out: dict[str, Floats] = {}

    def run(self, x: Floats, *names: str, out: Floats | None = None) -> None:
        """The named parts, each from ``x`` into an array of its own, or into ``out``."""
        for name in names:
            part = self.layer.parts[name]
            self.out[name] = aligned_floats(part.out.size) if out is None else out
            arrays = self.layer.arrays_of(name, self.context.arrays)
            store = None if self.context.store is None else self.context.store.setdefault(name, {})
            inner = aligned_floats(inner_size(part))
            context = replace(
                self.context, sources=[x], out=self.out[name], arrays=arrays, store=store, part=True, inner=inner
            )
            self.steps += _PARTS[type(part)](part, context)

    def between(self, kernel: PlanKernel, *names: str, **arguments: Any) -> None:
        """A kernel of `kernels.layers.recurrent`; it gets the outputs of the named parts, too."""
        self.steps.append(self.context.step(kernel, **{name: self.out[name] for name in names}, **arguments))


def rnn_steps(layer: Rnn | Crnn, context: LayerContext) -> list[Step]:
    """Plain recurrence, connected or convolutional."""
    parts, (state,) = _Parts(layer, context), context.states
    parts.run(context.x, "input_layer")
    parts.run(state, "self_layer")
    parts.between(
        recurrent.add_to_state, state=state, a=parts.out["input_layer"], b=parts.out["self_layer"],
        keep=layer.shortcut,
    )  # fmt: skip
    parts.run(state, "output_layer", out=context.out)
    return parts.steps


def gru_steps(layer: Gru, context: LayerContext) -> list[Step]:
    """Gated recurrent unit."""
    parts, (state,) = _Parts(layer, context), context.states
    update, forgot = aligned_floats(state.size), aligned_floats(state.size)
    parts.run(state, "wz", "wr")
    parts.run(context.x, "uz", "ur", "uh")
    logistic, tanh = _gate_codes(context)
    parts.between(
        recurrent.gru_gates, "uz", "wz", "ur", "wr", update=update, forgot=forgot, state=state, logistic=logistic
    )
    parts.run(forgot, "wh")
    code = tanh if layer.tanh else logistic
    parts.between(recurrent.gru_output, "uh", "wh", out=context.out, state=state, update=update, code=code)
    return parts.steps


def lstm_steps(layer: Lstm, context: LayerContext) -> list[Step]:
    """Long short-term memory."""
    parts, (cell, hidden) = _Parts(layer, context), context.states
    inputs, states = ("uf", "ui", "ug", "uo"), ("wf", "wi", "wg", "wo")
    parts.run(hidden, *states)
    parts.run(context.x, *inputs)
    logistic, tanh = _gate_codes(context)
    parts.between(
        recurrent.lstm_output, *inputs, *states, out=context.out, cell=cell, hidden=hidden, logistic=logistic, tanh=tanh
    )
    return parts.steps


def conv_lstm_steps(layer: ConvLstm, context: LayerContext) -> list[Step]:
    """Convolutional long short-term memory; with peepholes the gates see the cells, the last one the new cells."""
    parts, (cell, hidden) = _Parts(layer, context), context.states
    logistic, tanh = _gate_codes(context)
    common = {"cell": cell, "peephole": layer.peephole, "logistic": logistic, "tanh": tanh}
    if layer.peephole:
        parts.run(cell, "vf", "vi")
    else:
        parts.out |= dict.fromkeys(("vf", "vi", "vo"), np.zeros(0, np.float32))
    parts.run(hidden, "wf", "wi", "wg", "wo")
    parts.run(context.x, "uf", "ui", "ug", "uo")
    parts.between(recurrent.conv_lstm_cells, "uf", "ui", "ug", "wf", "wi", "wg", "vf", "vi", **common)
    if layer.peephole:
        parts.run(cell, "vo")
    parts.between(
        recurrent.conv_lstm_output, "uo", "wo", "vo", out=context.out, hidden=hidden,
        constrain=np.float32(layer.constrain), **common,
    )  # fmt: skip
    return parts.steps


def _gate_codes(context: LayerContext) -> tuple[int, int]:
    """Numbers of the logistic function and of tanh, as the arithmetic has them between a layer's parts."""
    return context.profile.activation_code("logistic"), context.profile.activation_code("tanh")
