"""Values inside of a Darknet layer that OpenCV has as layers of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...detector import Detector
from ...parameters import Parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...network import Network
    from .names import Part


def inner_output(network: Network, parameters: Parameters, part: Part, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What stands between the steps of a layer: the network runs again, cut off there.

    Args:
        network: the whole graph.
        parameters: its stored arrays.
        part: which layer and stage.
        x: one image's input.
    """
    if part.stage == "permuted":
        layers, arrays = network.layers[: part.number], parameters.arrays[: part.number]
    else:
        layer: Any = network.layers[part.number]
        stored = dict(parameters.arrays[part.number])
        if part.stage == "sum":
            layer = replace(layer, activation="linear", batch_normalize=False)
            stored["biases"] = np.zeros_like(stored["biases"])
        else:
            layer = replace(layer, activation="linear")
        layers = (*network.layers[: part.number], layer)
        arrays = [*parameters.arrays[: part.number], stored]
    cut = replace(network, layers=layers, sections=network.sections[: len(layers)])
    detector = Detector(cut, Parameters(arrays), keep=[layers[-1].index])
    detector.predict(x)
    return detector.layer_output(layers[-1].index)
