"""What pjreddie's Darknet prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..detect.classify import Classification
    from ..detect.detections import Detections


def c_float(value: float, digits: int = 6, width: int = 0) -> str:
    """C's ``%f`` with so many decimals, at least ``width`` characters wide; it prints the sign of NaN, too."""
    if value != value:
        return f"{'-nan' if np.signbit(value) else 'nan':>{width}}"
    return f"{value:{width}.{digits}f}"


def darknet_lines(found: Detections) -> list[str]:
    """A line for each row, such as ``dog: 57%``, as C's ``printf("%s: %.0f%%\\n", name, prob*100)`` writes it.

    The product is float32 and its exact value is rounded, halves to even. Darknet stops where a class has no name; here
    its number stands for it. Behind an object that is followed over frames its number stands: ``dog: 57% #3``.
    """
    hundred = np.float32(100)
    lines = [
        f"{name}: {float(confidence * hundred):.0f}%"
        for name, confidence in zip(found.names, found.confidence, strict=True)
    ]
    if found.track_ids:
        return [f"{line} #{number}" for line, number in zip(lines, found.track_ids, strict=True)]
    return lines


def class_lines(classes: Sequence[Classification]) -> list[str]:
    """A line for each class, such as ``42.55%: malamute``, as C's ``printf("%5.2f%%: %s")`` writes it."""
    hundred = np.float32(100)
    return [f"{c_float(float(np.float32(best.probability) * hundred), 2, 5)}%: {best.name}" for best in classes]


def predicted_line(filename: str, seconds: float) -> str:
    """The line before them: ``dog.jpg: Predicted in 0.123456 seconds.``"""
    return f"{filename}: Predicted in {seconds:f} seconds."
