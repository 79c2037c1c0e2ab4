"""Darknet's small text files: ``.data`` (``read_data_cfg``), ``.names`` (``get_labels``), ``.map`` (``read_map``)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBER = re.compile(r"\s*([+-]?[0-9]+)", re.ASCII)


def read_lines(path: str | Path) -> list[str]:
    """The file's lines without line ends; trailing empty lines are dropped. Raises `DataError`."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read this file: {error.strerror or error}", path) from None
    if b"\0" in data:
        raise DataError("is not a text file: it has binary data (a text file must be saved as UTF-8)", path)
    lines = [line.rstrip("\r") for line in data.decode("utf-8-sig", errors="replace").split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def read_data(path: str | Path) -> dict[str, str]:
    """A ``.data`` file's options (Darknet's ``read_data_cfg``).

    As in a cfg, blanks are removed everywhere, the first of two equal keys wins, and a key without a value does not
    count.

    Raises:
        DataError: with the line.
    """
    options: dict[str, str] = {}
    for number, raw in enumerate(read_lines(path), start=1):
        line = re.sub(r"[ \t\r]", "", raw)
        if not line or line[0] in "#;":
            continue
        key, equals, value = line.partition("=")
        if not equals:
            raise DataError(f"'{raw.strip()}' is no option; a line of a .data file is key = value", path, number)
        if value:
            options.setdefault(key, value)
    return options


def read_metadata(path: str | Path) -> tuple[list[str], int]:
    """Class names and number of classes of a ``.data`` file (Darknet's ``get_metadata``).

    The names are those of ``names``, else of ``labels``, a file relative to the working directory; none without either.
    ``classes`` is 2 by default.

    Raises:
        DataError: one of the two files cannot be used.
    """
    options = read_data(path)
    names = options.get("names") or options.get("labels")
    classes = _to_int(options.get("classes", "2"))
    if classes is None:
        raise DataError(f"classes = {options['classes']} is not a number of classes", path)
    return read_names(names) if names else [], classes


def read_top(path: str | Path) -> int:
    """How many classes a ``.data`` file wants to be named (``top``, 1 by default). Raises `DataError`."""
    text = read_data(path).get("top", "1")
    top = _to_int(text)
    if not top:
        raise DataError(f"top = {text} is not a number of classes from 1 on", path)
    return top


class Names(list[str]):
    """Class names that know their file.

    Attributes:
        path: the file.
    """

    path: str


def read_names(path: str | Path) -> Names:
    """Class names, one per line."""
    names = Names(read_lines(path))
    if not names:
        raise DataError("has no names", path)
    names.path = str(path)
    return names


def read_map(path: str | Path) -> NDArray[np.int32]:
    """A class map: for each class the number of its node in the WordTree, one per line."""
    numbers = []
    for line, text in enumerate(read_lines(path), start=1):
        number = _to_int(text)
        if number is None:
            raise DataError(f"'{text}' is not the number of a class", path, line)
        numbers.append(number)
    if not numbers:
        raise DataError("has no numbers", path)
    return np.array(numbers, np.int32)


def _to_int(text: str) -> int | None:
    """The number that a text begins with, as ``atoi`` reads it; None if there is none, or none from 0 to 2**31 - 1."""
    match = _NUMBER.match(text)
    number = int(match[1]) if match and len(match[1]) < 20 else -1
    return number if 0 <= number < 2**31 else None
