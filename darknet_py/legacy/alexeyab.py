"""What AlexeyAB's Darknet prints and writes about an image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..formats.atomic import write_text
from ..output.alexeyab import is_hidden, rows_by_box

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from ..network import Network

f32 = np.float32

LAYER_TYPES = {"region": 27, "yolo": 28, "Gaussian_yolo": 29}
"""Numbers of its ``LAYER_TYPE``."""

FOLDERS = (
    ("/images/train2017/", "/labels/train2017/"), ("/images/val2017/", "/labels/val2017/"),
    ("/JPEGImages/", "/labels/"),
    ("/images/train2014/", "/labels/train2014/"), ("/images/val2014/", "/labels/val2014/"),
)  # fmt: skip
"""Where labels are that do not lie beside their images (``replace_image_to_label``)."""

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tiff"}


@dataclass(frozen=True)
class Shown:
    """A box with its classes, the most probable first, then the others in their order."""

    rows: list[int]
    left: float


def layer_lines(network: Network) -> Iterator[str]:
    """A line for each head, as it precedes every image."""
    for head in network.heads:
        if head.kind in LAYER_TYPES:
            yield f" Detection layer: {head.index} - type = {LAYER_TYPES[head.kind]} "


def predicted_line(path: str, seconds: float) -> str:
    """``dog.jpg: Predicted in 120.029000 milli-seconds.``"""
    return f"{path}: Predicted in {seconds * 1e3:f} milli-seconds."


def shown_boxes(found: Detections) -> list[Shown]:
    """Boxes from left to right (``get_actual_detections``, ``compare_by_lefts``)."""
    boxes = []
    for rows in rows_by_box(found):
        visible = [row for row in rows if not is_hidden(found, row)]
        if not visible:
            continue
        best = max(visible, key=lambda row: (found.confidence[row], -row))
        x, w = found.box[best, 0], found.box[best, 2]
        boxes.append(Shown([best, *(row for row in rows if row != best)], float(x - w / f32(2))))
    return sorted(boxes, key=lambda box: box.left)


def object_lines(found: Detections, coordinates: bool) -> Iterator[str]:
    """A line for each class of each box, with ``-ext_output`` its place in pixels (``draw_detections_v3``)."""
    width, height = (f32(side) for side in found.image_size)
    for box in shown_boxes(found):
        for row in box.rows:
            line = f"{found.names[row]}: {float(found.confidence[row] * f32(100)):.0f}%"
            if coordinates:
                x, y, w, h = found.box[row]
                left, top = _round((x - w / f32(2)) * width), _round((y - h / f32(2)) * height)
                line += (
                    f"\t(left_x: {left:4.0f}   top_y: {top:4.0f}   "
                    f"width: {_round(w * width):4.0f}   height: {_round(h * height):4.0f})"
                )
            yield line


def write_json(path: str, texts: Sequence[str]) -> None:
    """Write a file of such objects. Raises `FileError`."""
    write_text(path, "[\n" + ", \n".join(texts) + "\n]")


def write_labels(found: Detections, image: str) -> Path:
    """Write what was found as a label file for training (``-save_labels``): each box with its best class.

    Returns:
        The file: beside the image, or where COCO and VOC have their labels.
    """
    lines = []
    for rows in rows_by_box(found):
        best = max(rows, key=lambda row: (found.confidence[row], -row))
        x, y, w, h = found.box[best]
        lines.append(f"{found.class_id[best]} {x:2.4f} {y:2.4f} {w:2.4f} {h:2.4f}\n")
    path = label_file(image)
    write_text(path, "".join(lines))
    return path


def label_file(image: str) -> Path:
    """Where an image's labels are (``replace_image_to_label``)."""
    path = image.replace("\\", "/")
    for images, labels in FOLDERS:
        path = path.replace(images, labels)
    plain = Path(path)
    return plain.with_suffix(".txt") if plain.suffix.lower() in SUFFIXES else Path(f"{path}.txt")


def _round(value: np.float32) -> float:
    """C's ``round``: halves away from zero; NaN stays NaN."""
    number = float(value)
    return math.copysign(math.floor(abs(number) + 0.5), number) if math.isfinite(number) else number
