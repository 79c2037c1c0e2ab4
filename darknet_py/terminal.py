"""What a terminal is shown: text from files, names and cfgs is text there, never orders to the terminal.

A class name or a file's name may hold an escape sequence that recolours a terminal, renames its window, or hides what
stands before it. Pipes and files get every byte as it is: other programs read them.
"""

from __future__ import annotations

import io
import re
import sys
from typing import Any, TextIO, cast

_ORDERS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\udc80-\udc9f]")
"""Control characters (also of bytes that are no text) but for line feed and tab, and what turns text's direction."""

_MORE = re.compile(_ORDERS.pattern[:-1] + "\t\n\ud800-\udfff]")
"""Those two as well, and whatever UTF-8 cannot hold."""


def visible(text: str) -> str:
    """The text with escapes such as ``\\x1b`` instead of what a terminal would obey."""
    return text if text.isascii() and text.isprintable() else _ORDERS.sub(_escape, text)


def one_line(text: str) -> str:
    """The same, but of a name or value that stands within a line: it ends no line, and UTF-8 can hold it."""
    return text if text.isascii() and text.isprintable() else _MORE.sub(_escape, text)


def in_line(text: str) -> str:
    """A file's name within a line of output that programs read: it ends no line, every other character stays."""
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if "\udc80" <= character <= "\udcff":  # a byte that is no text, as file names and Darknet's lines may have it
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class _Terminal(io.TextIOWrapper):
    """A terminal's stream, which shows `visible` text."""

    def write(self, text: str) -> int:
        super().write(visible(text))
        return len(text)

    @property
    def buffer(self) -> Any:  # or else Click would write to it, past this class
        raise AttributeError("a terminal is shown text only")


class _Control:
    """A terminal's stream for those who have orders for it: progress bars, lines that are written anew."""

    def __init__(self, stream: _Terminal) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return io.TextIOWrapper.write(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def control(stream: TextIO) -> TextIO:
    """The stream, as it takes orders to the terminal. Texts that come from elsewhere need `visible` there."""
    return cast("TextIO", _Control(stream)) if isinstance(stream, _Terminal) else stream


def protect() -> None:
    """From now on let standard output and standard error, where they are terminals, show `visible` text."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            if stream is None or not stream.isatty():
                continue
            stream.flush()
            file = io.BufferedWriter(io.FileIO(stream.fileno(), "wb", closefd=False))
            shown = _Terminal(file, stream.encoding, stream.errors, line_buffering=True)
        except (AttributeError, OSError, ValueError):  # no real stream: what a program has put in its place stays
            continue
        setattr(sys, name, shown)
