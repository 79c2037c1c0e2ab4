"""Quantises an ONNX model to 8 bits with another engine's own tools, and runs it (called by `int8_accuracy.py`).

(With the method "bf16" OpenVINO runs it in bfloat16 instead. What it does not compute in integers it computes in
bfloat16 by itself where the processor has that, and with the method "f32" in float32.)

    python benchmarks/int8_peers.py openvino|onnxruntime MODEL.onnx CALIBRATION.npy INPUTS.npy OUTPUTS.npz

For a Python that has openvino and nncf, or onnxruntime and onnx. Both with the settings that their documentation
gives for detectors: NNCF's preset "mixed" (activations with zero points), ONNX Runtime's static quantisation per
channel with MinMax or, by --method, Percentile or Entropy. The outputs are arrays out0, out1, ... The last line printed
has the versions, as JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np


def run_openvino(model: Path, calibration: Any, inputs: Any, method: str) -> Iterator[list[Any]]:
    """OpenVINO with NNCF's post-training quantisation."""
    import openvino

    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY"}
    if method == "bf16":
        settings["INFERENCE_PRECISION_HINT"] = "bf16"
        yield from _answers(core.compile_model(core.read_model(str(model)), "CPU", settings), inputs)
        return
    import nncf

    data = nncf.Dataset([x[None] for x in calibration])
    preset = nncf.QuantizationPreset("mixed")
    quantised = nncf.quantize(core.read_model(str(model)), data, preset=preset, subset_size=len(calibration))
    if method:
        settings["INFERENCE_PRECISION_HINT"] = method
    yield from _answers(core.compile_model(quantised, "CPU", settings), inputs)


def _answers(compiled: Any, inputs: Any) -> Iterator[list[Any]]:
    for x in inputs:
        result = compiled([x[None]])
        yield [result[i][0].copy() for i in range(len(compiled.outputs))]


def run_onnxruntime(model: Path, calibration: Any, inputs: Any, method: str) -> Iterator[list[Any]]:
    """ONNX Runtime with its static quantisation (QDQ, weights per channel)."""
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(calibration)

        def get_next(self) -> dict[str, Any] | None:
            x = next(self.left, None)
            return None if x is None else {"input": x[None]}

    with tempfile.TemporaryDirectory() as folder:
        ready, quantised = Path(folder) / "ready.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(str(model), str(ready))
        quantize_static(
            str(ready), str(quantised), Reader(), per_channel=True, weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8, calibrate_method=CalibrationMethod[method or "MinMax"],
        )  # fmt: skip
        session = onnxruntime.InferenceSession(str(quantised), providers=["CPUExecutionProvider"])
        for x in inputs:
            yield [output[0] for output in session.run(None, {"input": x[None]})]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=["openvino", "onnxruntime"])
    parser.add_argument("model", type=Path)
    parser.add_argument("calibration")
    parser.add_argument("inputs")
    parser.add_argument("outputs")
    parser.add_argument("--method", default="")
    asked = parser.parse_args()
    run = run_openvino if asked.engine == "openvino" else run_onnxruntime
    found = list(
        run(asked.model, np.load(asked.calibration, mmap_mode="r"), np.load(asked.inputs, mmap_mode="r"), asked.method)
    )
    np.savez(asked.outputs, **{f"out{i}": np.stack([each[i] for each in found]) for i in range(len(found[0]))})
    packages = ["openvino", *(["nncf"] if asked.method != "bf16" else [])] if run is run_openvino else ["onnxruntime"]
    print(json.dumps({package: version(package) for package in packages}))


if __name__ == "__main__":
    main()
