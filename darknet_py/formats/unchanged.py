"""Whether a file that is read bit by bit, as it is needed, still is what it was."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import FileError


class Unchanged:
    """A file as it is now.

    A file that another one takes the place of, as downloads do, stays what it was for those who have it open. One that
    is written anew where it stands, as training programs do, changes under their eyes.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._was = self._now()

    def check(self) -> None:
        """Raise `FileError` if the file was written to since."""
        now = self._now()
        if self._was is not None and now is not None and now[:2] == self._was[:2] and now != self._was:
            raise FileError("was written to since it was loaded; load it again", self._path)

    def _now(self) -> tuple[int, int, int, int] | None:
        try:
            state = os.stat(self._path)
        except OSError:
            return None
        return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
