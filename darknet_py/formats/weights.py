"""Darknet's ``.weights`` files: a header and a stream of float32 values (``load_weights``, ``save_weights``)."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from ..errors import WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_VERSION = struct.Struct("<iii")


@dataclass(frozen=True)
class Header:
    """Version of the file, and ``seen``, the number of training images."""

    major: int
    minor: int
    revision: int
    seen: int

    @property
    def wide(self) -> bool:
        """``seen`` takes 8 bytes (from version 0.2 on), not 4."""
        return self.major * 10 + self.minor >= 2 and self.major < 1000 and self.minor < 1000

    @property
    def size(self) -> int:
        """Bytes of the header."""
        return 20 if self.wide else 16

    @property
    def transposed(self) -> bool:
        """The weights of connected layers are stored inputs x outputs."""
        return self.major > 1000 or self.minor > 1000


class WeightsReader:
    """A cursor over a memory-mapped file: each `take` gives the next values as a read-only view.

    Raises:
        WeightsError: the file cannot be read, or is no weights file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            with open(path, "rb") as file:
                start = file.read(64)
                self._bytes = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise WeightsError(f"cannot read these weights: {error.strerror or error}", path) from None
        self.header = _parse_header(start, self._bytes, path)
        self.offset = self.header.size
        count = (self._bytes - self.offset) // 4
        self._values: NDArray[np.float32] = (
            np.memmap(path, "<f4", "r", self.offset, (count,)) if count else np.zeros(0, np.float32)
        )

    @property
    def remaining(self) -> int:
        """Bytes that have not been taken."""
        return self._bytes - self.offset

    def take(self, count: int, what: str) -> NDArray[np.float32]:
        """The next ``count`` values, a flat view; ``what`` is what an error calls them."""
        wanted = 4 * count
        if wanted > self.remaining:
            raise WeightsError(f"the file ends {wanted - self.remaining} bytes before the end of {what}", self.path)
        first = (self.offset - self.header.size) // 4
        self.offset += wanted
        values: NDArray[np.float32] = self._values[first : first + count]
        return values

    def finish(self, last_layer: str) -> None:
        """Check that all bytes were taken. Raises `WeightsError` with the number of bytes left."""
        if self.remaining:
            raise WeightsError(
                f"the file is too long: {self.remaining} bytes are left after {last_layer}; it belongs to another cfg",
                self.path,
            )


def _parse_header(start: bytes, size: int, path: str | Path) -> Header:
    if start.lstrip()[:1] == b"<":
        raise WeightsError("this is a web page, not a weights file: download it again", path)
    if len(start) >= 12:
        major, minor, revision = _VERSION.unpack_from(start)
        header = Header(major, minor, revision, 0)
        if size >= header.size:
            (seen,) = struct.unpack_from("<Q" if header.wide else "<i", start, 12)
            return Header(major, minor, revision, seen)
    raise WeightsError(f"the file is too short: {size} bytes do not even hold the header of a weights file", path)


class WeightsWriter:
    """Writes a weights file at once and whole: it takes its place only when the block ends without an error.

    Use as a context manager. Raises `WeightsError` where the file cannot be written.
    """

    def __init__(self, path: str | Path, seen: int = 0, minor: int = 2) -> None:
        self.path = Path(path)
        self._part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        header = Header(0, minor, 0, seen)
        seen_bytes = struct.pack("<Q", seen) if header.wide else struct.pack("<i", min(seen, 2**31 - 1))
        try:
            self._file = open(self._part, "wb")  # noqa: SIM115
            self._file.write(_VERSION.pack(0, minor, 0) + seen_bytes)
        except OSError as error:
            raise self._error(error) from None

    def _error(self, error: OSError) -> WeightsError:
        return WeightsError(f"cannot write these weights: {error.strerror or error}", self.path)

    def put(self, values: NDArray[np.float32]) -> None:
        """Append float32 values."""
        try:
            self._file.write(np.ascontiguousarray(values, "<f4").data)
        except OSError as error:
            raise self._error(error) from None

    def __enter__(self) -> WeightsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                os.replace(self._part, self.path)
        except OSError as problem:
            raise self._error(problem) from None
        finally:
            self._part.unlink(missing_ok=True)
