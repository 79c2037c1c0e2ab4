"""Annotations of other makers: Pascal VOC's XML files, one per image, and COCO's JSON file of a whole data set."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from ..errors import DataError
from .binary import read_file
from .json_file import items, member, number, read_json, shown
from .labels import Box, checked

MOST_PIXELS = 1e6
"""Of a picture's side."""


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
    root = _read_xml(path)
    if root.tag != "annotation":
        raise DataError(f"is no VOC annotation: its root is <{root.tag[:60]}>, not <annotation>", path)
    width, height = (_number(root, f"size/{name}", path) for name in ("width", "height"))
    if not (1 <= width < MOST_PIXELS and 1 <= height < MOST_PIXELS):
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
    document = read_json(path)
    try:
        images = items(member(document, "images"), "images")
        annotations = items(member(document, "annotations"), "annotations")
    except ValueError as error:
        message = f"is no COCO file: it must have images (id, width, height) and annotations; {error}"
        raise DataError(message, path) from None
    sizes = _coco_sizes(images, path)
    found = Annotations(image_count=len(sizes))
    for index, entry in enumerate(annotations):
        what = f"annotations[{index}]: "
        try:
            if isinstance(entry, dict) and entry.get("iscrowd"):
                found.skip("crowds")
                continue
            x, y, w, h = (number(value, "a number of bbox") for value in items(member(entry, "bbox"), "bbox", 4))
            width, height = _of_image(sizes, member(entry, "image_id"))
        except ValueError as error:
            message = f"{what}needs bbox = [x, y, width, height], and image_id of an image; {error}"
            raise DataError(message, path) from None
        found.boxes.append(checked(_fractions((x, y, w, h), width, height), path, what=what))
        found.images.append((width, height))
    return found


def _coco_sizes(images: list[object], path: str | Path) -> dict[int | str, tuple[int, int]]:
    """Width and height of the images, by their id."""
    sizes = {}
    for index, entry in enumerate(images):
        try:
            width, height = (number(member(entry, key), key, 1, MOST_PIXELS) for key in ("width", "height"))
            sizes[_id(member(entry, "id"))] = int(width), int(height)
        except ValueError as error:
            raise DataError(f"is no COCO file: images[{index}] needs id, width and height; {error}", path) from None
    return sizes


def _of_image(sizes: dict[int | str, tuple[int, int]], image: object) -> tuple[int, int]:
    number = _id(image)
    if number not in sizes:
        raise ValueError(f"there is no image {shown(image)}")
    return sizes[number]


def _id(value: object) -> int | str:
    if not isinstance(value, (int, str)):
        raise ValueError(f"an id is {shown(value)}, neither a whole number nor a text")
    return value


def _read_xml(path: str | Path) -> ElementTree.Element:
    try:
        data = read_file(path)
    except OSError as error:
        raise DataError(f"cannot read this file: {error.strerror or error}", path) from None
    if b"<!DOCTYPE" in data.replace(b"\0", b""):  # also in UTF-16
        raise DataError("is no VOC annotation: those have no DOCTYPE, whose entities can be a bomb", path)
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise DataError(f"is not XML: {error}", path, error.position[0]) from None
    except (LookupError, ValueError) as error:  # of its encoding
        raise DataError(f"is not XML that can be read: {error}", path) from None


def _number(node: ElementTree.Element, name: str, path: str | Path, what: str = "") -> float:
    text = node.findtext(name)
    try:
        return float(text or "")
    except ValueError:
        raise DataError(
            f"{what}{name} is {'missing' if text is None else f'{shown(text)}, not a number'}", path
        ) from None


def _fractions(box: Box, width: float, height: float) -> Box:
    """Left, top, width and height in pixels -> centre, width and height in fractions of the image."""
    x, y, w, h = box
    return (x + w / 2) / width, (y + h / 2) / height, w / width, h / height
