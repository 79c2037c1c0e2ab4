"""Reference detections in all the forms that Darknet pipelines have, recognised by their content."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB, PJREDDIE, Dialect
from ..errors import DataError
from ..formats.json_file import items, member, number, printable_text, read_json, shown, text
from ..formats.text import read_text
from .trace_fields import check_trace

if TYPE_CHECKING:
    from ..trace import Trace
    from ..typing import JsonObject


MOST_DIGITS = 9
"""Of a percentage."""

VALID_THRESH = 0.005
"""Threshold of Darknet's ``detector valid``, which writes result files."""

COCO_IDS = (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 31, 32, 33, 34, 35,
    36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65,
    67, 70, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 84, 85, 86, 87, 88, 89, 90,
)  # fmt: skip
"""COCO's category numbers, by class (the contest left some out)."""


@dataclass(frozen=True)
class ReferenceBox:
    """One class of one box. ``xyxy`` are pixels, counted from 0; None where the reference does not say."""

    name: str
    score: float
    xyxy: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Reference:
    """What a reference has for one image.

    Attributes:
        kind: "trace" (every layer, bit for bit), "text" (names and whole percents, in order) or "boxes".
        image: the image as the reference names it.
        source: the file that it comes from, for messages.
        boxes: for "text" and "boxes".
        trace: for "trace": the golden's fields.
        relative: boxes are fractions of the image instead of pixels.
        thresh: the least score that the reference lists, where its format fixes that.
        margin: pixels before the right and lower border at which boxes are cut off (1 in formats that count from 1).
        dialect: whose lines a text has.
    """

    kind: str
    image: str
    source: str
    boxes: list[ReferenceBox] = field(default_factory=list)
    trace: Trace = field(default_factory=dict)
    relative: bool = False
    thresh: float | None = None
    margin: int = 0
    dialect: Dialect = PJREDDIE


def read_references(path: str | Path, names: Sequence[str] = ()) -> list[Reference]:
    """Read a reference: a JSON file, the text that Darknet printed, or a folder of result files.

    Args:
        path: the file or folder.
        names: class names, for formats that number the classes.

    Raises:
        DataError: it is none of the forms, or broken.
    """
    path = Path(path)
    if path.is_dir():
        return _read_comp4(path)
    content = read_text(path)
    if content.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        return _read_json(path, names)
    references = _read_text(content, path)
    if not references:
        raise DataError("is no reference: neither JSON nor a text with 'NAME: Predicted in ... seconds.'", path)
    return references


_PREDICTED = re.compile(r"^(?:Enter Image Path: )?(?P<image>.+): Predicted in [0-9.]+ (?P<his>milli-)?seconds\.\s*$")
_LINE = re.compile(r"^(?P<name>.+): (?P<percent>\d+)%\s*(\(left_x:.*\))?\s*$")


def _read_text(content: str, path: Path) -> list[Reference]:
    """What ``./darknet detect`` or ``detector test`` printed, with whatever stands around it.

    AlexeyAB's counts milli-seconds, and says with ``-ext_output`` where each object is.
    """
    references: list[Reference] = []
    for at, line in enumerate(content.splitlines(), start=1):
        if predicted := _PREDICTED.match(line):
            dialect = ALEXEYAB if predicted["his"] else PJREDDIE
            references.append(Reference("text", predicted["image"], str(path), dialect=dialect))
        elif references and (found := _LINE.match(line)):
            if len(found["percent"]) > MOST_DIGITS:
                raise DataError(f"{found['percent'][:20]}... is no percentage", path, at)
            references[-1].boxes.append(ReferenceBox(found["name"], int(found["percent"]) / 100))
    return references


