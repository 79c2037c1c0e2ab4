"""Every error that darknet-py raises on purpose: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import sys
import unicodedata
import warnings
from pathlib import Path

MESSAGE_LENGTH = 600
"""Most characters of a message."""

PATH_LENGTH = 300
"""Most characters of a file's name in a message."""

_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of what may move a cursor, hide text or turn its direction, and of bytes that are no UTF-8."""


def printable(text: str, length: int = MESSAGE_LENGTH) -> str:
    """``text`` as a terminal may show it: one line, control characters as escapes, the middle of a long one left out.

    Bytes that are no UTF-8, as ``surrogateescape`` decodes them, become ``\\xNN``.
    """
    text = _cut(text, length)
    if text.isascii() and text.isprintable():
        return text
    return _cut("".join(_escaped(character) for character in text), length)


def _cut(text: str, length: int) -> str:
    end = length // 3
    return text if len(text) <= length else f"{text[: length - end - 3]}...{text[-end:]}"


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _HARMFUL:
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class DarknetError(Exception):
    """Base class: catch this one to catch every error about input.

    Whatever stands in files and names is `printable` in its message.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message, self.longest))

    longest = MESSAGE_LENGTH + PATH_LENGTH
    """Most characters of a message."""


class FileError(DarknetError):
    """Something is wrong in a file, at a line where the file has lines.

    The message reads ``path:line: what is wrong``, so that editors and terminals can jump to the place.
    """

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None) -> None:
        self.message = printable(message)
        self.path = str(path) if path is not None else None
        self.line = line
        super().__init__(place(path, line) + self.message)


def place(path: str | Path | None, line: int | None = None) -> str:
    """``path:line: ``, as messages begin."""
    where = "" if path is None else printable(str(path), PATH_LENGTH)
    return where and (f"{where}: " if line is None else f"{where}:{line}: ")


class CfgError(FileError):
    """A ``.cfg`` file that does not describe a network that darknet-py can run."""


class WeightsError(FileError):
    """A ``.weights`` file that does not fit its network."""


class DataError(FileError):
    """A ``.data``, ``.names``, ``.map`` or ``.tree`` file that cannot be used."""


class ImageError(FileError):
    """An image that cannot be decoded."""


class PictureTooLarge(ImageError):
    """An image that has more pixels than this process reads."""


class ModelError(DarknetError):
    """A released model that is unknown, or whose files cannot be found or fetched."""

    longest = 5000
    """Every source has its reason."""


class DarknetWarning(UserWarning):
    """Something in a file is odd, but can be computed. Commands show it as one line on standard error."""


def warn(message: str, path: str | Path | None = None, line: int | None = None) -> None:
    """Warn of something in a file; Python names the line that called this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(f"{__package__}."):
        level, frame = level + 1, frame.f_back
    warnings.warn(DarknetWarning(place(path, line) + printable(message)), stacklevel=level)


class OrientationWarning(DarknetWarning):
    """An image's EXIF data say that it is to be turned, and it is not (`exif=True` of `Detector.detect` turns it)."""
