"""Every error that darknet-py raises on purpose: one line that says what is wrong, where, and what to do."""

from __future__ import annotations

from pathlib import Path


class DarknetError(Exception):
    """Base class: catch this one to catch whatever darknet-py says about its input."""


class FileError(DarknetError):
    """Something is wrong in a file, at a line where the file has lines.

    The message reads ``path:line: what is wrong``, so that editors and terminals can jump to the place.
    """

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None) -> None:
        self.message = message
        self.path = str(path) if path is not None else None
        self.line = line
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(where + message)


class CfgError(FileError):
    """A ``.cfg`` file that does not describe a network that darknet-py can run."""


class WeightsError(FileError):
    """A ``.weights`` file that does not fit its network."""


class DataError(FileError):
    """A ``.data``, ``.names``, ``.map`` or ``.tree`` file that cannot be used."""


class ImageError(FileError):
    """An image that cannot be decoded."""


class ModelError(DarknetError):
    """A released model that is unknown, or whose files cannot be found or fetched."""


class OrientationWarning(UserWarning):
    """An image's EXIF data say that it is to be turned, and it is not (`exif=True` of `Detector.detect` turns it)."""
