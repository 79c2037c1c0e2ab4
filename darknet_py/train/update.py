"""Updates: SGD as Darknet's CPU code has it, Adam as its GPU code does, each with its own memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.train import update as kernels
from ..plan.step import Step

if TYPE_CHECKING:
    from ..typing import Floats
    from .options import LayerOptions, NetOptions

f32 = np.float32


class Updates:
    """The steps that change all parameters, and what they keep from one update to the next.

    Attributes:
        steps: to be run once for each update, after `prepare`.
        states: by layer and name: ``NAME_m`` and ``NAME_v``, the moments of Adam; nothing of SGD.
        count: updates of this run (Adam's t).
    """

    def __init__(
        self,
        options: NetOptions,
        layers: Sequence[LayerOptions],
        arrays: Sequence[Mapping[str, Floats]],
        updates: Sequence[Mapping[str, Floats]],
    ) -> None:
        """
        Args:
            options: of ``[net]``.
            layers: of each layer.
            arrays: parameters of each layer, flat.
            updates: their updates.
        """
        self._options, self._layers = options, layers
        self.count = 0
        self.steps: list[Step] = []
        self.states: list[dict[str, Floats]] = []
        self._factors = [np.zeros(7 if options.adam else 3, f32) for _ in layers]
        for factors, own, given in zip(self._factors, arrays, updates, strict=True):
            states: dict[str, Floats] = {}
            for name in ("biases", "scales", "weights"):
                if name not in given:
                    continue
                if options.adam:
                    moments = [states.setdefault(f"{name}_{letter}", np.zeros(own[name].size, f32)) for letter in "mv"]
                    self.steps.append(
                        Step.of(
                            kernels.adam, values=own[name], updates=given[name], first_moment=moments[0],
                            second_moment=moments[1], factors=factors,
                        )
                    )  # fmt: skip
                else:
                    self.steps.append(
                        Step.of(
                            kernels.sgd, values=own[name], updates=given[name], factors=factors,
                            decays=name == "weights",
                        )
                    )  # fmt: skip
            self.states.append(states)

    def prepare(self, rate: np.float32) -> None:
        """Make the steps ready for an update at a learning rate."""
        self.count += 1
        options = self._options
        images, decay, momentum = f32(options.images), f32(options.decay), f32(options.momentum)
        for layer, factors in zip(self._layers, self._factors, strict=True):
            own = f32(rate) * f32(layer.learning_rate)
            if options.adam is None:
                factors[:] = own / images, -decay * images, momentum
            else:
                adam = options.adam
                corrections = [f32(1) - f32(beta**self.count) for beta in (adam.b1, adam.b2)]
                factors[:] = own, -decay * images, adam.b1, adam.b2, adam.eps, *corrections
