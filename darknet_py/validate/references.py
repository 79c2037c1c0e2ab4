"""Reference detections in all the forms that Darknet pipelines have, told apart by their content."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError

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
    """What a reference says of one image.

    Attributes:
        kind: "trace" (every layer, bit for bit), "text" (names and whole percents, in order) or "boxes".
        image: the image as the reference names it.
        source: the file that it comes from, for messages.
        boxes: for "text" and "boxes".
        trace: for "trace": the golden's fields.
        relative: boxes are fractions of the image instead of pixels.
        thresh: the least score that the reference lists, where its format fixes that.
        margin: pixels before the right and lower border at which boxes are cut off (1 in formats that count from 1).
    """

    kind: str
    image: str
    source: str
    boxes: list[ReferenceBox] = field(default_factory=list)
    trace: dict[str, Any] = field(default_factory=dict)
    relative: bool = False
    thresh: float | None = None
    margin: int = 0


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
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"cannot read this reference: {error.strerror or error}", path) from None
    if text.lstrip()[:1] in ("{", "["):
        return _read_json(text, path, names)
    references = _read_text(text, path)
    if not references:
        raise DataError("is no reference: neither JSON nor a text with 'NAME: Predicted in ... seconds.'", path)
    return references


_PREDICTED = re.compile(r"^(?:Enter Image Path: )?(?P<image>.+): Predicted in [0-9.]+ seconds\.\s*$")
_LINE = re.compile(r"^(?P<name>.+): (?P<percent>\d+)%\s*$")


def _read_text(text: str, path: Path) -> list[Reference]:
    """What ``./darknet detect`` or ``detector test`` printed, with whatever stands around it."""
    references: list[Reference] = []
    for line in text.splitlines():
        if predicted := _PREDICTED.match(line):
            references.append(Reference("text", predicted["image"], str(path)))
        elif references and (found := _LINE.match(line)):
            references[-1].boxes.append(ReferenceBox(found["name"], int(found["percent"]) / 100))
    return references


def _read_json(text: str, path: Path, names: Sequence[str]) -> list[Reference]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DataError(f"is no valid JSON: {error}", path) from None
    entries = document if isinstance(document, list) else document.get("images", [document])
    if not all(isinstance(entry, dict) for entry in entries):
        raise DataError("is no reference: its entries are no objects", path)
    readers: list[tuple[str, Callable[..., list[Reference]]]] = [
        ("layers", _from_traces), ("objects", _from_frames), ("category_id", _from_coco),
    ]  # fmt: skip
    if not entries:
        return []
    for key, reader in readers:
        if all(key in entry for entry in entries):
            try:
                return reader(entries, path, names)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise DataError(f"an entry is incomplete: {error!r}", path) from None
    raise DataError("is JSON of no known kind: traces, detections (frames with objects) or COCO results", path)


def _from_traces(entries: list[dict[str, Any]], path: Path, names: Sequence[str]) -> list[Reference]:
    return [Reference("trace", str(entry["image"]), str(path), trace=entry) for entry in entries]


def _from_frames(entries: list[dict[str, Any]], path: Path, names: Sequence[str]) -> list[Reference]:
    """``detect --json``, and AlexeyAB's ``-out``."""
    references = []
    for entry in entries:
        boxes = []
        for found in entry["objects"]:
            x, y, w, h = (
                float(found["relative_coordinates"][key]) for key in ("center_x", "center_y", "width", "height")
            )
            corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
            boxes.append(ReferenceBox(str(found["name"]), float(found["confidence"]), corners))
        references.append(Reference("boxes", str(entry["filename"]), str(path), boxes, relative=True))
    return references


def _from_coco(entries: list[dict[str, Any]], path: Path, names: Sequence[str]) -> list[Reference]:
    """``coco_results.json`` (Darknet's ``print_cocos``)."""
    images: dict[str, Reference] = {}
    for entry in entries:
        number = COCO_IDS.index(entry["category_id"])
        name = names[number] if number < len(names) else str(number)
        x, y, w, h = map(float, entry["bbox"])
        image = str(int(entry["image_id"]))
        reference = images.setdefault(image, Reference("boxes", image, str(path), thresh=VALID_THRESH))
        reference.boxes.append(ReferenceBox(name, float(entry["score"]), (x, y, x + w, y + h)))
    return list(images.values())


def _read_comp4(folder: Path) -> list[Reference]:
    """``comp4_det_test_CLASS.txt`` files (Darknet's ``print_detector_detections``)."""
    images: dict[str, Reference] = {}
    files = sorted(folder.glob("comp4_det_test_*.txt"))
    if not files:
        raise DataError("is no reference: the folder has no comp4_det_test_CLASS.txt", folder)
    for file in files:
        name = file.stem.removeprefix("comp4_det_test_")
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            words = line.rsplit(maxsplit=5)
            try:
                score, *corners = map(float, words[1:])
                left, top, right, bottom = (corner - 1 for corner in corners)
            except ValueError:
                raise DataError("a line is: image, score, left, top, right, bottom", file, number) from None
            reference = images.setdefault(
                words[0], Reference("boxes", words[0], str(folder), thresh=VALID_THRESH, margin=1)
            )
            reference.boxes.append(ReferenceBox(name, score, (left, top, right, bottom)))
    return list(images.values())
