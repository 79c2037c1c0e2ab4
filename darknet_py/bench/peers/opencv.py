"""OpenCV's ``cv2.dnn``, which reads Darknet's files up to its versions 4.x."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...layers import Layer
    from ...network import Network
    from ...typing import Floats
    from .serve import Job


class OpenCV:
    """A network in ``cv2.dnn``, on its own CPU backend."""

    def __init__(self, job: Job) -> None:
        cv2 = importlib.import_module("cv2")
        if not hasattr(cv2.dnn, "readNetFromDarknet"):
            raise RuntimeError(f"OpenCV {cv2.__version__} does not read Darknet's files any more: install opencv < 5")
        cv2.setNumThreads(job.threads)
        self.engine = f"OpenCV {cv2.__version__} dnn"
        self.threads = cv2.getNumThreads()
        self.net = cv2.dnn.readNetFromDarknet(job.cfg, job.weights)
        self.net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self.net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
        self.ends = self.net.getUnconnectedOutLayersNames()

    def run(self, x: Floats) -> None:
        """One pass."""
        self.net.setInput(x[None])
        self.net.forward(self.ends)

    def outputs(self, x: Floats, network: Network) -> dict[int, Floats]:
        """What flows into the heads, which OpenCV itself decodes; of a classifier the output."""
        self.net.setInput(x[None])
        if not network.heads:
            return {network.output_layer.index: self.net.forward()}
        known = set(self.net.getLayerNames())
        wanted = {head.sources[0]: _name(network.layers[head.sources[0]]) for head in network.heads}
        return {number: self.net.forward(name) for number, name in wanted.items() if name in known}


def _name(layer: Layer) -> str:
    """What OpenCV calls a layer's output. It counts activations as if they were the layers behind."""
    activation = getattr(layer, "activation", "linear")
    return f"conv_{layer.index}" if activation == "linear" else f"{activation}_{layer.index + 1}"


def load(job: Job) -> OpenCV:
    """The engine with a network."""
    return OpenCV(job)
