"""OpenVINO in bfloat16: the network of `onnx_model`, told so (by itself it does this where there is AVX512_BF16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .openvino import OpenVino

if TYPE_CHECKING:
    from .serve import Job


class OpenVinoBf16(OpenVino):
    """A compiled model."""

    numbers = "bf16"
    settings: ClassVar[dict[str, str]] = {"INFERENCE_PRECISION_HINT": "bf16"}


def load(job: Job) -> OpenVinoBf16:
    """The engine with a network."""
    return OpenVinoBf16(job)
