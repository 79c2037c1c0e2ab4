"""What a long run has found so far, on disk, so that a stopped run goes on where it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ..errors import FileError
from ..version import __version__
from .found import Found


def stamp(path: str | Path) -> list[int]:
    """Size and time of change of a file; nothing if it cannot be seen."""
    try:
        state = Path(path).stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]


class Journal:
    """A file with a line of JSON for each image that is done. Use it as a context.

    The first line tells what the run is made of. A run that is made of something else begins anew; a last line that was
    torn by a kill does not count, nor does that of an image that has changed.
    """

    def __init__(self, path: Path, made_of: dict[str, Any]) -> None:
        """Args: the file, and all that the results depend on (anything JSON can hold)."""
        text = json.dumps([__version__, made_of], sort_keys=True, default=str)
        self.path = path
        self.key = hashlib.sha256(text.encode()).hexdigest()
        self.done: dict[int, Found] = {}
        self.anew = False
        """Whether there was a journal of another run."""
        self._stamps: dict[int, list[int]] = {}
        self._file: IO[str] | None = None

    def __enter__(self) -> Journal:
        """Read what there is. Raises `FileError` if it cannot be written."""
        lines = self._read()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
            self._file.write(json.dumps({"key": self.key}) + "\n" + "".join(lines))
            self._file.flush()
        except OSError as error:
            raise FileError(f"cannot be written: {error.strerror or error}", self.path) from None
        return self

    def _read(self) -> list[str]:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        except (OSError, UnicodeDecodeError):
            return []
        kept: list[str] = []
        try:
            self.anew = json.loads(lines[0])["key"] != self.key if lines else False
            for line in [] if self.anew else lines[1:]:
                entry = json.loads(line) if line.endswith("\n") else {}
                self.done[int(entry["image"])] = Found.from_lists(entry)
                self._stamps[int(entry["image"])] = entry["stamp"]
                kept.append(line)
        except (KeyError, TypeError, ValueError):
            self.anew = self.anew or not kept
        return kept

    def get(self, number: int, image: str) -> Found | None:
        """What was found in image ``number``, if it is done and the file is still the same."""
        if number in self.done and self._stamps[number] == stamp(image):
            return self.done[number]
        return None

    def add(self, number: int, image: str, found: Found) -> None:
        """Write down an image."""
        assert self._file is not None
        line = json.dumps({"image": number, "stamp": stamp(image), **found.as_lists()})
        self._file.write(line + "\n")
        self._file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; a run that has come to its end leaves none behind."""
        assert self._file is not None
        self._file.close()
        if kind is None:
            self.path.unlink(missing_ok=True)
