"""A network as an ONNX model, for engines that read no Darknet files.

Such an engine computes in an order of its own, with batch normalisation folded into the weights: its results are close
to Darknet's, never the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DarknetError, FileError
from ..formats.atomic import whole_file
from ..version import __version__
from .graph import Graph, need_onnx
from .onnx_table import add_layer

if TYPE_CHECKING:
    from ..formats.tree import Tree
    from ..network import Network
    from ..parameters import Parameters
    from .graph import Message


OPSET = 13
"""Version of ONNX's operators: old enough for every engine that is in use."""

IR_VERSION = 8


@dataclass(frozen=True)
class Exported:
    """An ONNX model.

    Attributes:
        layers: numbers of the layers whose outputs it has, in order.
        head: ``onnx.ModelProto`` without its graph.
        graph: ``onnx.GraphProto`` without its constants.
        constants: one ``onnx.TensorProto`` each.
    """

    layers: list[int]
    head: Message
    graph: Message
    constants: list[Message]

    def pieces(self) -> Iterator[bytes]:
        """The content of an ``.onnx`` file, piece by piece, so that it need not exist a second time in memory."""
        number = self.graph.DESCRIPTOR.fields_by_name["initializer"].number
        starts = [field_start(number, tensor.ByteSize()) for tensor in self.constants]
        graph = self.graph.SerializeToString()
        size = len(graph) + sum(map(len, starts)) + sum(tensor.ByteSize() for tensor in self.constants)
        yield self.head.SerializeToString()
        yield field_start(self.head.DESCRIPTOR.fields_by_name["graph"].number, size) + graph
        for start, tensor in zip(starts, self.constants, strict=True):
            yield start
            yield tensor.SerializeToString()

    def to_bytes(self) -> bytes:
        """The content of an ``.onnx`` file."""
        return b"".join(self.pieces())

    def write(self, path: str | Path) -> None:
        """Write an ``.onnx`` file, at once and whole. Raises `FileError` where that is not possible."""
        try:
            with whole_file(path) as part, open(part, "wb") as file:
                file.writelines(self.pieces())
        except OSError as error:
            raise FileError(f"cannot write this model: {error.strerror or error}", path) from None


def field_start(number: int, size: int) -> bytes:
    """What stands before a message of ``size`` bytes that is field ``number`` of another (protocol buffers)."""
    return _varint(number << 3 | 2) + _varint(size)


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 128:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


HEADS = ("raw", "activated", "decoded")
"""What a model's heads may give."""


def to_onnx(
    network: Network, parameters: Parameters, trees: dict[int, Tree] | None = None, heads: str = "raw"
) -> Exported:
    """Make an ONNX model of a network.

    The model has one input, ``input`` (1, c, h, w), RGB from 0 to 1, letterboxed by the caller. Its outputs are those
    of the heads, in order, named as ``yolo_16``; of a classifier the output layer's. ``metadata_props`` has each
    head's anchors and classes (``darknet.heads``, JSON).

    Args:
        network: the graph.
        parameters: its stored arrays.
        trees: WordTrees by layer, for a ``[softmax]`` with one.
        heads: ``raw``: an output is what flows into the head, which is what other exporters give; ``activated``: with
            the head's own activations, as `Detector.predict` shows it. Boxes are decoded by the caller in either
            case. ``decoded``: the rows of boxes that OpenCV 4's ``readNetFromDarknet`` gives, (rows, 5 + classes),
            with OpenCV's batch normalisation and under its name of the head (``yolo_16``, ``detection_out``).

    Raises:
        CfgError: a layer that ONNX has no operators for, or a head that OpenCV has no rows for, with its line.
        DarknetError: the package onnx is not installed, or the model is too large for its format.
    """
    if heads not in HEADS:
        raise DarknetError(f"heads={heads}: choose from {', '.join(HEADS)}")
    graph = Graph(network, trees or {}, heads)
    ends = [head.index for head in network.heads] or [network.output_layer.index]
    needed = _needed(network, ends)
    for layer in network.layers:
        if layer.index in needed:
            graph.layer, graph.arrays = layer, parameters.arrays[layer.index]
            graph.names[layer.index] = add_layer(layer, graph)
    graph.finish(ends)
    return Exported(ends, _head(graph, parameters), graph.graph, graph.constants)


def _head(graph: Graph, parameters: Parameters) -> Message:
    """The model without its graph: versions, and what it takes to decode its outputs."""
    head = need_onnx().ModelProto(ir_version=IR_VERSION, producer_name="darknet-py", producer_version=__version__)
    head.opset_import.add().version = OPSET
    heads = [
        {"output": graph.output_name(head), "kind": head.kind, **head.export_facts()} for head in graph.network.heads
    ]
    facts = {"heads": heads, "outputs": graph.heads, "seen": parameters.header.seen}
    for key, value in facts.items():
        head.metadata_props.add(key=f"darknet.{key}", value=json.dumps(value))
    made: Message = head
    return made


def _needed(network: Network, ends: list[int]) -> set[int]:
    """The layers that some output depends on."""
    needed, waiting = set(), list(ends)
    while waiting:
        number = waiting.pop()
        if number >= 0 and number not in needed:
            needed.add(number)
            waiting += network.layers[number].sources
    return needed
