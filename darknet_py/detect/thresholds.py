"""What a threshold may be: one answer for Python, the command line and `Detections`."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from ..errors import DarknetError


class Limits(TypedDict):
    """The thresholds of a detection, as keyword arguments."""

    thresh: float
    hier_thresh: float
    nms: float


def check_threshold(name: str, value: object) -> float:
    """A probability or an overlap, from 0 to 1. Raises `DarknetError` for anything else, NaN included."""
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise DarknetError(f"{name}={value!r} must be a number from 0 to 1")


def check_thresholds(**values: object) -> None:
    """`check_threshold` of several, by name."""
    for name, value in values.items():
        check_threshold(name, value)
