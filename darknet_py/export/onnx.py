"""A network as an ONNX model, for engines that read no Darknet files.

Such an engine computes in an order of its own, with batch normalisation folded into the weights: its results are close
to Darknet's, never the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..layers import Detection, Layer, Region, Yolo
from . import onnx_heads, onnx_moves, onnx_weighted  # noqa: F401  (they register their layers)
from .graph import Graph
from .onnx_layers import add_layer

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..network import Network
    from ..parameters import Parameters


@dataclass(frozen=True)
class Exported:
    """An ONNX model (``onnx.ModelProto``), and the numbers of the layers that its outputs stand for, in order."""

    model: Any
    layers: list[int]


def to_onnx(
    network: Network, parameters: Parameters, trees: dict[int, Tree] | None = None, activated: bool = False
) -> Exported:
    """Make an ONNX model of a network.

    The model has one input, ``input`` (1, c, h, w), RGB from 0 to 1, letterboxed by the caller. Its outputs are those
    of the heads, in order, named as ``yolo_16``; of a classifier the output layer's. ``metadata_props`` tells each
    head's anchors and classes (``darknet.heads``, JSON).

    Args:
        network: the graph.
        parameters: its stored arrays.
        trees: WordTrees by layer, for a ``[softmax]`` with one.
        activated: heads apply their own activations, as `Detector.predict` shows them; otherwise an output is what
            flows into the head, which is what other exporters give. Boxes are decoded by the caller in either case.

    Raises:
        CfgError: a layer that ONNX has no operators for, with its line.
        DarknetError: the package onnx is not installed, or the model is too large for its format.
    """
    graph = Graph(network, trees or {}, activated)
    ends = [head.index for head in network.heads] or [network.output_layer.index]
    needed = _needed(network, ends)
    for layer in network.layers:
        if layer.index in needed:
            graph.layer, graph.arrays = layer, parameters.arrays[layer.index]
            graph.names[layer.index] = add_layer(layer, graph)
    facts = {"heads": [_facts(head) for head in network.heads], "seen": str(parameters.header.seen)}
    graph.finish(ends, facts)
    return Exported(graph.model, ends)


def _needed(network: Network, ends: list[int]) -> set[int]:
    """The layers that some output depends on."""
    needed, waiting = set(), list(ends)
    while waiting:
        number = waiting.pop()
        if number >= 0 and number not in needed:
            needed.add(number)
            waiting += network.layers[number].sources
    return needed


def _facts(head: Layer) -> dict[str, Any]:
    """What it takes to decode a head's output."""
    facts: dict[str, Any] = {"output": f"{head.kind}_{head.index}", "kind": head.kind}
    if isinstance(head, Yolo):
        return {**facts, "classes": head.classes, "mask": head.mask, "anchors": head.biases}
    if isinstance(head, Region):
        return {**facts, "classes": head.classes, "num": head.n, "coords": head.coords, "anchors": head.biases,
                "softmax": head.softmax, "background": head.background, "tree": head.tree}  # fmt: skip
    assert isinstance(head, Detection)
    return {**facts, "classes": head.classes, "num": head.n, "side": head.side, "sqrt": head.sqrt,
            "softmax": head.softmax}  # fmt: skip
