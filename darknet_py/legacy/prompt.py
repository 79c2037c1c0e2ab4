"""Image paths from the command line or, one by one, from standard input."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from ..errors import DarknetError, ImageError
from ..formats.text import as_found

PROMPT = "Enter Image Path: "

LONGEST = 500
"""So much of a path is shown in a message."""


def print_stderr(text: str, end: str = "\n") -> None:
    """Print to standard error, unbuffered; no-op where the parent process has closed it."""
    if sys.stderr is not None:
        print(text, end=end, file=sys.stderr, flush=True)


def for_each_image(files: Sequence[str], work: Callable[[str], None]) -> int:
    """Call ``work`` with the images of the command line, or with each path that standard input gives, a line each.

    What is wrong with an image (it cannot be read, its picture cannot be written) is a line on standard error, and the
    others are still worked on. (pjreddie's Darknet ends at the first such image, AlexeyAB's takes a grey picture for
    it; both end with exit code 0.)

    Returns:
        The exit code: 1 if something was wrong.
    """
    code = 0
    for written in files or ask_paths():
        path = as_found(written)
        try:
            work(path)
        except DarknetError as error:
            code = 1
            print_stderr(_error_line(written, path, error))
        except MemoryError:
            code = 1
            print_stderr(f'Cannot load image "{written}": there is not enough memory for it')
    return code


def ask_paths() -> Iterator[str]:
    """Prompt for paths until the end of the input; an empty line is asked again.

    The prompt is flushed before each line that is read: a parent process may wait for it, because everything about the
    image before has then been written.
    """
    lines = Lines(sys.stdin.buffer) if sys.stdin is not None else iter(())
    while True:
        print(PROMPT, end="", flush=True)
        line = next(lines, None)
        if line is None:
            return
        if line.strip():
            yield line


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


def _error_line(written: str, path: str, error: DarknetError) -> str:
    """Darknet's words for an image that cannot be read, and the reason."""
    if isinstance(error, ImageError) and error.path == path:
        shown = written if len(written) <= LONGEST else f"{written[:LONGEST]}..."
        return f'Cannot load image "{shown}": {error.message}'
    return f"Error: {error}"
