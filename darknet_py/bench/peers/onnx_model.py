"""A network as an ONNX model, for engines that read no Darknet files. A measuring device, not a converter to rely on.

Batch normalisation is folded into the weights, as every converter does; heads are left out (the model's outputs are
what flows into them). Layers that the released detectors and darknet19 do not have are refused.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DarknetError
from ...layers import (
    HEADS,
    AvgPool,
    Convolutional,
    Cost,
    Dropout,
    Layer,
    MaxPool,
    Reorg,
    Route,
    Shortcut,
    Softmax,
    Upsample,
)
from ...network import read_network
from ...parameters import load_parameters

if TYPE_CHECKING:
    from ...parameters import Arrays
    from .serve import Floats

OPSET = 13


def to_onnx(cfg: str, weights: str) -> tuple[bytes, list[int]]:
    """The model's bytes, with one input ``input`` (1, c, h, w), and the numbers of the layers that its outputs are of.

    Raises:
        DarknetError: a layer that this does not know.
    """
    network = read_network(cfg)
    arrays = load_parameters(network, weights).arrays
    graph = Graph()
    for layer in network.layers:
        if isinstance(layer, HEADS):
            graph.alias(layer.index, layer.sources[0])
            continue
        write = _WRITERS.get(type(layer))
        if write is None:
            raise network.error(layer, f"no ONNX model can be made of [{layer.kind}] here")
        write(graph, layer, arrays[layer.index])
    ends = [head.sources[0] for head in network.heads] or [network.output_layer.index]
    shape = network.input
    return graph.finish((1, shape.c, shape.h, shape.w), ends), ends


class Graph:
    """Nodes and constants in the making, and the name of every layer's output."""

    def __init__(self) -> None:
        self.onnx: Any = importlib.import_module("onnx")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names = {-1: "input"}

    def alias(self, number: int, source: int) -> None:
        """A layer that only hands on what it gets."""
        self.names[number] = self.names[source]

    def constant(self, values: Any) -> str:
        """Name of a constant."""
        name = f"constant{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Name of what a new node gives."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name

    def activated(self, layer: Layer, name: str, activation: str) -> str:
        """Name of what an activation makes of ``name``."""
        if activation == "linear":
            return name
        if activation == "leaky":
            return self.node("LeakyRelu", name, alpha=0.1)
        kinds = {"relu": "Relu", "logistic": "Sigmoid"}
        if activation not in kinds:
            raise DarknetError(f"no ONNX model can be made of the activation {activation} (layer {layer.index})")
        return self.node(kinds[activation], name)

    def finish(self, shape: tuple[int, ...], ends: list[int]) -> bytes:
        """The model, whose outputs are those of the layers ``ends``."""
        helper, floats = self.onnx.helper, self.onnx.TensorProto.FLOAT
        names = [self.node("Identity", self.names[number]) for number in ends]
        graph = helper.make_graph(
            self.nodes, "darknet", [helper.make_tensor_value_info("input", floats, shape)],
            [helper.make_tensor_value_info(name, floats, None) for name in names], self.constants,
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        content: bytes = model.SerializeToString()
        return content


def _convolutional(graph: Graph, layer: Convolutional, arrays: Arrays) -> None:
    if layer.size == 1 and layer.stride > 1:
        raise DarknetError(f"layer {layer.index}: Darknet's 1x1 convolution with a stride is no ONNX convolution")
    if layer.xnor:
        raise DarknetError(f"layer {layer.index}: no ONNX model can be made of a convolution with xnor=1 here")
    weights, biases = _folded(layer, arrays)
    name = graph.node(
        "Conv", graph.names[layer.sources[0]], graph.constant(weights), graph.constant(biases), group=layer.groups,
        kernel_shape=[layer.size] * 2, strides=[layer.stride] * 2, pads=[layer.pad] * 4,
    )  # fmt: skip
    graph.names[layer.index] = graph.activated(layer, name, layer.activation)


def _folded(layer: Convolutional, arrays: Arrays) -> tuple[Floats, Floats]:
    """Weights and biases with the batch normalisation in them."""
    weights, biases = arrays["weights"].astype(np.float64), arrays["biases"].astype(np.float64)
    if layer.batch_normalize:
        factor = arrays["scales"] / (np.sqrt(arrays["rolling_variance"].astype(np.float64)) + 1e-6)
        weights = weights * factor[:, None, None, None]
        biases = biases - arrays["rolling_mean"] * factor
    return weights.astype(np.float32), biases.astype(np.float32)


def _maxpool(graph: Graph, layer: MaxPool, arrays: Arrays) -> None:
    before = layer.pad // 2
    after = [
        max(0, (out - 1) * layer.stride + layer.size - extent - before)
        for out, extent in ((layer.out.h, layer.input.h), (layer.out.w, layer.input.w))
    ]
    graph.names[layer.index] = graph.node(
        "MaxPool", graph.names[layer.sources[0]], kernel_shape=[layer.size] * 2, strides=[layer.stride] * 2,
        pads=[before, before, *after],
    )  # fmt: skip


def _reorg(graph: Graph, layer: Reorg, arrays: Arrays) -> None:
    if layer.reverse or layer.flatten or layer.extra:
        raise DarknetError(f"layer {layer.index}: no ONNX model can be made of this [reorg] here")
    c, h, w, s = layer.input.c, layer.input.h, layer.input.w, layer.stride
    # Darknet reads the values as c/s^2 maps of (h*s) x (w*s), and takes those apart.
    shape = graph.constant(np.array([1, c // (s * s), h, s, w, s], np.int64))
    parts = graph.node("Reshape", graph.names[layer.sources[0]], shape)
    moved = graph.node("Transpose", parts, perm=[0, 3, 5, 1, 2, 4])
    out = graph.constant(np.array([1, layer.out.c, layer.out.h, layer.out.w], np.int64))
    graph.names[layer.index] = graph.node("Reshape", moved, out)


def _route(graph: Graph, layer: Route, arrays: Arrays) -> None:
    names = [graph.names[number] for number in layer.layers]
    graph.names[layer.index] = names[0] if len(names) == 1 else graph.node("Concat", *names, axis=1)


def _shortcut(graph: Graph, layer: Shortcut, arrays: Arrays) -> None:
    if layer.added != layer.out or (layer.alpha, layer.beta) != (1, 1):
        raise DarknetError(f"layer {layer.index}: no ONNX model can be made of this [shortcut] here")
    name = graph.node("Add", *(graph.names[number] for number in layer.sources))
    graph.names[layer.index] = graph.activated(layer, name, layer.activation)


def _upsample(graph: Graph, layer: Upsample, arrays: Arrays) -> None:
    if layer.reverse or layer.scale != 1:
        raise DarknetError(f"layer {layer.index}: no ONNX model can be made of this [upsample] here")
    scales = graph.constant(np.array([1, 1, layer.stride, layer.stride], np.float32))
    graph.names[layer.index] = graph.node(
        "Resize", graph.names[layer.sources[0]], "", scales, mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip


def _avgpool(graph: Graph, layer: AvgPool, arrays: Arrays) -> None:
    pooled = graph.node("GlobalAveragePool", graph.names[layer.sources[0]])
    graph.names[layer.index] = graph.node("Flatten", pooled)


def _softmax(graph: Graph, layer: Softmax, arrays: Arrays) -> None:
    if layer.groups != 1 or layer.tree or layer.temperature != 1:
        raise DarknetError(f"layer {layer.index}: no ONNX model can be made of this [softmax] here")
    flat = graph.node("Flatten", graph.names[layer.sources[0]])
    graph.names[layer.index] = graph.node("Softmax", flat, axis=1)


def _handed_on(graph: Graph, layer: Layer, arrays: Arrays) -> None:
    graph.alias(layer.index, layer.sources[0])


_WRITERS: dict[type[Layer], Callable[[Graph, Any, Arrays], None]] = {
    AvgPool: _avgpool, Convolutional: _convolutional, Cost: _handed_on, Dropout: _handed_on, MaxPool: _maxpool,
    Reorg: _reorg, Route: _route, Shortcut: _shortcut, Softmax: _softmax, Upsample: _upsample,
}  # fmt: skip
