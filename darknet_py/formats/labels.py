"""Darknet's label files: the boxes of one training image, a line each (``read_boxes`` of ``data.c``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..errors import DataError
from .text import read_lines

SLACK = 0.01
"""A box may reach so far beyond 0 to 1: labels are rounded, and VOC counts pixels from 1."""

_CLASS = re.compile(r"\+?[0-9]{1,10}")

Box = tuple[float, float, float, float]
"""Centre x, y, width and height in fractions of the image."""


class Labelled(NamedTuple):
    """A line of a label file."""

    number: int
    class_id: int
    box: Box
    text: str = ""


Wrong = Callable[[DataError], None]
"""Takes the error of a line that is left out."""


def read_labels(path: str | Path, wrong: Wrong | None = None) -> list[Box]:
    """The boxes of a label file (see `read_labelled`)."""
    return [line.box for line in read_labelled(path, wrong)]


def read_labelled(path: str | Path, wrong: Wrong | None = None, classes: int | None = None) -> list[Labelled]:
    """The lines of a label file, which are ``class x y width height``.

    Darknet stops at a line that it cannot read and goes on without the rest. Here each such line is an error, or with
    ``wrong`` is left out, and the others count.

    Args:
        path: the file.
        wrong: called with the error of each line that is left out, or of a file that is no text (it then has no lines).
        classes: how many classes there are; None if that is not known.

    Raises:
        DataError: with the line; never if there is ``wrong``.
    """
    lines = []
    try:
        texts = read_lines(path)
    except DataError as error:
        if wrong is None:
            raise
        wrong(error)
        return []
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            lines.append(_label(text, path, number, classes))
        except DataError as error:
            if wrong is None:
                raise
            wrong(error)
    return lines


def _label(text: str, path: str | Path, number: int, classes: int | None) -> Labelled:
    """A line. Raises `DataError`."""
    words = text.split()
    try:
        class_id = int(words[0]) if _CLASS.fullmatch(words[0]) and "_" not in text else -1  # 1_0 is Python's, not C's
        box = (float(words[1]), float(words[2]), float(words[3]), float(words[4]))
    except (ValueError, IndexError):
        class_id, box = -1, (0.0, 0.0, 0.0, 0.0)
    if class_id < 0 or len(words) != 5:
        raise DataError(f"'{text.strip()[:60]}' is no label; a line is: class x y width height", path, number)
    if classes is not None and class_id >= classes:
        raise DataError(f"class {class_id}: the network has classes 0 to {classes - 1}", path, number)
    return Labelled(number, class_id, checked(box, path, number), text)


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


def refuse_wrong(errors: Sequence[DataError]) -> None:
    """Raise the first of the errors in label files, if there are any, with their number."""
    if errors:
        first = errors[0]
        rest = f" (the first of {len(errors)} wrong lines of labels)" if len(errors) > 1 else ""
        message = f"{first.message}{rest}; --skip-bad leaves out what is wrong"
        raise DataError(message, first.path, first.line)


class SkippedLines:
    """Reports the label lines that are left out, each on a line, and counts them."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """``report`` takes the lines."""
        self.count = 0
        self._report = report

    def __call__(self, error: DataError) -> None:
        """Report and count a line."""
        self.count += 1
        self._report(f"left out: {error}")

    def close(self) -> None:
        """Report how many there are."""
        if self.count:
            self._report(f"{self.count} wrong line{'s' * (self.count > 1)} of labels left out")


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
