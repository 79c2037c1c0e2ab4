"""``cv2.dnn.Layer``: one of OpenCV's layers, its type and its learned values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...network import Network
    from ...parameters import Parameters
    from ...typing import Floats
    from .names import Part


INPUT_TYPE = "__NetInputLayer__"
"""How ``getLayerTypes`` calls the input's layer, whose own type is empty."""


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
    read_blobs: Callable[[], tuple[Floats, ...]] = field(default=tuple, compare=False, repr=False)

    @property
    def blobs(self) -> tuple[Floats, ...]:
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


def part_blobs(network: Network, parameters: Parameters, part: Part) -> tuple[Floats, ...]:
    """What a part has learned, in OpenCV's order and shapes, as copies.

    A convolution: filters x channels x size x size; a normalisation: means, variances, scales, biases; a head: its
    anchors; vectors are 1 x n.
    """
    layer, arrays = network.layers[part.number], parameters.arrays[part.number]
    if part.type == "BatchNorm":
        return tuple(_row(arrays[key]) for key in ("rolling_mean", "rolling_variance", "scales", "biases"))
    if part.type == "Region":
        anchors = network.head(layer.index).row_options(network.sections[layer.index]).anchors
        return (_row(np.array(anchors)),)
    if part.type in ("Convolution", "InnerProduct"):
        weights = np.array(arrays["weights"], np.float32)
        return (weights,) if layer.opencv.normalizes else (weights, _row(arrays["biases"]))
    if part.type == layer.kind:
        return tuple(np.array(values, np.float32) for values in arrays.values())
    return ()


def _row(values: NDArray[np.floating]) -> Floats:
    return np.array(values, np.float32).reshape(1, -1)
