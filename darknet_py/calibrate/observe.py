"""A network in float32 over pictures: what its layers' outputs are like."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..numeric.balance import channel_factors
from ..numeric.quantization import INPUT
from .histogram import Histogram

if TYPE_CHECKING:
    from ..network import Network
    from ..numeric.balance import Factors
    from ..running import RunningNetwork
    from ..typing import Doubles, Floats


@dataclass
class Channels:
    """A layer's output by channel, over all pictures.

    Attributes:
        peak: the greatest magnitude.
        mean: the mean.
    """

    peak: Doubles
    mean: Doubles


def by_channel(network: Network, number: int, values: Floats) -> Floats:
    """A layer's output (-1: the network's input) as channels x values; of a flat one each value is a channel."""
    shape = network.input if number == INPUT else network.layers[number].out
    return values.reshape(shape.c, -1)


def observe_channels(
    running: RunningNetwork, inputs: Iterable[Floats], numbers: Collection[int], step: Callable[[], None]
) -> dict[int, Channels]:
    """Peaks and means of layers' outputs (-1: the input); ``step`` is called for each input.

    Raises:
        DarknetError: a value is NaN or infinite.
    """
    network = running.network
    running.reset_state()
    seen = {number: Channels(np.zeros(0), np.zeros(0)) for number in numbers}
    count = 0
    for x in inputs:
        for number, values in outputs(running, x, numbers):
            _check_finite(network, number, values)
            peak = np.abs(values).max(axis=1).astype(np.float64)
            mean = values.mean(axis=1, dtype=np.float64)
            channels = seen[number]
            channels.peak = np.maximum(channels.peak, peak) if count else peak
            channels.mean = channels.mean + mean if count else mean
        count += 1
        step()
    for channels in seen.values():
        channels.mean = channels.mean / max(count, 1)
    return seen


def observe_values(
    running: RunningNetwork, inputs: Iterable[Floats], numbers: Collection[int], factors: Factors,
    step: Callable[[], None],
) -> dict[int, Histogram]:  # fmt: skip
    """Histograms of layers' outputs (-1: the input), channels divided by their factors.

    Raises:
        DarknetError: a value is NaN or infinite, or becomes so.
    """
    network = running.network
    running.reset_state()
    histograms = {number: Histogram() for number in numbers}
    inverse = {n: (1 / channel_factors(network, factors, n)).astype(np.float32)[:, None] for n in numbers}
    for x in inputs:
        for number, values in outputs(running, x, numbers):
            balanced = values * inverse[number]
            _check_finite(network, number, balanced)
            histograms[number].add(balanced)
        step()
    return histograms


def outputs(running: RunningNetwork, x: Floats, numbers: Collection[int]) -> Iterable[tuple[int, Floats]]:
    """Run an input, then give layers' outputs as channels x values."""
    running.predict(x)
    for number in numbers:
        values = x if number == INPUT else running.layer_output(number)
        yield number, by_channel(running.network, number, values)


def _check_finite(network: Network, number: int, values: Floats) -> None:
    if np.isfinite(values.sum(dtype=np.float64)):
        return
    layer = network.layers[max(number, 0)]
    raise network.error(layer, f"layer {number}'s output is NaN or infinite: such a network cannot be calibrated")
