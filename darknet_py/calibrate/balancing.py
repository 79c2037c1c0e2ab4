"""By which factors channels are balanced: between like ranges of the outputs and like columns of the weights behind.

A channel with a small range has few of the 255 steps that all channels share. Dividing it by a small factor gives it
more, but multiplies its column in the next weights, which share steps as well. So half of the way is gone (the root of
the range), and less for channels with large weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..calibration import EIGHTH, MOST_POWER
from ..numeric.balance import balanced_sets
from ..numeric.quantization import groups

if TYPE_CHECKING:
    from ..network import Network
    from ..typing import Doubles, Floats
    from .observe import Channels

OF_RANGE, OF_WEIGHTS = 0.5, 0.25
"""Powers of a channel's range and of its weights in its factor: the best of a few that were tried on real networks."""

SMALLEST_RANGE, SMALLEST_WEIGHT, SMALLEST_FACTOR = 1e-3, 1e-2, 1 / 64
"""Relative to a layer's greatest: what is smaller counts as that. Channels that are nearly always 0 gain nothing."""

Weights = Mapping[int, "Floats"]
"""By convolution, its weights with batch normalisation folded in."""


def choose_powers(network: Network, weights: Weights, channels: Mapping[int, Channels]) -> dict[int, list[int]]:
    """The factor of each channel as ``2 ** (power / EIGHTH)``, by layer that can be balanced.

    Args:
        network: the graph.
        weights: of its convolutions.
        channels: peaks of at least the layers that can be balanced.
    """
    sets = balanced_sets(network)
    behind = _weights_behind(network, weights, sets)
    factors: dict[int, Doubles] = {}
    for root in set(sets.values()):
        peaks = [channels[number].peak for number, own in sets.items() if own == root]
        factors[root] = _factors(peaks, behind.get(root))
    shares = _common_ranges(network, sets, factors, channels)
    powers = {
        root: np.clip(np.rint(EIGHTH * np.log2(values * shares.get(root, 1.0))), -MOST_POWER, MOST_POWER).astype(int)
        for root, values in factors.items()
    }
    return {number: powers[root].tolist() for number, root in sets.items()}


def _factors(peaks: list[Doubles], weights: Doubles | None) -> Doubles:
    """A set's factors, the greatest 1; ``weights``: of the convolutions that read it, relative to each filter's."""
    ranges = np.exp(np.mean([np.log(np.maximum(_relative(peak), SMALLEST_RANGE)) for peak in peaks], axis=0))
    if weights is None:  # only depthwise convolutions read it, whose weights are each channel's own
        values = ranges
    else:
        values = ranges**OF_RANGE / np.maximum(_relative(weights), SMALLEST_WEIGHT) ** OF_WEIGHTS
    result: Doubles = np.maximum(values / values.max(), SMALLEST_FACTOR)
    return result


def _relative(values: Doubles) -> Doubles:
    greatest = values.max()
    result: Doubles = values / greatest if greatest > 0 else np.ones_like(values)
    return result


def _common_ranges(
    network: Network, sets: Mapping[int, int], factors: Mapping[int, Doubles], channels: Mapping[int, Channels]
) -> dict[int, float]:
    """What a set's factors are multiplied by, so that layers that a route joins reach equally far."""
    shares: dict[int, float] = {}
    for group in groups(network):
        makers = [number for number in group if number in channels and _makes(network, number)]
        reach = {
            number: float((channels[number].peak / (factors[sets[number]] if number in sets else 1.0)).max())
            for number in makers
        }
        reach = {number: far for number, far in reach.items() if far > 0}
        fixed = [far for number, far in reach.items() if number not in sets]
        done = [
            far / shares[sets[number]] for number, far in reach.items() if number in sets and sets[number] in shares
        ]
        common = max(fixed or done or [1.0])
        for number, far in reach.items():
            if number in sets and sets[number] not in shares and len(makers) > 1:
                shares[sets[number]] = far / common
    return shares


def _makes(network: Network, number: int) -> bool:
    """Whether a layer makes its values, rather than handing them on."""
    return number < 0 or not network.layers[number].passes_values


def _weights_behind(network: Network, weights: Weights, sets: Mapping[int, int]) -> dict[int, Doubles]:
    """By set, for each channel the greatest weight that it is multiplied by, relative to its filter's greatest."""
    found: dict[int, Doubles] = {}

    def give(number: int, columns: Doubles) -> None:
        """Columns of a layer's output, to whoever makes it."""
        if number < 0:
            return
        layer = network.layers[number]
        if number in sets:
            known = found.get(sets[number])
            found[sets[number]] = columns if known is None else np.maximum(known, columns)
            return
        first = 0
        for part in layer.channels_from:
            whole = np.zeros(network.layers[part.source].out.c if part.source >= 0 else network.input.c)
            stop = first + part.stop - part.first
            whole[part.first : part.stop] = columns[first:stop]
            give(part.source, whole)
            first = stop

    for layer in network.layers:
        if layer.index in weights and weights[layer.index].shape[1] > 1:  # more than one input channel in a group
            give(layer.sources[0], _columns(weights[layer.index], layer.input.c))
    return found


def _columns(weights: Floats, inputs: int) -> Doubles:
    """By input channel, the greatest weight relative to the greatest of its filter."""
    filters, channels = weights.shape[:2]
    groups = inputs // channels
    grouped = np.abs(weights.astype(np.float64)).reshape(groups, filters // groups, channels, -1)
    taps = grouped.max(axis=3)
    greatest = np.maximum(taps.max(axis=2, keepdims=True), 1e-30)
    columns: Doubles = (taps / greatest).max(axis=1).reshape(-1)
    return columns
