"""Detections as AlexeyAB's Darknet groups them and writes them as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ..formats.text import as_unicode

if TYPE_CHECKING:
    from ..detect.detections import Detections

JSON_THRESH = np.float32(0.005)
"""What goes into JSON is more probable (``detection_to_json``)."""

HIDDEN = "dont_show"
"""Classes whose names begin so are detected but not shown."""


def rows_by_box(found: Detections) -> Iterator[list[int]]:
    """The rows of each box, which stand side by side."""
    for _, rows in groupby(range(len(found)), key=lambda row: int(found.box_id[row])):
        yield list(rows)


def is_hidden(found: Detections, row: int) -> bool:
    """Whether a row's class is not shown."""
    return found.names[row].startswith(HIDDEN)


def json_text(found: Detections, number: int, path: str | None = None) -> str:
    """An image or, without a path, a frame as an object of JSON (``detection_to_json``): six decimals.

    Names and paths that are not UTF-8 stand in it as Latin-1, because JSON cannot hold bytes (`as_unicode`).
    """
    objects = []
    for row in range(len(found)):
        if found.confidence[row] > JSON_THRESH and not is_hidden(found, row):
            x, y, w, h = found.box[row]
            objects.append(
                f'  {{"class_id":{found.class_id[row]}, "name":{_quoted(found.names[row])}, "relative_coordinates":'
                f'{{"center_x":{x:f}, "center_y":{y:f}, "width":{w:f}, "height":{h:f}}}, '
                f'"confidence":{found.confidence[row]:f}}}'
            )
    shown = "" if path is None else f' \n "filename":{_quoted(path)},'
    return f'{{\n "frame_id":{number},{shown} \n "objects": [ \n' + ", \n".join(objects) + "\n ] \n}"


def _quoted(text: str) -> str:
    return json.dumps(as_unicode(text), ensure_ascii=False)
