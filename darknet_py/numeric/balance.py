"""Channels brought to like ranges before all of a layer's values share one step of 8 bits.

A channel that is divided by a factor on its way out of one convolution and multiplied by it in the weights of the next
changes nothing but roundings, if what lies between is positively homogeneous (``f(a x) = a f(x)``): linear, leaky and
relu are, pooling, routes and shortcuts too. (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and
Bias Correction", section 4.1.) Layers that hand on each other's channels must have the same factors: a *set*.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..layers import Layer
    from ..network import Network
    from ..typing import Doubles, Floats

Factors = Mapping[int, "Doubles"]
"""By layer, for each channel of its output, what balanced values are multiplied by to be the real ones."""


def balanced_sets(network: Network) -> dict[int, int]:
    """By layer that `Layer.balances` its set; layers whose channels must stay as they are belong to none."""
    finder = _Sets(network)
    fixed = {finder.root(number) for number in finder.fixed}
    found = {layer.index: finder.root(layer.index) for layer in network.layers if layer.balances}
    return {number: root for number, root in found.items() if root not in fixed}


class _Sets:
    """Union-find over the layers that make values; ``fixed``: some of the layers whose factors must be 1."""

    def __init__(self, network: Network) -> None:
        self.layers, self.input = network.layers, network.input
        self.parent = {number: number for number in range(-1, len(network.layers))}
        self.shared = {layer.shares for layer in network.layers}
        self.fixed = {-1}
        for layer in network.layers:
            self._read(layer)
        self._keep(network.output_layer.index)

    def root(self, number: int) -> int:
        while self.parent[number] != number:
            number = self.parent[number]
        return number

    def _read(self, layer: Layer) -> None:
        """What a layer asks of the layers that it reads, and of itself."""
        if layer.channels_from:
            return
        if not layer.balances or layer.index in self.shared:
            self._keep(layer.index, *layer.sources)
        elif not layer.takes_factors:
            self._tie(layer)

    def _tie(self, layer: Layer) -> None:
        """The factors of all that is added become the same; 1, if one of these cannot have such."""
        origins = [self._origin(source) for source in layer.sources]
        if any(origin is None or self._count(origin) != layer.out.c for origin in origins):
            self._keep(layer.index, *layer.sources)
            return
        for origin in origins:
            if origin is not None:
                self.parent[self.root(origin)] = self.root(layer.index)

    def _origin(self, number: int) -> int | None:
        """The one layer whose channels a layer's output has, all in their order; None if it is not so simple."""
        while number >= 0 and not self.layers[number].balances:
            parts = self.layers[number].channels_from
            if len(parts) != 1 or (parts[0].first, parts[0].stop) != (0, self._count(parts[0].source)):
                return None
            number = parts[0].source
        return number

    def _count(self, number: int) -> int:
        """How many channels there are."""
        return self.layers[number].out.c if number >= 0 else self.input.c

    def _keep(self, *numbers: int) -> None:
        """These layers, or those whose values they hand on, stay as they are."""
        for number in numbers:
            parts = self.layers[number].channels_from if number >= 0 else ()
            if parts:
                self._keep(*(part.source for part in parts))
            else:
                self.fixed.add(number)


def channel_factors(network: Network, factors: Factors, number: int) -> Doubles:
    """The factors of a layer's output (-1: the network's input) by channel; 1 where it has none."""
    if number < 0:
        return np.ones(network.input.c)
    layer = network.layers[number]
    if number in factors:
        return factors[number]
    parts = [channel_factors(network, factors, part.source)[part.first : part.stop] for part in layer.channels_from]
    return np.concatenate(parts) if parts else np.ones(layer.out.c)


def spread(weights: Floats, values: Doubles) -> Doubles:
    """A number for each input channel -> an array that goes with the weights, filters first.

    Args:
        weights: filters x input channels of a group x height x width.
        values: by input channel.
    """
    filters, channels = weights.shape[:2]
    by_group = values.reshape(-1, 1, channels, 1)
    groups = len(by_group)
    whole = np.broadcast_to(by_group, (groups, filters // groups, channels, weights[0, 0].size))
    return whole.reshape(filters, -1)


def balanced_arrays(
    layer: Layer, arrays: Mapping[str, Floats], out: Doubles, into: Doubles, shift: Doubles | None = None
) -> dict[str, Floats]:
    """A layer's arrays with the factors within them.

    Args:
        layer: one that `Layer.takes_factors`.
        arrays: its stored arrays.
        out: the factors of its output, which it is divided by.
        into: those of its input, which is multiplied by them.
        shift: what is added to the biases, before the division.
    """
    weights = arrays["weights"].reshape(len(out), -1) * spread(arrays["weights"], into)
    biases = arrays["biases"] + (0.0 if shift is None else shift)
    result = {**arrays, "biases": (biases / out).astype(np.float32)}
    if layer.normalizes:
        result["scales"] = (arrays["scales"] / out).astype(np.float32)
    else:
        weights = weights / out[:, None]
    result["weights"] = weights.astype(np.float32).reshape(arrays["weights"].shape)
    return result
