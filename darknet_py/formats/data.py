"""Darknet's small text files: ``.data`` (``read_data_cfg``), ``.names`` (``get_labels``), ``.map`` (``read_map``)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from .text import exists, read_lines, spellings, unquoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMBER = re.compile(r"\s*([+-]?[0-9]+)", re.ASCII)
_BLANKS = re.compile(r"[ \t\r]")
_COMMENT = re.compile(r"\s[#;].*")

_SAID: set[str] = set()
"""Notes that were printed: commands may read a data file more than once."""


Report = Callable[[str], None]


class Value(str):
    """A value of a ``.data`` file as Darknet reads it: all blanks are removed.

    Attributes:
        written: the value as it stands in the file, without the blanks at its ends (``My Drive/my.names``).
    """

    written: str

    def __new__(cls, written: str) -> Value:
        """From the text behind the ``=``."""
        value = super().__new__(cls, _BLANKS.sub("", written))
        value.written = written.strip()
        return value

    def paths(self) -> Iterator[str]:
        """What it may mean as a path: Darknet's reading, then the `spellings` of what is written."""
        yield from dict.fromkeys([str(self), *spellings(self.written), *spellings(_COMMENT.sub("", self.written))])


def path_spellings(name: str) -> Iterator[str]:
    """What a path from a data file, or any other, may mean."""
    return name.paths() if isinstance(name, Value) else spellings(name)


def as_written(name: str) -> str:
    """A path as a person wrote it, for messages."""
    return name.written if isinstance(name, Value) else name


def folder_of(name: str) -> Path:
    """A folder that a data file names, to write to; it need not be there. Blanks in its name are meant."""
    found = next((one for one in path_spellings(name) if exists(one)), None)
    return Path(found or list(spellings(unquoted(_COMMENT.sub("", as_written(name)))))[-1])


def print_note(text: str) -> None:
    """A line on standard error."""
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


def read_data(path: str | Path, report: Report = print_note) -> dict[str, str]:
    """A ``.data`` file's options (Darknet's ``read_data_cfg``).

    As in a cfg, blanks are removed everywhere, the first of two equal keys wins, and a key without a value does not
    count. The values are `Value`, which know what was written. A line without ``=`` is reported, once, and ignored.

    Args:
        path: the file.
        report: takes a line about each line that does not count.

    Raises:
        DataError: the file cannot be read as text, or a key stands there without a value first, then with one.
    """
    options: dict[str, str] = {}
    bare: dict[str, int] = {}
    for number, raw in enumerate(read_lines(path), start=1):
        line = _BLANKS.sub("", raw)
        if not line or line[0] in "#;":
            continue
        key, equals, _ = line.partition("=")
        value = Value(raw.partition("=")[2])
        if not equals:
            bare.setdefault(key, number)
            _note(f"{path}:{number}: '{raw.strip()[:60]}' is no option (key = value) and does not count", report)
        elif value and key in bare:
            raise DataError(
                f"{key} stands in line {bare[key]} without a value: for Darknet that is the first of two, and this "
                "line does not count; take one of them out", path, number,
            )  # fmt: skip
        elif value:
            options.setdefault(key, value)
    return options


def _note(text: str, report: Report) -> None:
    if text not in _SAID:
        _SAID.add(text)
        report(text)


def read_metadata(path: str | Path) -> tuple[list[str], int]:
    """Class names and number of classes of a ``.data`` file (Darknet's ``get_metadata``).

    The names are those of ``names``, else of ``labels``, a file relative to the working directory; none without either.
    ``classes`` is 2 by default.

    Raises:
        DataError: one of the two files cannot be used.
    """
    options = read_data(path)
    names = options.get("names") or options.get("labels")
    classes = to_int(options.get("classes", "2"))
    if classes is None:
        raise DataError(f"classes = {options['classes']} is not a number of classes", path)
    return read_names(_first_file(names)) if names else [], classes


def _first_file(name: str) -> str:
    return next((one for one in path_spellings(name) if exists(one)), as_written(name))


def read_top(path: str | Path) -> int:
    """How many classes a ``.data`` file wants to be named (``top``, 1 by default). Raises `DataError`."""
    text = read_data(path).get("top", "1")
    top = to_int(text)
    if not top:
        raise DataError(f"top = {text} is not a number of classes from 1 on", path)
    return top


class Names(list[str]):
    """Class names that know their file.

    Attributes:
        path: the file.
    """

    path: str


def first_names(names: Sequence[str], count: int) -> list[str]:
    """The first names; if a file's, they still know it."""
    first = Names(names[:count])
    if isinstance(names, Names):
        first.path = names.path
    return first


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
        number = to_int(text)
        if number is None:
            raise DataError(f"'{text}' is not the number of a class", path, line)
        numbers.append(number)
    if not numbers:
        raise DataError("has no numbers", path)
    return np.array(numbers, np.int32)


def to_int(text: str) -> int | None:
    """The number that a text begins with, as ``atoi`` reads it; None if there is none, or none from 0 to 2**31 - 1."""
    match = _NUMBER.match(text)
    number = int(match[1]) if match and len(match[1]) < 20 else -1
    return number if 0 <= number < 2**31 else None
