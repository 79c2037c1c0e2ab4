"""Which layers a plan computes in one step, and which ones for several images together."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..kernels.layers.channels import KINDS
from ..layers import Convolutional, Layer, MaxPool
from ..layers.weighted import OWN_ACTIVATIONS
from ..numeric.number_format import FLOAT32, INT8
from .formats import FLOATS
from .inner import unrolls

if TYPE_CHECKING:
    from ..network import Network
    from .formats import Formats

MOST_PRODUCT = 255 * 127
"""The largest product of 8-bit integers."""

LARGE = 300_000
"""Values of its input and output from which a layer is large: images go through it one after the other, on to the next
large one, so that an image's values are still in the last cache when they are read."""


def pooled_convolutions(network: Network, keep: Collection[int], formats: Formats = FLOATS) -> dict[int, int]:
    """Convolutions whose outputs only the maximum pooling behind them reads: number -> the pooling's number.

    Args:
        network: the graph.
        keep: layers whose outputs must be there at the end of a run.
        formats: those of its layers.
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
            alike = formats.of(layer.index) is formats.of(pool.index) is formats.computes(layer.index)
            if alone and alike and isinstance(layer, Convolutional) and pools_within(layer, pool, formats):
                pairs[layer.index] = pool.index
    return pairs


def pools_within(layer: Convolutional, pool: MaxPool, formats: Formats = FLOATS) -> bool:
    """Whether the step of a convolution can do the pooling that follows: disjoint windows of 2x2 from the corner on.

    An activation that is a step of its own has to come between the two. The kernels for depthwise convolutions pool
    nothing; in float32 another one does both.
    """
    if layer.depthwise and formats.computes(layer.index) is not FLOAT32:
        return False
    if layer.size == 1 or layer.blur or unrolls(layer) or layer.activation in {*KINDS, *OWN_ACTIVATIONS}:
        return False
    if formats.computes(layer.index) is INT8 and not _keeps_order(layer):
        return False
    return (pool.size, pool.stride_x, pool.stride_y) == (2, 2, 2) and pool.pad < 2 and not (pool.depth or pool.blur)


def _keeps_order(layer: Convolutional) -> bool:
    """Whether the largest of some sums of 8-bit integers becomes the largest value: it is pooled before the rest."""
    depth = layer.c // layer.groups * layer.size**2
    return layer.activation in ("linear", "leaky", "relu") and depth * MOST_PRODUCT < 2**31


def segments(network: Network, images: int) -> list[tuple[list[Layer], int]]:
    """Runs of layers, each with how many images go through its layers together: all or, if they are large, one."""
    result: list[tuple[list[Layer], int]] = []
    for layer in network.layers:
        sources = [network.input if source < 0 else network.layers[source].out for source in layer.sources]
        size = layer.out.size + sum(source.size for source in sources)
        together = 1 if size >= LARGE else images
        if not result or result[-1][1] != together:
            result.append(([], together))
        result[-1][0].append(layer)
    return result
