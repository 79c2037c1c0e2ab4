"""Shapes, operations and bytes of OpenCV's layers, by OpenCV's way of counting."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...errors import DarknetError
from .names import is_activation

if TYPE_CHECKING:
    from ...layers import Layer
    from ...network import Network
    from .names import Part

Dims = tuple[int, ...]

_PER_INPUT = {
    "BatchNorm": 3, "ReLU": 1, "Sigmoid": 3, "TanH": 1, "Swish": 3, "Mish": 3, "Eltwise": 1, "Scale": 2, "Softmax": 4,
    "Reorg": 21, "Region": 60,
}  # fmt: skip
"""Operations that OpenCV counts for each input value of these types of layers."""


class PartFacts(NamedTuple):
    """What one of OpenCV's layers reads and gives, for a given input of the network."""

    inputs: tuple[Dims, ...]
    output: Dims
    operations: int

    @property
    def bytes(self) -> int:
        """Size of its output, float32."""
        return 4 * prod(self.output)


def read_shape(given: object) -> Dims:
    """The shape of the network's input: four numbers, or a list of one such shape.

    Raises:
        DarknetError: it is something else.
    """
    try:
        values = np.asarray(given)
    except ValueError:
        values = np.empty(0, object)
    if values.ndim == 2 and len(values) == 1:
        values = values[0]
    if values.shape != (4,) or values.dtype.kind not in "iu" or values.min() < 1:
        raise DarknetError(f"an input's shape is [images, channels, height, width], not {str(given)[:80]}")
    return tuple(values.tolist())


def measure_parts(network: Network, parts: Sequence[Part], shape: Dims) -> list[PartFacts]:
    """Facts about all parts, in order; the first ones are those of the input.

    Args:
        network: the graph.
        parts: all of its parts.
        shape: of the input; another height and width is what the network would be resized to.

    Raises:
        CfgError: the network cannot take that size.
        DarknetError: the network takes another number of channels.
    """
    if shape[1] != network.input.c:
        raise DarknetError(f"the network reads {network.input.c} channels, not {shape[1]}")
    if shape[2:] != (network.input.h, network.input.w):
        network = network.resized(shape[3], shape[2])
    facts = [PartFacts((shape,), shape, 0)]
    last = {-1: shape}
    for part in parts:
        layer = network.layers[part.number]
        first = part.number not in last
        inputs = tuple(last[source] for source in layer.sources) if first else (last[part.number],)
        if first and layer.opencv.map_first:
            inputs = inputs[::-1]  # OpenCV's has the map first
        if layer.opencv.reads_image and part.stage == "output":
            inputs = (*inputs, shape)
        output = _output(network, part, shape[0])
        facts.append(PartFacts(inputs, output, _operations(layer, part, inputs, output)))
        last[part.number] = output
    return facts


def is_flat(network: Network, layer: Layer) -> bool:
    """Whether OpenCV has a layer's output as a list: that of ``[connected]``, and what passes it on."""
    while layer.opencv.flat is None and layer.index:
        layer = network.layers[layer.index - 1]
    return bool(layer.opencv.flat)


def _output(network: Network, part: Part, images: int) -> Dims:
    layer = network.layers[part.number]
    if part.stage == "permuted":
        return (images, layer.input.h, layer.input.w, layer.input.c)
    if layer.opencv.rows:
        head = network.head(part.number)
        rows = (head.input.h * head.input.w * head.n, 5 + head.classes)
        return rows if images == 1 else (images, *rows)
    if is_flat(network, layer):
        return (images, layer.out.size)
    return (images, layer.out.c, layer.out.h, layer.out.w)


def _operations(layer: Layer, part: Part, inputs: Sequence[Dims], output: Dims) -> int:
    facts, values = layer.opencv, prod(output)
    if part.type == facts.type and facts.work:
        return values * facts.work
    if part.type in _PER_INPUT:
        return _PER_INPUT[part.type] * sum(map(prod, inputs))
    if is_activation(layer, part):
        return values
    return 2 * output[0] * layer.multiply_adds if part.type == layer.kind else 0
