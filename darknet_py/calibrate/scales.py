"""From what was observed to a calibration: scales of the outputs, shifts of the biases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError
from ..numeric.arithmetic import get_arithmetic
from ..numeric.balance import channel_factors, spread
from ..numeric.quantization import INPUT, PICTURE, Scale, groups, rounds_weights, scaled
from .histogram import united

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..network import Network
    from ..numeric.balance import Factors
    from ..parameters import Arrays
    from ..typing import Doubles, Floats
    from .histogram import Histogram
    from .observe import Channels
    from .ranges import Range

WEIGHT_LEVELS = 127
"""The greatest magnitude of a quantised weight."""


def choose_scales(
    network: Network, histograms: Mapping[int, Histogram], method: Callable[[Histogram], Range]
) -> dict[int, Scale]:
    """The scale of every layer that needs one; layers that must agree get that of all their values."""
    outputs: dict[int, Scale] = {}
    together = {number: group for group in groups(network) for number in group}
    for number in sorted(scaled(network)):
        group = together.get(number, frozenset({number}))
        known = next((outputs[member] for member in group if member in outputs), None)
        outputs[number] = known or _scale(network, group, histograms, method)
    return outputs


def _scale(
    network: Network, group: frozenset[int], histograms: Mapping[int, Histogram], method: Callable[[Histogram], Range]
) -> Scale:
    """Of the values that are made in a group; those handed on are the same ones again.

    Raises:
        DarknetError: they go too far.
    """
    if group == {INPUT} and network.input.image and network.input.c <= 3:
        return PICTURE
    makers = [number for number in group if number < 0 or not network.layers[number].passes_values]
    histogram = united([histograms[number] for number in sorted(makers or group) if number in histograms])
    if not histogram.total:
        return Scale.of_range(0, 1)
    chosen = method(histogram)
    try:
        return Scale.of_range(chosen.low, chosen.high)
    except DarknetError:
        first = min(group)
        raise network.error(
            network.layers[max(first, 0)],
            f"layer {first}'s values go from {chosen.low:.3g} to {chosen.high:.3g}: too far for 8-bit integers",
        ) from None


def folded_weights(network: Network, arrays: Sequence[Arrays]) -> dict[int, Floats]:
    """By layer whose weights take factors or are rounded: they, with batch normalisation folded in."""
    profile = get_arithmetic("fast", network.dialect)
    found: dict[int, Floats] = {}
    for layer in network.layers:
        if layer.takes_factors or rounds_weights(layer):
            own = arrays[layer.index]
            found[layer.index] = (profile.fold(own) if layer.normalizes else own)["weights"]
    return found


def rounding_of(weights: Doubles) -> Doubles:
    """What rounding to 8 bits adds to weights (filters x others), a step for each filter."""
    steps = np.abs(weights).max(axis=1, keepdims=True) / WEIGHT_LEVELS
    steps[steps == 0] = 1
    result: Doubles = np.rint(weights / steps) * steps - weights
    return result


def choose_shifts(
    network: Network, weights: Mapping[int, Floats], channels: Mapping[int, Channels], factors: Factors
) -> dict[int, list[float]]:
    """What is added to each bias of the layers whose weights are rounded: the mean that this moves.

    (Nagel et al. 2019, section 4.2; the mean of a tap is taken to be that of its channel, padding is left out.)
    """
    shifts: dict[int, list[float]] = {}
    for layer in network.layers:
        if not rounds_weights(layer):
            continue
        own = weights[layer.index]
        out, into = (channel_factors(network, factors, number) for number in (layer.index, layer.sources[0]))
        columns = spread(own, into)
        balanced = own.reshape(len(out), -1) * columns / out[:, None]
        moved = rounding_of(balanced) / columns * out[:, None]
        mean = spread(own, channels[layer.sources[0]].mean)
        shifts[layer.index] = (-(moved * mean).sum(axis=1)).tolist()
    return shifts
