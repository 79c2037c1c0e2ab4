"""Text files and paths as they are found: other encodings, byte order marks, quotes, blanks, backslashes."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError
from .binary import read_file

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""

_ESCAPED = re.compile("[\ud800-\udfff]")

CLOSING = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}
"""Quotes that may stand around a path."""


def decode_text(data: bytes, path: str | Path, zeros: bool = False) -> str:
    """The text of a file: UTF-8, or UTF-16 and UTF-32 with a byte order mark (UTF-16 of plain text without one, too).

    Bytes that are not UTF-8 come out as Python's surrogate escapes, so that encoding gives the file's bytes again.

    Args:
        data: the file.
        path: its name, for the message.
        zeros: zero bytes are taken as well.

    Raises:
        DataError: the file has binary data.
    """
    mark, encoding = next((entry for entry in _MARKS if data.startswith(entry[0])), (b"", ""))
    if not encoding:
        encoding = _unmarked_encoding(data)
    try:
        text = data[len(mark) :].decode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError:
        raise DataError(f"is no text: it begins as {encoding.upper()}, but is not that throughout", path) from None
    if "\0" in text and not zeros:
        raise DataError("is not a text file: it has binary data (a text file must be saved as UTF-8)", path)
    return text


def _unmarked_encoding(data: bytes) -> str:
    """UTF-16, if every second byte of the beginning is zero, as in plain text in that encoding; else UTF-8."""
    begin = data[:256]
    if len(begin) > 3 and len(data) % 2 == 0:
        if not any(begin[1::2]) and all(begin[::2]):
            return "utf-16-le"
        if not any(begin[::2]) and all(begin[1::2]):
            return "utf-16-be"
    return "utf-8"


def read_text(path: str | Path, zeros: bool = False) -> str:
    """A file's text (`decode_text`). Raises `DataError`."""
    try:
        data = read_file(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read this file: {getattr(error, 'strerror', None) or error}", path) from None
    return decode_text(data, path, zeros)


def read_lines(path: str | Path) -> list[str]:
    """A text file's lines without line ends (LF, CR LF, CR); trailing empty lines are dropped. Raises `DataError`."""
    return _lines(read_text(path))


def read_paths(path: str | Path) -> list[str]:
    """The lines of a list of paths that are not empty.

    A zero byte makes one path wrong, not the list, unless it is in most of the lines. Raises `DataError`.
    """
    lines = [line for line in _lines(read_text(path, zeros=True)) if line.strip()]
    if 2 * sum("\0" in line for line in lines) > len(lines):
        raise DataError("is no list of paths: it has binary data", path)
    return lines


def _lines(text: str) -> list[str]:
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def as_unicode(text: str) -> str:
    """Text that any program can read: where it has bytes that are not UTF-8, each byte of it as a Latin-1 character.

    Nothing is lost: encoded as Latin-1 it is the original bytes. For JSON and pictures, which cannot hold bytes.
    """
    if not _ESCAPED.search(text):
        return text
    data = text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "surrogatepass")
    try:
        return data.decode("utf-8")  # a path of a locale that knows ASCII only
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _is_escaped(text: str) -> bool:
    return all("\udc80" <= character <= "\udcff" for character in _ESCAPED.findall(text))


def spellings(text: str) -> Iterator[str]:
    """What a path may mean, as it is written first: without blanks at its ends, without quotes, with slashes."""
    seen = set()
    for one in _spellings(text):
        if one and one not in seen:
            seen.add(one)
            yield one


def _spellings(text: str) -> Iterator[str]:
    yield text
    trimmed = text.strip().strip("\ufeff").strip()
    plain = unquoted(trimmed)
    for one in (trimmed, plain):
        yield one
        if os.sep != "\\":
            yield one.replace("\\", "/")


def unquoted(text: str) -> str:
    """A text without the quotes around it, and without the blanks inside of them."""
    if len(text) > 1 and CLOSING.get(text[0]) == text[-1]:
        return text[1:-1].strip()
    return text


def find_path(text: str) -> Path | None:
    """The first of a path's `spellings` that is there; None if none is."""
    return next((Path(one) for one in spellings(text) if exists(one)), None)


def as_found(text: str) -> str:
    """The first of a path's `spellings` that is there; if none is, the path without blanks at its ends."""
    return next((one for one in spellings(text) if exists(one)), text.strip() or text)


def exists(path: str | Path) -> bool:
    """Whether there is such a file or folder; never an error (a path may have a zero byte, or be too long)."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def is_file(path: str | Path) -> bool:
    """Whether there is such a file, as far as one may look; never an error."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
