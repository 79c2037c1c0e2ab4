"""The prompt for images: what it says, and lines of standard input."""

from __future__ import annotations

import codecs
import sys
from typing import IO

PROMPT = "Enter Image Path: "


def print_stderr(text: str, end: str = "\n") -> None:
    """Print to standard error, unbuffered; no-op where the parent process has closed it."""
    if sys.stderr is not None:
        print(text, end=end, file=sys.stderr, flush=True)


class Lines:
    """Lines of standard input: UTF-8 with or without a mark, other bytes as surrogate escapes, or UTF-16.

    Never reads beyond the end of a line: a parent process may wait for an answer before it sends the next.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        """Read from ``stream``."""
        self._stream = stream
        self._encoding = ""
        self._rest = b""

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._read_line()
        if not line:
            raise StopIteration
        if not self._encoding:
            line = self._find_encoding(line)
        if self._encoding != "utf-8":
            line = self._complete(line)
        return line.decode(self._encoding, "surrogateescape" if self._encoding == "utf-8" else "replace").rstrip("\r\n")

    def _read_line(self) -> bytes:
        line = self._rest if self._rest.endswith(b"\n") else self._rest + self._stream.readline()
        self._rest = b""
        return line

    def _find_encoding(self, line: bytes) -> bytes:
        """Sees what the first line is; gives it without its mark."""
        self._encoding = "utf-8"
        if line.startswith(codecs.BOM_UTF8):
            return line[3:]
        for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
            if line.startswith(mark):
                self._encoding = encoding
                return line[2:]
        if len(line) > 2 and line.endswith(b"\n"):  # UTF-16 of plain text without a mark
            if not any(line[:-1:2]) and all(line[1::2]):
                self._encoding = "utf-16-be"
            elif not any(line[1::2]) and all(line[::2]) and len(line) % 2:
                self._rest = self._stream.read(1)
                if self._rest == b"\0":
                    self._encoding = "utf-16-le"
                    self._rest, line = b"", line + b"\0"
        return line

    def _complete(self, line: bytes) -> bytes:
        """The bytes of a line of UTF-16: its last line feed may be half of another character, or lack its half."""
        end = "\n".encode(self._encoding)
        while not (line.endswith(end) and len(line) % 2 == 0):
            more = self._stream.read(1) if len(line) % 2 else self._stream.readline()
            if not more:
                return line[: len(line) // 2 * 2]
            line += more
        return line
