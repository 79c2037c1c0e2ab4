"""Which layers a plan computes in one step."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..layers import Convolutional, MaxPool

if TYPE_CHECKING:
    from ..network import Network


def pooled_convolutions(network: Network, keep: Collection[int]) -> dict[int, int]:
    """Convolutions whose outputs nobody but the maximum pooling behind them asks for: number -> the pooling's number.

    Args:
        network: the graph.
        keep: layers whose outputs must be there at the end of a run.
    """
    users: dict[int, int] = {}
    for layer in network.layers:
        for source in layer.sources:
            users[source] = users.get(source, 0) + 1
    pairs: dict[int, int] = {}
    for pool in network.layers:
        if isinstance(pool, MaxPool) and pool.sources[0] >= 0:
            layer = network.layers[pool.sources[0]]
            alone = users[layer.index] == 1 and layer.index not in keep
            if alone and isinstance(layer, Convolutional) and pools_within(layer, pool):
                pairs[layer.index] = pool.index
    return pairs


def pools_within(layer: Convolutional, pool: MaxPool) -> bool:
    """Whether the step of a convolution can do the pooling that follows: disjoint windows of 2x2 from the corner on."""
    return layer.size > 1 and pool.size == 2 and pool.stride == 2 and pool.pad < 2
