"""What a long run has found so far, on disk, so that a stopped run goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import operator
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ..version import __version__
from ..zoo.folders import cache_folder
from .found import Found

FORGOTTEN = 30 * 24 * 3600
"""Seconds after which the journal of a run that was not continued is removed."""


def stamp(path: str | Path) -> list[int]:
    """Size and time of change of a file; nothing if it cannot be seen."""
    try:
        state = Path(path).stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]


def line_digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()


class Journal:
    """A file with a line for each image that is done, a hash and JSON, in the user's cache. Use it as a context.

    It is named after all that the run is made of, so that a run of something else has another one. A line that was torn
    by a kill, or is not what was written, does not count, nor does that of an image that has changed. Where nothing can
    be written, a run goes without a journal.
    """

    def __init__(self, made_of: dict[str, Any], folder: Path | None = None) -> None:
        """Args: all that the results depend on (anything JSON can hold), and another folder than the cache's."""
        text = json.dumps([__version__, made_of], sort_keys=True)
        self.folder = folder or cache_folder() / "journals"
        self.path = self.folder / f"{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.jsonl"
        self.done: dict[int, Found] = {}
        self._stamps: dict[int, list[int]] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Journal:
        """Read what there is, and get ready to add to it."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._forget_others()
            torn = self._read()
            self._file = self.path.open("ab", buffering=0)
            if torn:
                self._file.write(b"\n")
        return self

    def _read(self) -> bool:
        """Take over what is done; gives whether the last line is torn."""
        if not self.path.is_file():
            return False
        data = self.path.read_bytes()
        for line in data.split(b"\n"):
            digest, _, text = line.partition(b" ")
            if digest != line_digest(text):
                continue
            # A line with a right hash is one that was written here; what is wrong in it all the same does not count.
            with contextlib.suppress(LookupError, TypeError, ValueError, ArithmeticError, RecursionError):
                entry = json.loads(text)
                number, seen = operator.index(entry["image"]), list(entry["stamp"])
                self.done[number], self._stamps[number] = Found.from_lists(entry), seen
        return not data.endswith(b"\n")

    def _forget_others(self) -> None:
        for path in self.folder.glob("*.jsonl"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > FORGOTTEN:
                    path.unlink(missing_ok=True)

    def get(self, number: int, image: str) -> Found | None:
        """What was found in image ``number``, if it is done and the file is still the same."""
        if number in self.done and self._stamps[number] == stamp(image):
            return self.done[number]
        return None

    def add(self, number: int, image: str, found: Found) -> None:
        """Write down an image."""
        if self._file is not None:
            text = json.dumps({"image": number, "stamp": stamp(image), **found.as_lists()}).encode()
            with contextlib.suppress(OSError):  # a full disk: the run matters more than its journal
                self._file.write(line_digest(text) + b" " + text + b"\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; that of a finished run is removed."""
        if self._file is not None:
            self._file.close()
        if kind is None:
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
