"""An ONNX model in the making."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import DarknetError
from ..numeric.arithmetic import OPENCV, get_arithmetic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from numpy.typing import ArrayLike

    from ..formats.tree import Tree
    from ..layers import Head, Layer, RowOptions
    from ..network import Network
    from ..parameters import Arrays
    from ..typing import Floats

LIMIT = 2**31 - 2**24
"""Bytes of constants that go into one file: a message of protocol buffers holds less than 2 GiB."""


def need_onnx() -> ModuleType:
    """The package onnx. Raises `DarknetError` where it is not installed."""
    try:
        return importlib.import_module("onnx")
    except ImportError as error:
        raise DarknetError(f"writing ONNX needs the package onnx ({error}): pip install onnx") from None


class Message(Protocol):
    """A message of protocol buffers."""

    DESCRIPTOR: Any

    def ByteSize(self) -> int: ...
    def SerializeToString(self) -> bytes: ...


class Graph:
    """Nodes and constants, and the name of every layer's output.

    Whatever flows is 4-dimensional: (1, c, h, w), a flat list of values (1, c, 1, 1).

    Attributes:
        graph: ``onnx.GraphProto`` with the nodes, inputs and outputs.
        constants: one ``onnx.TensorProto`` each.
        network: what is exported.
        trees: WordTrees by number of the layer that needs one.
        heads: what heads give: ``raw`` (what flows into them), ``activated`` (with their own activations) or
            ``decoded`` (OpenCV's rows of boxes).
        arithmetic: by which batch normalisation is folded into weights: the dialect's; with OpenCV's rows OpenCV's.
        layer: the layer that is being added.
        arrays: its stored arrays.
    """

    def __init__(self, network: Network, trees: dict[int, Tree], heads: str) -> None:
        onnx = need_onnx()
        self.network, self.trees, self.heads = network, trees, heads
        self._bytes = 0
        self._check_size(4 * network.parameters)  # before anything is made of them
        self.arithmetic = OPENCV if heads == "decoded" else get_arithmetic("fast", network.dialect)
        self._make_node, self._make_value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
        self._new_tensor = onnx.TensorProto
        self.graph: Any = onnx.GraphProto(name="darknet")
        self.constants: list[Message] = []
        shape = network.input
        extents = [1, shape.c, shape.h, shape.w] if shape.image else [1, shape.c]
        self.graph.input.append(self._make_value("input", onnx.TensorProto.FLOAT, extents))
        self.names = {-1: "input"}
        self._shared: dict[int, list[str]] = {}
        self.layer: Layer | None = None
        self.arrays: Arrays = {}
        if not shape.image:
            self.names[-1] = self.reshape("input", 1, shape.c, 1, 1)

    def _name(self, what: str) -> str:
        place = "input" if self.layer is None else f"{self.layer.kind}_{self.layer.index}"
        return f"{place}.{what}_{len(self.graph.node)}_{len(self.constants)}"

    def x(self, layer: Layer, source: int = 0) -> str:
        """Name of a layer's input."""
        return self.names[layer.sources[source]]

    def constant(self, values: ArrayLike, name: str = "constant") -> str:
        """Name of a new constant: an array of int64 as it is, everything else as float32."""
        array = values if isinstance(values, np.ndarray) else np.asarray(values, np.float32)
        array = np.asarray(array, np.int64 if array.dtype == np.int64 else np.float32)
        self._bytes += array.nbytes
        self._check_size(self._bytes)
        tensor = self._new_tensor(
            name=self._name(name),
            data_type=self._new_tensor.INT64 if array.dtype == np.int64 else self._new_tensor.FLOAT,
            dims=array.shape,
            raw_data=np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes(),
        )
        self.constants.append(tensor)
        return str(tensor.name)

    def weights(self, layer: Layer, arrays: Mapping[str, Floats]) -> list[str]:
        """Names of a convolution's weights and biases; layers that share them (``share_index``) share the constants."""
        owner = layer.index if layer.shares is None else layer.shares
        if owner not in self._shared:
            self._shared[owner] = [self.constant(arrays[name], name) for name in ("weights", "biases")]
        return self._shared[owner]

    def _check_size(self, size: int) -> None:
        if size > LIMIT:
            raise DarknetError(f"{self.network.path}: an ONNX file holds less than 2 GB; these weights are more")

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Name of what a new node gives."""
        name = self._name(kind)
        self.graph.node.append(self._make_node(kind, inputs, [name], name, **attributes))
        return name

    def reshape(self, name: str, *shape: int) -> str:
        """The same values in another shape."""
        return self.node("Reshape", name, self.constant(np.array(shape, np.int64), "shape"))

    def transpose(self, name: str, *order: int) -> str:
        """The axes in another order."""
        return self.node("Transpose", name, perm=list(order))

    def slice(self, name: str, axes: list[int], starts: list[int], ends: list[int], steps: list[int]) -> str:
        """A part of an array."""
        arguments = (self.constant(np.array(values, np.int64), "slice") for values in (starts, ends, axes, steps))
        return self.node("Slice", name, *arguments)

    def first(self, name: str, axis: int, start: int, end: int) -> str:
        """The values ``start`` to ``end`` of one axis."""
        return self.slice(name, [axis], [start], [end], [1])

    def times(self, name: str, factor: float) -> str:
        """Everything times a number; the same name for 1."""
        return name if factor == 1 else self.node("Mul", name, self.constant(factor, "factor"))

    def plus(self, name: str, summand: float) -> str:
        """Everything plus a number; the same name for 0."""
        return name if summand == 0 else self.node("Add", name, self.constant(summand, "summand"))

    def per_channel(self, kind: str, name: str, values: ArrayLike) -> str:
        """An operator with one value for each channel."""
        return self.node(kind, name, self.constant(np.asarray(values).reshape(1, -1, 1, 1), "channels"))

    def decodes(self, layer: Layer) -> bool:
        """Whether a layer's output is rows of boxes."""
        return self.heads == "decoded" and layer.opencv.rows

    def row_options(self, head: Head) -> RowOptions:
        """How OpenCV makes rows of a head's boxes. Raises `CfgError` if it does not."""
        return head.row_options(self.network.sections[head.index])

    def output_name(self, layer: Layer) -> str:
        """What the model calls the output of a layer; rows of boxes are called what OpenCV calls them."""
        return layer.opencv.name if self.decodes(layer) else f"{layer.kind}_{layer.index}"

    def finish(self, ends: list[int]) -> None:
        """Make the outputs of layers the model's, under names such as ``yolo_16``."""
        for number in ends:
            layer, name = self.network.layers[number], self.names[number]
            shape, target = layer.out, self.output_name(layer)
            if self.decodes(layer):
                head = self.network.head(number)
                rows = [head.n * shape.h * shape.w, 5 + head.classes]
                self.graph.node.append(self._make_node("Identity", [name], [target], target))
                self.graph.output.append(self._make_value(target, self._new_tensor.FLOAT, rows))
                continue
            extents = [1, shape.c, shape.h, shape.w] if shape.image else [1, shape.c]
            if shape.image:
                node = self._make_node("Identity", [name], [target], target)
            else:
                node = self._make_node("Flatten", [name], [target], target, axis=1)
            self.graph.node.append(node)
            self.graph.output.append(self._make_value(target, self._new_tensor.FLOAT, extents))
