"""What 8 bits do to a network, tried out in float32: outputs are rounded to their levels after each layer's step.

So every layer's share in the noise that reaches the heads can be measured, one at a time. (The network in integers adds
the noise of its rounded weights; `rounded` does that to the parameters.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..numeric.arithmetic import get_arithmetic
from ..numeric.quantization import INPUT, LEVELS, rounds_weights
from ..parameters import Parameters
from ..plan.build import Plan
from .scales import rounding_of

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..network import Network
    from ..numeric.quantization import Scale
    from ..plan.step import Step
    from ..typing import Floats


def rounded_to(values: Floats, scale: Scale) -> Floats:
    """The values that 8 bits of this scale have instead."""
    levels: Floats = np.rint(values * np.float32(1 / scale.step)) + np.float32(scale.zero)
    np.clip(levels, 0, LEVELS, out=levels)
    levels -= np.float32(scale.zero)
    levels *= np.float32(scale.step)
    return levels


def rounded(network: Network, parameters: Parameters, integers: Collection[int]) -> Parameters:
    """The parameters with the weights of these layers as 8 bits have them."""
    profile = get_arithmetic("fast", network.dialect)
    arrays = []
    for layer in network.layers:
        own = parameters.arrays[layer.index]
        if layer.index in integers and rounds_weights(layer):
            folded = profile.fold(own) if layer.normalizes else own
            flat = folded["weights"].reshape(layer.out.c, -1).astype(np.float64)
            change = rounding_of(flat)
            factor = own["scales"] / profile.deviations(own["rolling_variance"]) if layer.normalizes else None
            if factor is not None:  # the fold multiplies it again
                change /= np.where(factor == 0, 1, factor)[:, None]
            weights = own["weights"].reshape(layer.out.c, -1) + change
            own = {**own, "weights": weights.astype(np.float32).reshape(own["weights"].shape)}
        arrays.append(own)
    return Parameters(arrays, parameters.seen, parameters.header)


class NoisyNetwork:
    """A network that computes in float32 and rounds outputs to 8 bits where it is told to.

    Attributes:
        rounds: the layers whose output is rounded.
    """

    def __init__(
        self, network: Network, parameters: Parameters, scales: Mapping[int, Scale],
        trees: Mapping[int, Tree] | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            network: the graph.
            parameters: balanced; as they are, or with `rounded` weights.
            scales: by layer.
            trees: WordTrees, by number of the layer that needs one.
        """
        self.network = network
        self.rounds: frozenset[int] = frozenset()
        self._scales = scales
        numbers = range(len(network.layers))
        # One thread: what is done after a step must not meet the next one.
        self._plan = Plan(network, parameters, get_arithmetic("fast", network.dialect), 1, trees, keep=numbers)
        self._last = {step.layer: id(step) for step in self._plan.steps}

    def begin(self) -> None:
        """Let recurrent layers forget what they have seen."""
        self._plan.states.reset()

    def run(self, x: Floats) -> None:
        """Run an input."""
        values = x.reshape(-1)
        if INPUT in self.rounds:
            values = rounded_to(values, self._scales[INPUT])
        self._plan.input()[:] = values
        self._plan.run(self._round)

    def _round(self, step: Step) -> None:
        layer = step.layer
        if layer in self.rounds and self._last[layer] == id(step):
            values = self._plan.output(layer)
            values[:] = rounded_to(values, self._scales[layer])

    def output(self, number: int) -> Floats:
        """A layer's output, flat; a view that the next run overwrites."""
        return self._plan.output(number)


def ends_of(network: Network) -> list[int]:
    """The layers by which noise is measured: what the heads read; without heads the last map that weights made."""
    if network.heads:
        return sorted({source for head in network.heads for source in head.sources})
    weighted = [layer.index for layer in network.layers if layer.multiply_adds and layer.out.image]
    return [weighted[-1] if weighted else network.output_layer.index]


def noise_shares(
    noisy: NoisyNetwork, inputs: Sequence[Floats], numbers: Sequence[int], step: Callable[[], None] = lambda: None
) -> dict[int, float]:
    """By layer, the noise at the heads (relative to their signal, in squares) when it alone is rounded.

    ``step`` is called for each layer. These are nearly additive: together they make what all layers together make.
    """
    ends = ends_of(noisy.network)
    noisy.rounds = frozenset()
    noisy.begin()
    exact: list[list[Floats]] = []
    for x in inputs:
        noisy.run(x)
        exact.append([noisy.output(end).copy() for end in ends])
    powers = [sum(float(np.square(values[i], dtype=np.float64).sum()) for values in exact) for i in range(len(ends))]
    shares: dict[int, float] = {}
    for number in numbers:
        noisy.rounds = frozenset({number})
        shares[number] = _noise(noisy, inputs, ends, exact, powers)
        step()
    noisy.rounds = frozenset()
    return shares


def _noise(
    noisy: NoisyNetwork, inputs: Sequence[Floats], ends: Sequence[int], exact: Sequence[Sequence[Floats]],
    powers: Sequence[float],
) -> float:  # fmt: skip
    """The mean over the heads of noise by signal."""
    noise = [0.0] * len(ends)
    noisy.begin()
    for x, values in zip(inputs, exact, strict=True):
        noisy.run(x)
        for i, end in enumerate(ends):
            noise[i] += float(np.square(noisy.output(end) - values[i], dtype=np.float64).sum())
    return sum(each / power for each, power in zip(noise, powers, strict=True) if power > 0) / len(ends)