def _read_json(path: Path, names: Sequence[str]) -> list[Reference]:
    document = read_json(path)
    entries = document.get("images", [document]) if isinstance(document, dict) else document
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError("is no reference: its entries are no objects", path)
    readers: list[tuple[str, Callable[..., Reference]]] = [
        ("layers", _from_trace), ("objects", _from_frame), ("category_id", _from_coco),
    ]  # fmt: skip
    for key, reader in readers:
        if entries and all(key in entry for entry in entries):
            references: list[Reference] = []
            for index, entry in enumerate(entries):
                try:
                    references.append(reader(entry, path, names))
                except ValueError as error:
                    raise DataError(f"entry {index + 1} is incomplete: {error}", path) from None
            return _gathered(references) if reader is _from_coco else references
    if not entries:
        return []
    raise DataError("is JSON of no known kind: traces, detections (frames with objects) or COCO results", path)


def _from_trace(entry: JsonObject, path: Path, names: Sequence[str]) -> Reference:
    check_trace(entry)
    return Reference("trace", text(entry["image"], "image"), str(path), trace=entry)


def _from_frame(entry: JsonObject, path: Path, names: Sequence[str]) -> Reference:
    """``detect --json``, and AlexeyAB's ``-out``."""
    boxes = []
    for found in items(entry["objects"], "objects"):
        place = member(found, "relative_coordinates")
        x, y, w, h = (number(member(place, key), key) for key in ("center_x", "center_y", "width", "height"))
        corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        name = printable_text(member(found, "name"), "name")
        boxes.append(ReferenceBox(name, number(member(found, "confidence"), "confidence"), corners))
    return Reference("boxes", text(member(entry, "filename"), "filename"), str(path), boxes, relative=True)


def _from_coco(entry: JsonObject, path: Path, names: Sequence[str]) -> Reference:
    """An entry of ``coco_results.json`` (Darknet's ``print_cocos``): a box, and the number of its image."""
    category = entry["category_id"]
    if isinstance(category, bool) or category not in COCO_IDS:
        raise ValueError(f"category_id is {shown(category)}, none of COCO's")
    class_id = COCO_IDS.index(category)
    name = names[class_id] if class_id < len(names) else str(class_id)
    x, y, w, h = (number(value, "a number of bbox") for value in items(member(entry, "bbox"), "bbox", 4))
    image = str(int(number(member(entry, "image_id"), "image_id", -(2**53), 2**53)))
    box = ReferenceBox(name, number(member(entry, "score"), "score"), (x, y, x + w, y + h))
    return Reference("boxes", image, str(path), [box], thresh=VALID_THRESH)


def _gathered(references: Sequence[Reference]) -> list[Reference]:
    """One reference for each image, with all its boxes."""
    images: dict[str, Reference] = {}
    for reference in references:
        if reference.image in images:
            images[reference.image].boxes.extend(reference.boxes)
        else:
            images[reference.image] = reference
    return list(images.values())


def _read_comp4(folder: Path) -> list[Reference]:
    """``comp4_det_test_CLASS.txt`` files (Darknet's ``print_detector_detections``)."""
    images: dict[str, Reference] = {}
    files = sorted(folder.glob("comp4_det_test_*.txt"))
    if not files:
        raise DataError("is no reference: the folder has no comp4_det_test_CLASS.txt", folder)
    for file in files:
        name = file.stem.removeprefix("comp4_det_test_")
        try:
            lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError as error:
            raise DataError(f"cannot read this file: {error.strerror or error}", file) from None
        for at, line in enumerate(lines, start=1):
            words = line.rsplit(maxsplit=5)
            try:
                score, *corners = (number(float(word), "a number") for word in words[1:])
                left, top, right, bottom = (corner - 1 for corner in corners)
            except ValueError:
                raise DataError("a line is: image, score, left, top, right, bottom", file, at) from None
            reference = images.setdefault(
                words[0], Reference("boxes", words[0], str(folder), thresh=VALID_THRESH, margin=1)
            )
            reference.boxes.append(ReferenceBox(name, score, (left, top, right, bottom)))
    return list(images.values())
