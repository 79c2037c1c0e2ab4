"""Recurrent layers -> steps: their parts' own steps, and the gates between them.

One image is one time step, as in Darknet's inference (``batch`` and ``time_steps`` count as 1): the state goes from
image to image and from run to run in arrays of `plan.states`. A plan for several images has a layer's steps in their
order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .. import layers
from ..kernels import recurrent
from ..kernels.activations import LOGISTIC, TANH
from .memory import aligned_floats
from .step import Step
from .steps import make_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .steps import Bench, Floats


class _Parts:
    """Collects the steps of a layer and keeps its parts' outputs by name."""

    def __init__(self, layer: layers.Recurrent, bench: Bench) -> None:
        self.layer = layer
        self.bench = bench
        self.steps: list[Step] = []
        self.out: dict[str, Floats] = {}

    def run(self, x: Floats, *names: str, out: Floats | None = None) -> None:
        """The named parts, each from ``x`` into an array of its own, or into ``out``."""
        for name in names:
            part = self.layer.parts[name]
            self.out[name] = aligned_floats(part.out.size) if out is None else out
            arrays = self.layer.arrays_of(name, self.bench.arrays)
            store = None if self.bench.store is None else self.bench.store.setdefault(name, {})
            self.steps += make_steps(
                part, replace(self.bench, sources=[x], out=self.out[name], arrays=arrays, store=store)
            )

    def between(self, kernel: Callable[..., None], values: int, *args: Any) -> None:
        """A kernel of `kernels.recurrent`; names among its arguments stand for the parts' outputs."""
        found = tuple(self.out[arg] if isinstance(arg, str) else arg for arg in args)
        self.steps.append(Step(kernel, found, tasks=-(-values // recurrent.BLOCK)))


@make_steps.register(layers.Rnn)
@make_steps.register(layers.Crnn)
def _(layer: layers.Rnn | layers.Crnn, bench: Bench) -> list[Step]:
    parts, (state,) = _Parts(layer, bench), bench.states
    parts.run(bench.x, "input_layer")
    parts.run(state, "self_layer")
    parts.between(recurrent.add_to_state, state.size, state, "input_layer", "self_layer", layer.shortcut)
    parts.run(state, "output_layer", out=bench.out)
    return parts.steps


@make_steps.register(layers.Gru)
def _(layer: layers.Gru, bench: Bench) -> list[Step]:
    parts, (state,) = _Parts(layer, bench), bench.states
    update, forgot = aligned_floats(state.size), aligned_floats(state.size)
    parts.run(state, "wz", "wr")
    parts.run(bench.x, "uz", "ur", "uh")
    parts.between(recurrent.gru_gates, state.size, update, forgot, state, "uz", "wz", "ur", "wr")
    parts.run(forgot, "wh")
    code = TANH if layer.tanh else LOGISTIC
    parts.between(recurrent.gru_output, state.size, bench.out, state, update, "uh", "wh", code)
    return parts.steps


@make_steps.register(layers.Lstm)
def _(layer: layers.Lstm, bench: Bench) -> list[Step]:
    parts, (cell, hidden) = _Parts(layer, bench), bench.states
    inputs, states = ("uf", "ui", "ug", "uo"), ("wf", "wi", "wg", "wo")
    parts.run(hidden, *states)
    parts.run(bench.x, *inputs)
    parts.between(recurrent.lstm_output, cell.size, bench.out, cell, hidden, *inputs, *states)
    return parts.steps
