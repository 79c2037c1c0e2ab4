"""Which layers stay in float32 until the detections agree: those whose rounding costs most for their work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..numeric.arithmetic import get_arithmetic
from ..numeric.quantization import quantizable, scaled
from ..plan.chains import find_chains
from .noise import ends_of

if TYPE_CHECKING:
    from ..network import Network
    from .agreement import Agreement

WORTH = 0.01
"""What a layer costs besides its multiply-adds, as a share of all: so that small layers are no matter of chance."""


def ends_in_float(network: Network) -> frozenset[int]:
    """The convolutions that the heads read: their rounding is in every box, so they stay in float32 from the start."""
    return frozenset(ends_of(network)) & quantizable(network)


def order_of_harm(network: Network, shares: Mapping[int, float]) -> list[frozenset[int]]:
    """Sets of layers to take into float32, the most worthwhile first.

    A layer's output is not rounded when the layer and all that read it are in float32: a set is these, and all
    convolutions of a bottleneck that one of them is in, which float32 as well computes in one step. Its worth is its
    share of the noise by the multiply-adds of the set.
    """
    able = quantizable(network)
    total = max(sum(network.layers[number].multiply_adds for number in able), 1)
    readers, together = _readers(network), _bottlenecks(network)

    def worth(number: int) -> float:
        work = sum(network.layers[each].multiply_adds for each in moved(number)) / total
        return shares[number] / (work + WORTH)

    def moved(number: int) -> frozenset[int]:
        found = readers[number] | {number}
        return found.union(*(layers for layers in together if layers & found)) & able

    return [moved(number) for number in sorted(shares, key=lambda number: (-worth(number), number)) if moved(number)]


def _bottlenecks(network: Network) -> list[frozenset[int]]:
    """The convolutions of each bottleneck."""
    chains = find_chains(network, (), get_arithmetic("fast", network.dialect)).values()
    return [frozenset(layer.index for layer in chain.convolutions) for chain in chains]


def _readers(network: Network) -> dict[int, frozenset[int]]:
    """By layer (-1: the input), the layers that read its values, through those that only hand them on."""
    readers: dict[int, frozenset[int]] = {number: frozenset() for number in range(-1, len(network.layers))}
    for layer in reversed(network.layers):
        behind = readers[layer.index] | {layer.index} if layer.passes_values else frozenset({layer.index})
        for source in layer.sources:
            readers[source] |= behind
    return readers


def rounded_layers(network: Network, floats: frozenset[int]) -> list[int]:
    """The layers (-1: the input) whose outputs are rounded to 8 bits: a layer in integers makes or reads them."""
    integers = quantizable(network) - floats
    found: set[int] = set()
    for number in integers:
        layer = network.layers[number]
        if not layer.passes_values:
            found |= {number, *layer.sources}
    makers = {number for number in found if number < 0 or not network.layers[number].passes_values}
    handed = found - makers
    for number in sorted(handed, reverse=True):
        makers |= _makers(network, number)
    return sorted(makers & (scaled(network) | makers))


def _makers(network: Network, number: int) -> set[int]:
    """The layers whose values a layer hands on."""
    if number < 0 or not network.layers[number].passes_values:
        return {number}
    return {maker for source in network.layers[number].sources for maker in _makers(network, source)}


def fewest_floats(
    start: frozenset[int], order: list[frozenset[int]], measure: Callable[[frozenset[int]], Agreement], wanted: float
) -> tuple[frozenset[int], Agreement]:
    """The fewest sets of the order, from its beginning on, with which the network agrees as wanted; else the best.

    Args:
        start: layers that stay in float32 anyway.
        order: as `order_of_harm`.
        measure: the agreement with these layers in float32.
        wanted: see `Agreement.reaches`.
    """
    best, found = start, measure(start)
    tried = {0: found}
    if found.reaches(wanted):
        return best, found
    low, high, step = 0, 0, 1
    while high < len(order):  # twice as many each time
        high = min(low + step, len(order))
        found = tried[high] = measure(start.union(*order[:high]))
        if found.reaches(wanted):
            break
        low, step = high, 2 * step
    else:
        count = max(tried, key=lambda number: (tried[number].mean, -number))
        return start.union(*order[:count]), tried[count]
    while high - low > 1:
        middle = (low + high) // 2
        tried[middle] = measure(start.union(*order[:middle]))
        low, high = (low, middle) if tried[middle].reaches(wanted) else (middle, high)
    return start.union(*order[:high]), tried[high]
