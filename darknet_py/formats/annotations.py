"""Annotations of other makers: Pascal VOC's XML files, one per image, and COCO's JSON file of a whole data set."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ..errors import DataError
from .labels import Box, checked


@dataclass
class Annotations:
    """Boxes in fractions of their images, and for each its image's width and height in pixels.

    ``left_out``: how many were not taken, by reason.
    """

    boxes: list[Box] = field(default_factory=list)
    images: list[tuple[int, int]] = field(default_factory=list)
    image_count: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str) -> None:
        """Count a box that is not taken."""
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def read_voc(path: str | Path) -> Annotations:
    """The objects of a VOC annotation, but the difficult ones: Darknet's ``voc_label.py`` leaves them out, too.

    Raises:
        DataError: it is no VOC annotation, or a box is not in its image.
    """
    try:
        root = ElementTree.fromstring(_read(path))
    except ElementTree.ParseError as error:
        raise DataError(f"is not XML: {error}", path, error.position[0]) from None
    if root.tag != "annotation":
        raise DataError(f"is no VOC annotation: its root is <{root.tag}>, not <annotation>", path)
    width, height = (_number(root, f"size/{name}", path) for name in ("width", "height"))
    if not (1 <= width < 1e6 and 1 <= height < 1e6):
        raise DataError(f"<size> says that the image is {width:g} x {height:g}", path)
    found = Annotations(image_count=1)
    for count, thing in enumerate(root.findall("object"), start=1):
        if (thing.findtext("difficult") or "0").strip() == "1":
            found.skip("marked as difficult")
            continue
        what = f"object {count}: "
        left, top, right, bottom = (
            _number(thing, f"bndbox/{name}", path, what) for name in ("xmin", "ymin", "xmax", "ymax")
        )
        box = _fractions((left, top, right - left, bottom - top), width, height)
        found.boxes.append(checked(box, path, what=what))
        found.images.append((int(width), int(height)))
    return found


def read_coco(path: str | Path) -> Annotations:
    """The boxes of a COCO file (``instances_train2017.json``), but those of crowds, which cover many things at once.

    Raises:
        DataError: it is no COCO file, or a box is not in its image.
    """
    try:
        document = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise DataError(f"is not JSON: {error.msg}", path, error.lineno) from None
    except (UnicodeDecodeError, RecursionError):
        raise DataError("is not JSON", path) from None
    try:
        sizes = {entry["id"]: (entry["width"], entry["height"]) for entry in document["images"]}
        annotations = list(document["annotations"])
    except (KeyError, TypeError):
        raise DataError("is no COCO file: it must have images (id, width, height) and annotations", path) from None
    found = Annotations(image_count=len(sizes))
    for index, entry in enumerate(annotations):
        what = f"annotations[{index}]: "
        try:
            if entry.get("iscrowd"):
                found.skip("crowds")
                continue
            x, y, w, h = (float(value) for value in entry["bbox"])
            width, height = sizes[entry["image_id"]]
            box = _fractions((x, y, w, h), width, height)
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):
            raise DataError(f"{what}needs bbox = [x, y, width, height], and image_id of an image", path) from None
        found.boxes.append(checked(box, path, what=what))
        found.images.append((width, height))
    return found


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read this file: {error.strerror or error}", path) from None


def _number(node: ElementTree.Element, name: str, path: str | Path, what: str = "") -> float:
    text: Any = node.findtext(name)
    try:
        return float(text)
    except (TypeError, ValueError):
        raise DataError(f"{what}{name} is {'missing' if text is None else f'{text!r}, not a number'}", path) from None


def _fractions(box: Box, width: float, height: float) -> Box:
    """Left, top, width and height in pixels -> centre, width and height in fractions of the image."""
    x, y, w, h = box
    return (x + w / 2) / width, (y + h / 2) / height, w / width, h / height
