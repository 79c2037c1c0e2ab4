"""The bits of NaN: what the processor makes of an invalid operation, and what is handed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from darknet_py.kernels.runtime.processor import ARCHITECTURE
from tests.nets import build_with, net

f32 = np.float32

NEW = {"x86-64": 0xFFC0_0000, "arm64": 0x7FC0_0000}
"""The NaN that an invalid operation gives: negative on x86-64, positive on ARM."""

GIVEN = 0x7FC1_2345
"""A NaN of an input."""

IDENTITY = "convolutional filters=1 size=1 activation={}"


def run(folder: Path, activation: str, x: list[float] | np.ndarray, weight: float = 1) -> np.ndarray:
    """The bits of what a 1x1 convolution makes of a row."""
    row = np.asarray(x, f32).reshape(1, 1, -1)
    arrays = {"biases": np.zeros(1, f32), "weights": np.full((1, 1, 1, 1), weight, f32)}
    detector = build_with(folder, net(1, 1, row.size, IDENTITY.format(activation)), arrays)
    return detector.predict(row)[0].reshape(-1).view(np.uint32)


@pytest.mark.skipif(ARCHITECTURE not in NEW, reason="this processor's NaN is not known")
@pytest.mark.parametrize("activation", ["linear", "leaky"])
def test_a_new_nan_has_the_processors_sign(tmp_path: Path, activation: str) -> None:
    """Zero times infinity, in vectors and in the rest of a row."""
    found = run(tmp_path, activation, [0.0] * 19, weight=np.inf)
    assert {hex(bits) for bits in found.tolist()} == {hex(NEW[ARCHITECTURE])}


@pytest.mark.parametrize("activation", ["linear", "leaky"])
def test_a_nan_is_handed_on_with_its_payload(tmp_path: Path, activation: str) -> None:
    """On every processor, where an operation has one NaN. (Of two, processors choose one.)"""
    row = np.full(19, GIVEN, np.uint32)
    row[::2] = f32(1.5).view(np.uint32)
    assert run(tmp_path, activation, row.view(f32)).tolist() == row.tolist()
