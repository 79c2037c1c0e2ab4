"""Detections of many images as the JSON array that Darknet pipelines read (``-out`` of AlexeyAB's Darknet)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypedDict

from ..errors import FileError
from ..formats.atomic import signals_held, whole_file, write_text
from ..formats.text import as_unicode

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from ..detect.tables import JsonDetection


class FrameEntry(TypedDict):
    """The entry of one image."""

    frame_id: int
    filename: str
    objects: list[JsonDetection]


def frame(found: Detections, number: int, filename: str) -> FrameEntry:
    """The entry of one image.

    Args:
        found: its detections.
        number: ``frame_id``, from 1.
        filename: as it was given.
    """
    return {"frame_id": number, "filename": filename, "objects": found.to_json()}


def to_text(frames: Iterable[FrameEntry]) -> str:
    """The JSON array of `frame` entries, an object per line."""
    return "[\n" + ",\n".join(map(_frame_text, frames)) + "\n]\n"


def write_json(target: str | Path, frames: Iterable[FrameEntry]) -> None:
    """Write the JSON array of `frame` entries to a file, at once and whole, or to standard output for ``-``.

    Raises:
        DarknetError: the file cannot be written.
    """
    text = to_text(frames)
    if str(target) == "-":
        sys.stdout.write(text)
        return
    write_text(target, text)


@contextmanager
def json_file(target: str | Path) -> Iterator[Callable[[FrameEntry], None]]:
    """`write_json` entry by entry: yields what takes the next `frame` entry.

    Whatever ends a long run, an error or an interrupt: the entries that were given by then are there, as valid JSON.
    They go to a file beside the target, which takes its place at the end; a run that ends badly before its first entry
    leaves the target as it was. Standard output (``-``), and what is no regular file, gets them as they come.

    Raises:
        FileError: the file cannot be written; as far as that can be known, before anything is yielded.
    """
    stack = ExitStack()
    with _errors(target):
        if str(target) == "-":
            array = _Array(_Text(sys.stdout), target, seekable=False)
        else:
            part = stack.enter_context(whole_file(target))
            regular = part.is_file()
            file = stack.enter_context(part.open("r+b" if regular else "wb"))
            array = _Array(file, target, regular)
    try:
        yield array.add
    except BaseException:
        if not array.count:
            with _errors(target):
                stack.__exit__(*sys.exc_info())
        else:
            array.finish(stack)
        raise
    array.finish(stack)


class _Text:
    """A text stream that takes the array's bytes, which are ASCII."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.flush = stream.flush

    def write(self, data: bytes) -> None:
        self._stream.write(data.decode("ascii"))


class _Array:
    """A JSON array that grows in a file; where one can seek, the file is valid JSON after each entry."""

    def __init__(self, file: Any, target: str | Path, seekable: bool) -> None:
        self.count = 0
        self._file, self._target, self._seekable = file, target, seekable
        self._end = 0

    def add(self, entry: FrameEntry) -> None:
        data = ((",\n" if self.count else "[\n") + _frame_text(entry)).encode()
        with _errors(self._target), signals_held():
            self._write(data + (_TAIL if self._seekable else b""))
            self._end += len(data)
            self.count += 1

    def finish(self, stack: ExitStack) -> None:
        """Write the array's end, after whatever an `add` that failed has left, and put the file in its place."""
        with _errors(self._target), signals_held():
            if self._seekable:
                self._file.truncate(self._end)
            self._write(_TAIL if self.count else to_text([]).encode())
            stack.close()

    def _write(self, data: bytes) -> None:
        if self._seekable:
            self._file.seek(self._end)
        self._file.write(data)
        self._file.flush()


_TAIL = b"\n]\n"


@contextmanager
def _errors(target: str | Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise FileError(f"cannot be written: {error.strerror or error}", target) from None


def unicode_only(value: Any) -> Any:
    """A document whose strings any JSON reader takes: those that are bytes and not UTF-8 as Latin-1 (`as_unicode`)."""
    if isinstance(value, str):
        return as_unicode(value)
    if isinstance(value, dict):
        return {key: unicode_only(entry) for key, entry in value.items()}
    return [unicode_only(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _frame_text(entry: FrameEntry) -> str:
    # Plain ASCII, other characters escaped: terminals may know fewer characters.
    entry = unicode_only(entry)
    head = json.dumps({"frame_id": entry["frame_id"], "filename": entry["filename"]})
    objects = ",\n".join("  " + json.dumps(found, allow_nan=False) for found in entry["objects"])
    return f' {head[:-1]}, "objects": [' + (f"\n{objects}\n ]}}" if objects else "]}")
