"""What AlexeyAB's ``darknet.py`` does with detections: text, points, colours, drawing."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import DarknetError

Box = tuple[float, float, float, float]


def class_colors(names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """A random colour (blue, green, red) for each name, from Python's `random`."""
    colors = {}
    for name in names:
        colors[name] = (random.randint(0, 255), random.randint(0, 255), random.randint(0, 255))
    return colors


def bbox2points(bbox: Sequence[float]) -> tuple[int, int, int, int]:
    """Centre x, y, width, height -> left, top, right, bottom, rounded."""
    x, y, w, h = bbox
    return round(x - w / 2), round(y - h / 2), round(x + w / 2), round(y + h / 2)


def decode_detection(detections: Iterable[tuple[str, float, Box]]) -> list[tuple[str, str, Box]]:
    """Probabilities -> percents as text: .8239 is "82.39"."""
    return [(str(label), str(round(confidence * 100, 2)), bbox) for label, confidence, bbox in detections]


def print_detections(detections: Iterable[tuple[str, str, Box]], coordinates: bool = False) -> None:
    """A line for each detection, with its box if ``coordinates``."""
    print("\nObjects:")
    for label, confidence, (x, y, w, h) in detections:
        place = f"    (left_x: {x:.0f}   top_y:  {y:.0f}   width:   {w:.0f}   height:  {h:.0f})" if coordinates else ""
        print(f"{label}: {confidence}%{place}")


def draw_boxes(detections: Iterable[tuple[str, Any, Box]], image: Any, colors: Any) -> Any:
    """Draw boxes and labels into an image (H x W x 3 bytes), which is returned.

    Raises:
        DarknetError: OpenCV, which draws them, is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise DarknetError("draw_boxes draws with OpenCV: pip install opencv-python-headless") from error
    for label, confidence, bbox in detections:
        left, top, right, bottom = bbox2points(bbox)
        cv2.rectangle(image, (left, top), (right, bottom), colors[label], 1)
        caption = f"{label} [{float(confidence):.2f}]"
        cv2.putText(image, caption, (left, top - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colors[label], 2)
    return image
