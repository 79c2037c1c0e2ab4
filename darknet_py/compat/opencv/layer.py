"""``cv2.dnn.Layer``: one of OpenCV's layers, its type and its learned values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

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
from .names import ACTIVATED, route_kind

if TYPE_CHECKING:
    from ...network import Network
    from ...parameters import Parameters
    from ...typing import Floats
    from .names import Part


INPUT_TYPE = "__NetInputLayer__"
"""How ``getLayerTypes`` calls the input's layer, whose own type is empty."""

_TYPES: dict[type, str] = {
    AvgPool: "Pooling", Connected: "InnerProduct", Convolutional: "Convolution", Cost: "Identity", Dropout: "Identity",
    MaxPool: "Pooling", MultiShortcut: "Eltwise", Reorg: "Reorg", Sam: "Eltwise", ScaleChannels: "Scale",
    Shortcut: "Eltwise", Softmax: "Softmax", Upsample: "Resize", Region: "Region", Yolo: "Region",
}  # fmt: skip

_ACTIVATIONS = {
    "relu": "ReLU", "leaky": "ReLU", "logistic": "Sigmoid", "tanh": "TanH", "swish": "Swish", "mish": "Mish",
}  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """One of OpenCV's layers.

    Attributes:
        name, type: OpenCV's.
        preferableTarget: 0, the CPU.
        outputs: names of the network's inputs, of layer 0.
        read_blobs: reads what it has learned.
    """

    name: str
    type: str
    preferableTarget: int = 0
    outputs: tuple[str, ...] | None = None
    read_blobs: Callable[[], tuple[Any, ...]] = field(default=tuple, compare=False, repr=False)

    @property
    def blobs(self) -> tuple[Any, ...]:
        """Its learned values, float32, as copies."""
        return self.read_blobs()

    def outputNameToIndex(self, outputName: str) -> int:
        """The number of an output: that of an input's name, of layer 0 (-1: there is none); else 0."""
        if self.outputs is None:
            return 0
        return self.outputs.index(outputName) if outputName in self.outputs else -1

    def empty(self) -> bool:
        """Whether it has neither a name nor anything learned."""
        return not (self.name or self.type or self.blobs)

    def clear(self) -> None:
        """Accepted and ignored: the network keeps its weights."""

    def getDefaultName(self) -> str:
        """An empty string, as for all of OpenCV's layers."""
        return ""


def part_type(network: Network, part: Part) -> str:
    """OpenCV's type of a part; the section's name, where OpenCV has no such layer."""
    layer: Any = network.layers[part.number]
    prefix = part.name.split("_")[0]
    if part.stage == "permuted":
        return "Permute"
    if prefix == "bn":
        return "BatchNorm"
    if isinstance(layer, Route):
        return route_kind(layer).capitalize()
    if is_activation(network, part):
        return str(_ACTIVATIONS.get(layer.activation, layer.activation))
    return str(_TYPES.get(type(layer), layer.kind))


def is_activation(network: Network, part: Part) -> bool:
    """Whether a part is the activation of its layer."""
    layer: Any = network.layers[part.number]
    if not isinstance(layer, ACTIVATED):
        return False
    return part.stage == "output" and part.name == f"{layer.activation}_{part.number + 1}"


def part_blobs(network: Network, parameters: Parameters, part: Part) -> tuple[Floats, ...]:
    """What a part has learned, in OpenCV's order and shapes, as copies.

    A convolution: filters x channels x size x size; a normalisation: means, variances, scales, biases; a head: its
    anchors; vectors are 1 x n.
    """
    layer, arrays = network.layers[part.number], parameters.arrays[part.number]
    kind = part_type(network, part)
    if kind == "BatchNorm":
        return tuple(_row(arrays[key]) for key in ("rolling_mean", "rolling_variance", "scales", "biases"))
    if isinstance(layer, (Region, Yolo)) and part.stage == "output":
        return (_row(layer.row_options(network.sections[layer.index]).anchors),)
    if kind in ("Convolution", "InnerProduct"):
        weights = np.array(arrays["weights"], np.float32)
        return (weights,) if getattr(layer, "batch_normalize", False) else (weights, _row(arrays["biases"]))
    if kind == layer.kind:
        return tuple(np.array(values, np.float32) for values in arrays.values())
    return ()


def _row(values: Any) -> Floats:
    return np.array(values, np.float32).reshape(1, -1)
