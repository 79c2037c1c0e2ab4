"""The names that OpenCV's importer gives to the parts of Darknet's layers (``conv_0``, ``bn_0``, ``leaky_1``, ...)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ...layers import (
    AvgPool,
    Connected,
    Convolutional,
    Cost,
    Dropout,
    MaxPool,
    MultiShortcut,
    Region,
    Reorg,
    Route,
    Sam,
    ScaleChannels,
    Shortcut,
    Softmax,
    Upsample,
    Yolo,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...layers import Layer
    from ...network import Network

_PREFIXES: dict[type, str] = {
    AvgPool: "avgpool", Connected: "fullyConnected", Convolutional: "conv", Cost: "identity", Dropout: "identity",
    MaxPool: "pool", MultiShortcut: "shortcut", Reorg: "reorg", Sam: "sam", ScaleChannels: "scale_channels",
    Shortcut: "shortcut", Softmax: "softmax", Upsample: "upsample",
}  # fmt: skip

ACTIVATED = (Connected, Convolutional, MultiShortcut, Sam, ScaleChannels, Shortcut)
"""Layers whose activation is a layer of OpenCV's."""


class Part(NamedTuple):
    """One of OpenCV's layers: a Darknet layer, or a step inside of it.

    Attributes:
        name: as OpenCV has it.
        number: of the Darknet layer.
        stage: "output" (the layer's own), "sum" (of a convolution, before normalisation), "normalised" (before the
            activation), "permuted" (a head's input, channels last).
    """

    name: str
    number: int
    stage: str


def name_parts(network: Network) -> list[Part]:
    """All of OpenCV's layers in its order; a part's id is its place in the list, from 1."""
    return [part for layer in network.layers for part in _parts(layer)]


def output_names(network: Network) -> list[str]:
    """Names of the parts that no other reads: those of the layers that no other layer reads."""
    read = {source for layer in network.layers for source in layer.sources}
    last = {part.number: part.name for part in name_parts(network)}
    return [name for number, name in last.items() if number not in read]


def _parts(layer: Layer) -> Iterator[Part]:
    i = layer.index
    if isinstance(layer, (Region, Yolo)):
        yield Part(f"permute_{i}", i, "permuted")
        yield Part("detection_out" if isinstance(layer, Region) else f"yolo_{i}", i, "output")
        return
    activation = layer.activation if isinstance(layer, ACTIVATED) else "linear"
    stages = [_first_name(layer)]
    if getattr(layer, "batch_normalize", False) and layer.kind != "batchnorm":
        stages.append(f"bn_{i}")
    if activation != "linear":
        stages.append(f"{activation}_{i + 1}")  # OpenCV has counted the layer already
    for name, following in pairwise(stages):
        yield Part(name, i, "sum" if following == f"bn_{i}" else "normalised")
    yield Part(stages[-1], i, "output")


def _first_name(layer: Layer) -> str:
    if isinstance(layer, Route):
        return f"{route_kind(layer)}_{layer.index}"
    return f"{_PREFIXES.get(type(layer), layer.kind)}_{layer.index}"


def route_kind(layer: Route) -> str:
    """What OpenCV makes of a route: "concat", "slice" or "identity".

    (Of several layers cut into groups it makes one for each, loses count of the layers and fails.)
    """
    if len(layer.layers) > 1:
        return "concat"
    return "slice" if layer.groups > 1 else "identity"
