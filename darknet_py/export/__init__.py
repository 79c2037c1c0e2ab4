"""Networks as other programs read them."""

from __future__ import annotations

from .onnx import Exported, to_onnx

__all__ = ["Exported", "to_onnx"]
