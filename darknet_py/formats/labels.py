"""Darknet's label files: the boxes of one training image, a line each (``read_boxes`` of ``data.c``)."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..errors import DataError
from .data import read_lines

SLACK = 0.01
"""A box may reach so far beyond 0 to 1: labels are rounded, and VOC counts pixels from 1."""

Box = tuple[float, float, float, float]
"""Centre x, y, width and height in fractions of the image."""


class Labelled(NamedTuple):
    """A line of a label file."""

    number: int
    class_id: int
    box: Box


def read_labels(path: str | Path) -> list[Box]:
    """The boxes of a label file. Raises `DataError`, with the line."""
    return [line.box for line in read_labelled(path)]


def read_labelled(path: str | Path) -> list[Labelled]:
    """The lines of a label file, which are ``class x y width height``.

    Darknet stops at a line that it cannot read and trains without the rest; here such a line is an error.

    Raises:
        DataError: with the line.
    """
    lines = []
    for number, line in enumerate(read_lines(path), start=1):
        words = line.split()
        if not words:
            continue
        try:
            class_id, box = int(words[0]), (float(words[1]), float(words[2]), float(words[3]), float(words[4]))
        except (ValueError, IndexError):
            class_id, box = -1, (0.0, 0.0, 0.0, 0.0)
        if class_id < 0 or len(words) != 5:
            raise DataError(f"'{line.strip()[:60]}' is no label; a line is: class x y width height", path, number)
        lines.append(Labelled(number, class_id, checked(box, path, number)))
    return lines


def checked(box: Box, path: str | Path, line: int | None = None, what: str = "") -> Box:
    """The box, if it lies in its image; a width or height just above 1 becomes 1. Raises `DataError`."""
    x, y, w, h = box
    if -SLACK <= x <= 1 + SLACK and -SLACK <= y <= 1 + SLACK and 0 <= w <= 1 + SLACK and 0 <= h <= 1 + SLACK:
        return x, y, min(w, 1.0), min(h, 1.0)
    names = ("x", "y", "width", "height")
    name, value = next(
        (name, value)
        for name, value in zip(names, box, strict=True)
        if not (-SLACK * (name in "xy") <= value <= 1 + SLACK)
    )
    raise DataError(
        f"{what}{name} = {value:g}: a box's centre, width and height are fractions of its image, from 0 to 1",
        path,
        line,
    )


def label_paths(image: str) -> list[str]:
    """Where an image's label file may be, most likely first.

    The first is Darknet's (``fill_truth_detection``), which replaces words wherever they first stand in the path. The
    others are for what that rule does not see, or sees where it should not (``raw`` in ``strawberries/``): the folder
    itself named ``images`` or ``JPEGImages``, any suffix; and beside the image, as AlexeyAB's Darknet finds it, too.
    """
    darknet = image
    for word in ("images", "JPEGImages", "raw"):
        darknet = darknet.replace(word, "labels", 1)
    for suffix in (".jpg", ".png", ".JPG", ".JPEG"):
        darknet = darknet.replace(suffix, ".txt", 1)
    plain = PurePosixPath(image.replace("\\", "/"))
    if not plain.name:
        return [darknet]
    plain = plain.with_suffix(".txt")
    folders = [index for index, part in enumerate(plain.parts[:-1]) if part in {"images", "JPEGImages"}]
    paths = [darknet]
    if folders:
        parts = list(plain.parts)
        parts[folders[-1]] = "labels"
        paths.append(str(PurePosixPath(*parts)))
    paths.append(str(plain))
    return [path for path in dict.fromkeys(paths) if path != image]
