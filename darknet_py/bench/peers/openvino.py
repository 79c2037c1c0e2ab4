"""OpenVINO, on a network translated by `onnx_model`; fp32, on the CPU, tuned for the latency of single images."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .onnx_model import to_onnx

if TYPE_CHECKING:
    from ...network import Network
    from ...typing import Floats
    from .serve import Job


class OpenVino:
    """A compiled model."""

    def __init__(self, job: Job) -> None:
        openvino = importlib.import_module("openvino")
        model, self.layers = to_onnx(job.cfg, job.weights, job.dialect)
        core = openvino.Core()
        settings = {
            "INFERENCE_NUM_THREADS": job.threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
        }  # fmt: skip
        self.request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
        self.engine = f"OpenVINO {openvino.__version__.split('-')[0]} fp32"
        self.threads = job.threads

    def run(self, x: Floats) -> Any:
        """One pass."""
        return self.request.infer([x[None]])

    def outputs(self, x: Floats, network: Network) -> dict[int, Floats]:
        """What flows into the heads; of a classifier the output."""
        result = self.run(x)
        return {number: result[i] for i, number in enumerate(self.layers)}


def load(job: Job) -> OpenVino:
    """The engine with a network."""
    return OpenVino(job)
