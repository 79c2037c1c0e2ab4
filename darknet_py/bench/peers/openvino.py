"""OpenVINO, on a network translated by `onnx_model`; fp32, on the CPU, tuned for the latency of single images."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, ClassVar

from .onnx_model import to_onnx

if TYPE_CHECKING:
    from ...network import Network
    from ...typing import Floats
    from .serve import Job


class OpenVino:
    """A compiled model."""

    numbers = "fp32"
    settings: ClassVar[dict[str, str]] = {"INFERENCE_PRECISION_HINT": "f32"}

    def __init__(self, job: Job) -> None:
        openvino = importlib.import_module("openvino")
        model, self.layers = to_onnx(job.cfg, job.weights, job.dialect)
        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": job.threads, "PERFORMANCE_HINT": "LATENCY", **self.settings}
        prepared = self.prepare(core.read_model(model), job)
        self.request = core.compile_model(prepared, "CPU", settings).create_infer_request()
        self.engine = f"OpenVINO {openvino.__version__.split('-')[0]} {self.numbers}"
        self.threads = job.threads

    def prepare(self, model: Any, job: Job) -> Any:
        """What is compiled, of the model as it was read."""
        return model

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
