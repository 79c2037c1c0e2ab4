"""The names that OpenCV's importer gives to the parts of Darknet's layers (``conv_0``, ``bn_0``, ``leaky_1``, ...)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...layers import Layer
    from ...network import Network

_ACTIVATIONS = {
    "relu": "ReLU", "leaky": "ReLU", "logistic": "Sigmoid", "tanh": "TanH", "swish": "Swish", "mish": "Mish",
}  # fmt: skip
"""OpenCV's types of layers for activations."""


class Part(NamedTuple):
    """One of OpenCV's layers: a Darknet layer, or a step inside of it.

    Attributes:
        name: as OpenCV has it.
        number: of the Darknet layer.
        stage: "output" (the layer's own), "sum" (of a convolution, before normalisation), "normalised" (before the
            activation), "permuted" (a head's input, channels last).
        type: as OpenCV has it; the section's name, where OpenCV has no such layer.
    """

    name: str
    number: int
    stage: str
    type: str


def name_parts(network: Network) -> list[Part]:
    """All of OpenCV's layers in its order; a part's id is its place in the list, from 1."""
    return [part for layer in network.layers for part in _parts(layer)]


def output_names(network: Network) -> list[str]:
    """Names of the parts that no other reads: those of the layers that no other layer reads."""
    read = {source for layer in network.layers for source in layer.sources}
    last = {part.number: part.name for part in name_parts(network)}
    return [name for number, name in last.items() if number not in read]


def is_activation(layer: Layer, part: Part) -> bool:
    """Whether a part is the activation of its layer."""
    return part.stage == "output" and layer.opencv.activation != "linear"


def _parts(layer: Layer) -> Iterator[Part]:
    i, facts = layer.index, layer.opencv
    if facts.rows:
        yield Part(f"permute_{i}", i, "permuted", "Permute")
        yield Part(facts.name, i, "output", facts.type)
        return
    steps = [(facts.name, facts.type)]
    if facts.normalizes:
        steps.append((f"bn_{i}", "BatchNorm"))
    if facts.activation != "linear":  # OpenCV has counted the layer already
        steps.append((f"{facts.activation}_{i + 1}", _ACTIVATIONS.get(facts.activation, facts.activation)))
    for (name, kind), (_, following) in pairwise(steps):
        yield Part(name, i, "sum" if following == "BatchNorm" else "normalised", kind)
    yield Part(steps[-1][0], i, "output", steps[-1][1])
