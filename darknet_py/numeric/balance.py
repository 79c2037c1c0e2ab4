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

from ..layers import Convolutional, MultiShortcut, Route, Shortcut

if TYPE_CHECKING:
    from ..layers import Layer
    from ..network import Network
    from ..typing import Doubles, Floats

HOMOGENEOUS = frozenset({"leaky", "linear", "relu"})
"""Activations that a positive factor goes through."""

Factors = Mapping[int, "Doubles"]
"""By layer, for each channel of its output, what balanced values are multiplied by to be the real ones."""


def balanced_sets(network: Network) -> dict[int, int]:
    """By layer (convolutions and shortcuts) its set; layers whose channels must stay as they are belong to none."""
    finder = _Sets(network)
    fixed = {finder.root(number) for number in finder.fixed}
    found = {number: finder.root(number) for number in range(len(network.layers)) if finder.owns(number)}
    return {number: root for number, root in found.items() if root not in fixed}


class _Sets:
    """Union-find over the layers that make values; ``fixed``: some of the layers whose factors must be 1."""

    def __init__(self, network: Network) -> None:
        self.layers = network.layers
        self.parent = {number: number for number in range(-1, len(network.layers))}
        shared = {layer.shares for layer in network.layers} - {None}
        self.fixed = {-1, *(number for number in shared if number is not None)}
        for layer in network.layers:
            self._read(layer)
        self._keep(network.output_layer.index)

    def owns(self, number: int) -> bool:
        """Whether a layer makes values that a factor can go through."""
        return isinstance(self.layers[number], (Convolutional, Shortcut, MultiShortcut))

    def root(self, number: int) -> int:
        while self.parent[number] != number:
            number = self.parent[number]
        return number

    def _read(self, layer: Layer) -> None:
        """What a layer asks of the layers that it reads, and of itself."""
        if isinstance(layer, Convolutional):
            if not _plain(layer):
                self._keep(layer.index)
            if layer.xnor or layer.shares is not None or layer.index in self.fixed:
                self._keep(layer.index)
                self._keep(*layer.sources)
        elif isinstance(layer, (Shortcut, MultiShortcut)):
            tied = [self._origin(source) for source in layer.sources]
            if None in tied or not _adds_all(layer) or layer.activation not in HOMOGENEOUS:
                self._keep(layer.index, *layer.sources)
            for origin in tied:
                if origin is not None:
                    self.parent[self.root(origin)] = self.root(layer.index)
        elif not (isinstance(layer, Route) or _keeps_channels(layer)):
            self._keep(layer.index, *layer.sources)

    def _origin(self, number: int) -> int | None:
        """The one layer whose channels a layer's output has, in their order; None if it is not so simple."""
        while number >= 0 and not self.owns(number):
            layer = self.layers[number]
            if not _keeps_channels(layer) or layer.out.c != layer.input.c or len(layer.sources) > 1:
                return None
            number = layer.sources[0]
        return number

    def _keep(self, *numbers: int) -> None:
        """These layers, or those whose values they hand on, stay as they are."""
        for number in numbers:
            if number < 0 or self.owns(number):
                self.fixed.add(number)
            elif isinstance(self.layers[number], Route) or _keeps_channels(self.layers[number]):
                self._keep(*self.layers[number].sources)


def _plain(layer: Convolutional) -> bool:
    return layer.activation in HOMOGENEOUS and not (layer.blur or layer.flipped)


def _adds_all(layer: Shortcut | MultiShortcut) -> bool:
    """Whether each channel is the sum of the same channel of all sources."""
    if isinstance(layer, Shortcut):
        return layer.added == layer.out
    return not layer.weights and set(layer.counts) == {layer.out.size}


def _keeps_channels(layer: Layer) -> bool:
    """Whether it hands on the channels of its one source, each for itself, whatever factor they have."""
    return layer.passes_values and len(layer.sources) == 1 and layer.out.c == layer.input.c and layer.out.image


def channel_factors(network: Network, factors: Factors, number: int) -> Doubles:
    """The factors of a layer's output (-1: the network's input) by channel; 1 where it has none."""
    if number < 0:
        return np.ones(network.input.c)
    layer = network.layers[number]
    if number in factors:
        return factors[number]
    if isinstance(layer, Route):
        parts = [channel_factors(network, factors, source) for source in layer.sources]
        return np.concatenate([_part(values, layer) for values in parts])
    if _keeps_channels(layer):
        return channel_factors(network, factors, layer.sources[0])
    return np.ones(layer.out.c)


def _part(values: Doubles, layer: Route) -> Doubles:
    """Those of the channels of a source that a route takes."""
    count = len(values) // layer.groups
    return values[layer.group_id * count : (layer.group_id + 1) * count]


def spread(layer: Convolutional, values: Doubles) -> Doubles:
    """A number for each input channel -> an array that goes with the weights, filters first."""
    by_group = values.reshape(layer.groups, 1, -1, 1)
    taps = layer.size * layer.size
    whole = np.broadcast_to(by_group, (layer.groups, layer.n // layer.groups, by_group.shape[2], taps))
    return whole.reshape(layer.n, -1)


def balanced_arrays(
    layer: Layer, arrays: Mapping[str, Floats], out: Doubles, into: Doubles, shift: Doubles | None = None
) -> dict[str, Floats]:
    """A convolution's arrays with the factors within them.

    Args:
        layer: a convolution without ``xnor``.
        arrays: its stored arrays.
        out: the factors of its output, which it is divided by.
        into: those of its input, which is multiplied by them.
        shift: what is added to the biases, before the division.
    """
    assert isinstance(layer, Convolutional)
    weights = arrays["weights"].reshape(layer.n, -1) * spread(layer, into)
    biases = arrays["biases"] + (0.0 if shift is None else shift)
    result = {**arrays, "biases": (biases / out).astype(np.float32)}
    if layer.batch_normalize:
        result["scales"] = (arrays["scales"] / out).astype(np.float32)
    else:
        weights = weights / out[:, None]
    result["weights"] = weights.astype(np.float32).reshape(arrays["weights"].shape)
    return result
