"""OpenVINO in 8-bit integers: the network of `onnx_model`, quantised here by NNCF (``pip install nncf``).

For speed: it is calibrated with random inputs. `benchmarks/int8_accuracy.py` measures how accurate it is with pictures.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from .onnx_model import to_onnx

if TYPE_CHECKING:
    from ...network import Network
    from ...typing import Floats
    from .serve import Job

INPUTS = 4
"""So many inputs calibrate it: they decide about scales only, not about what is computed."""


class OpenVinoInt8:
    """A compiled model, its convolutions in integers."""

    def __init__(self, job: Job) -> None:
        openvino, nncf = importlib.import_module("openvino"), importlib.import_module("nncf")
        model, self.layers = to_onnx(job.cfg, job.weights, job.dialect)
        core = openvino.Core()
        x = np.load(job.input)
        rng = np.random.default_rng(1)
        inputs = [x[None], *(rng.random((1, *x.shape), np.float32) for _ in range(INPUTS - 1))]
        preset = nncf.QuantizationPreset("mixed")
        quantised = nncf.quantize(core.read_model(model), nncf.Dataset(inputs), preset=preset, subset_size=INPUTS)
        settings = {"INFERENCE_NUM_THREADS": job.threads, "PERFORMANCE_HINT": "LATENCY"}
        self.request = core.compile_model(quantised, "CPU", settings).create_infer_request()
        self.engine = f"OpenVINO {openvino.__version__.split('-')[0]} int8 (NNCF {nncf.__version__})"
        self.threads = job.threads

    def run(self, x: Floats) -> Any:
        """One pass."""
        return self.request.infer([x[None]])

    def outputs(self, x: Floats, network: Network) -> dict[int, Floats]:
        """What flows into the heads; of a classifier the output."""
        result = self.run(x)
        return {number: result[i] for i, number in enumerate(self.layers)}


def load(job: Job) -> OpenVinoInt8:
    """The engine with a network."""
    return OpenVinoInt8(job)
