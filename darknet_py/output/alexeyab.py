"""What AlexeyAB's Darknet prints and writes about an image: lines, JSON, label files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..formats.text import as_unicode
from .text import c_float

if TYPE_CHECKING:
    from ..detect.classify import Classification
    from ..detect.detections import Detections
    from ..formats.tree import Tree
    from ..network import Network

f32 = np.float32

JSON_THRESH = f32(0.005)
"""What goes into JSON is more probable (``detection_to_json``)."""

HIDDEN = "dont_show"
"""Classes whose names begin so are detected but not shown."""

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


def rows_by_box(found: Detections) -> Iterator[list[int]]:
    """The rows of each box, which stand side by side."""
    for _, rows in groupby(range(len(found)), key=lambda row: int(found.box_id[row])):
        yield list(rows)


def is_hidden(found: Detections, row: int) -> bool:
    """Whether a row's class is not shown."""
    return found.names[row].startswith(HIDDEN)


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


def object_rows(found: Detections, places: bool = False) -> Iterator[tuple[int, str]]:
    """A row and its line for each class of each box, with ``places`` (``-ext_output``) in pixels, from left to right.

    Source: ``draw_detections_v3``.
    """
    width, height = (f32(side) for side in found.image_size)
    for box in shown_boxes(found):
        for row in box.rows:
            line = f"{found.names[row]}: {float(found.confidence[row] * f32(100)):.0f}%"
            if places:
                x, y, w, h = found.box[row]
                left, top = _round((x - w / f32(2)) * width), _round((y - h / f32(2)) * height)
                line += (
                    f"\t(left_x: {c_float(left, 0, 4)}   top_y: {c_float(top, 0, 4)}   "
                    f"width: {c_float(_round(w * width), 0, 4)}   height: {c_float(_round(h * height), 0, 4)})"
                )
            yield row, line


def frame_lines(found: Detections, places: bool = False) -> Iterator[str]:
    """A line for each box of a demo's frame with its classes, with ``places`` in pixels (``draw_detections_cv_v3``).

    Behind a box that is followed over frames its number stands: ``dog: 57% #3``.
    """
    width, height = found.image_size
    for rows in visible_boxes(found):
        line = ", ".join(f"{found.names[row]}: {float(found.confidence[row] * 100):.0f}% " for row in rows)
        if places:
            x, y, w, h = (min(float(value), 1.0) if value == value else 0.5 for value in found.box[rows[0]])
            left, top = max(0, int((x - w / 2) * width)), max(0, int((y - h / 2) * height))
            line += f"\t(left_x: {left:4d}   top_y: {top:4d}   width: {w * width:4.0f}   height: {h * height:4.0f})"
        if found.track_ids:
            line = f"{line.rstrip()} #{found.track_ids[rows[0]]}"
        yield line


def visible_boxes(found: Detections) -> Iterator[list[int]]:
    """The rows of each box, but for classes whose names begin with ``dont_show``."""
    for rows in rows_by_box(found):
        visible = [row for row in rows if not is_hidden(found, row)]
        if visible:
            yield visible


def json_text(found: Detections, number: int, path: str | None = None) -> str:
    """An image or, without a path, a frame as an object of JSON (``detection_to_json``): six decimals.

    Names and paths that are not UTF-8 stand in it as Latin-1, because JSON cannot hold bytes (`as_unicode`).
    """
    objects = []
    for row in range(len(found)):
        if found.confidence[row] > JSON_THRESH and not is_hidden(found, row):
            x, y, w, h = map(c_float, found.box[row])
            objects.append(
                f'  {{"class_id":{found.class_id[row]}, "name":{_quoted(found.names[row])}, "relative_coordinates":'
                f'{{"center_x":{x}, "center_y":{y}, "width":{w}, "height":{h}}}, '
                f'"confidence":{found.confidence[row]:f}}}'
            )
    shown = "" if path is None else f' \n "filename":{_quoted(path)},'
    return f'{{\n "frame_id":{number},{shown} \n "objects": [ \n' + ", \n".join(objects) + "\n ] \n}"


def class_lines(classes: Sequence[Classification], tree: Tree | None, names: Sequence[str]) -> list[str]:
    """A line for each class, such as ``malamute: 0.425500``, with a WordTree also number and parent.

    Source: ``predict_classifier``.
    """
    if tree is None:
        return [f"{best.name}: {c_float(best.probability)}" for best in classes]
    lines = []
    for best in classes:
        parent = int(tree.parent[best.class_id])
        above = "Root" if parent < 0 else names[parent] if parent < len(names) else str(parent)
        lines.append(f"{best.class_id}, {best.name}: {c_float(best.probability)}, parent: {above} ")
    return lines


def json_array(texts: Sequence[str]) -> str:
    """A file of such objects (``-out``)."""
    return "[\n" + ", \n".join(texts) + "\n]"


def label_text(found: Detections) -> str:
    """A label file for training (``-save_labels``): each box with its best class."""
    lines = []
    for rows in rows_by_box(found):
        best = max(rows, key=lambda row: (found.confidence[row], -row))
        lines.append(" ".join([str(found.class_id[best]), *(c_float(side, 4, 2) for side in found.box[best])]) + "\n")
    return "".join(lines)


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


def _quoted(text: str) -> str:
    return json.dumps(as_unicode(text), ensure_ascii=False)
