"""Tests that need a package that darknet-py does without: they run wherever its extra ``test`` is installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

HAS_SAFETENSORS = find_spec("safetensors") is not None

NEEDS_SAFETENSORS = pytest.mark.skipif(
    not HAS_SAFETENSORS, reason="the package safetensors is not installed (pip install '.[test]')"
)
NEEDS_ONNX = pytest.mark.skipif(
    find_spec("onnx") is None or find_spec("onnxruntime") is None,
    reason="the packages onnx and onnxruntime are not installed (pip install '.[test]')",
)
