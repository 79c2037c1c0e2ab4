"""OpenVINO in 8-bit integers: the network of `onnx_model`, quantised here by NNCF (``pip install nncf``).

For speed: it is calibrated with random inputs. `benchmarks/int8_accuracy.py` measures how accurate it is with pictures.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .openvino import OpenVino

if TYPE_CHECKING:
    from .serve import Job

INPUTS = 4
"""So many inputs calibrate it: they decide about scales only, not about what is computed."""


class OpenVinoInt8(OpenVino):
    """A compiled model, its convolutions in integers."""

    settings: ClassVar[dict[str, str]] = {}

    def prepare(self, model: Any, job: Job) -> Any:
        nncf = importlib.import_module("nncf")
        x = np.load(job.input)
        rng = np.random.default_rng(1)
        inputs = [x[None], *(rng.random((1, *x.shape), np.float32) for _ in range(INPUTS - 1))]
        self.numbers = f"int8 (NNCF {nncf.__version__})"
        preset = nncf.QuantizationPreset("mixed")
        return nncf.quantize(model, nncf.Dataset(inputs), preset=preset, subset_size=INPUTS)


def load(job: Job) -> OpenVinoInt8:
    """The engine with a network."""
    return OpenVinoInt8(job)
