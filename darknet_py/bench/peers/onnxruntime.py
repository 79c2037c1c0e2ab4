"""ONNX Runtime, on a network translated by `onnx_model`; fp32, on the CPU."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .onnx_model import to_onnx

if TYPE_CHECKING:
    from ...network import Network
    from ...typing import Floats
    from .serve import Job


class OnnxRuntime:
    """A network in an inference session."""

    def __init__(self, job: Job) -> None:
        runtime = importlib.import_module("onnxruntime")
        model, self.layers = to_onnx(job.cfg, job.weights, job.dialect)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads = job.threads
        options.inter_op_num_threads = 1
        self.session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.engine = f"ONNX Runtime {runtime.__version__} fp32"

    def run(self, x: Floats) -> Any:
        """One pass."""
        return self.session.run(None, {"input": x[None]})

    def outputs(self, x: Floats, network: Network) -> dict[int, Floats]:
        """What flows into the heads; of a classifier the output."""
        return dict(zip(self.layers, self.run(x), strict=True))


def load(job: Job) -> OnnxRuntime:
    """The engine with a network."""
    return OnnxRuntime(job)
