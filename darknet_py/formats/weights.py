"""Darknet's ``.weights`` files: a header and a stream of float32 values (``load_weights``, ``save_weights``)."""

from __future__ import annotations

import codecs
import mmap
import os
import re
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..errors import WeightsError
from .atomic import whole_file
from .binary import is_cfg, is_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

_VERSION = struct.Struct("<iii")
_STRANGERS = {
    rb"<[!?A-Za-z]": "a web page, not a weights file: download it again",
    rb"version https://git-lfs": "a pointer of Git LFS, not the weights file itself: run git lfs pull",
    rb"PK\x03\x04.{26,300}/?data.pkl": "a PyTorch checkpoint (.pt): export it as Darknet weights first",
    rb"PK\x03\x04": "a zip archive: unpack it, or, if it is an .npz, run `darknet-py weights convert` on it",
    rb"\x1f\x8b": "a gzip archive: unpack it",
    rb"\x80[\x02-\x05][\x8a\x95}c]": "a Python pickle (an old PyTorch checkpoint?): export it as Darknet weights first",
    rb"\x89HDF\r\n": "an HDF5 file (Keras): export it as Darknet weights first",
}
"""What stands where weights were expected: its first bytes, and what to say of it."""


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

    def pack(self) -> bytes:
        """The header as it stands in a file; a ``seen`` that does not fit is cut to what its field holds."""
        start = _VERSION.pack(self.major, self.minor, self.revision)
        if self.wide:
            return start + struct.pack("<Q", self.seen % 2**64)
        return start + struct.pack("<i", max(-(2**31), min(self.seen, 2**31 - 1)))


class WeightsReader:
    """A cursor over a memory-mapped file: each `take` gives the next values as a read-only view.

    Use as a context manager, or `close` it, to give up the mapping once the last view is gone; the views stay good.

    Raises:
        WeightsError: the file cannot be read, or is no weights file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        try:
            with open(path, "rb") as file:
                start = file.read(512)
                self._bytes = os.fstat(file.fileno()).st_size
                self.header = _parse_header(start, self._bytes, path)
                self._values: NDArray[np.float32] = _map_values(file, self.header.size, self._bytes)
        except (OSError, ValueError) as error:  # a ValueError: a zero byte in the path
            why = getattr(error, "strerror", None) or error
            raise WeightsError(f"cannot read these weights: {why}", path) from None
        self.offset = self.header.size

    def __enter__(self) -> WeightsReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take no more from this file."""
        self._values = np.zeros(0, np.float32)
        self._bytes = self.offset

    @property
    def remaining(self) -> int:
        """Bytes that have not been taken."""
        return self._bytes - self.offset

    @property
    def has_fifth_int(self) -> bool:
        """Of a file of which all has been taken: it is longer by what PyTorch programs write into a header of four."""
        return self.remaining == 4 and not self.header.wide

    def take(self, count: int, what: str) -> NDArray[np.float32]:
        """The next ``count`` values, a flat view; ``what`` is what an error calls them."""
        wanted = 4 * count
        if wanted > self.remaining:
            raise WeightsError(f"the file ends {wanted - self.remaining} bytes before the end of {what}", self.path)
        first = (self.offset - self.header.size) // 4
        self.offset += wanted
        return self._values[first : first + count]

    def finish(self, last_layer: str) -> None:
        """Check that all bytes were taken. Raises `WeightsError` with the number of bytes left."""
        if self.has_fifth_int:
            raise WeightsError(
                "the file is 4 bytes too long for its cfg: its header says version "
                f"{self.header.major}.{self.header.minor}, which has four ints, but some PyTorch programs write five, "
                "and Darknet then reads all weights shifted; set the file's fifth byte to 2 (version 0.2, five ints)",
                self.path,
            )
        if self.remaining:
            raise WeightsError(
                f"the file is too long: {self.remaining} bytes are left after {last_layer}; it belongs to another cfg",
                self.path,
            )


def _map_values(file: BinaryIO, offset: int, size: int) -> NDArray[np.float32]:
    """All whole values after the header; bytes left over are for `WeightsReader.finish` to report."""
    count = (size - offset) // 4
    return np.memmap(file, "<f4", "r", offset, (count,)) if count else np.zeros(0, np.float32)


_FEW = 2**16
"""Bytes for which no question to the system is worth its time."""

_POPULATE_READ = 22
"""Linux's ``MADV_POPULATE_READ``, which Python has no name for."""


def read_pages(values: NDArray[np.float32]) -> None:
    """Have a view on a weights file in memory at once: page after page, as it is looked at, takes twice as long.

    For arrays that are no such views, and on systems that cannot do so, this does nothing.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # an older one, or a disk that fails: whoever looks at the values will meet that
            _advise(values, _POPULATE_READ)


def drop_pages(values: NDArray[np.float32]) -> None:
    """Give the memory of a view on a weights file back: it is read from the file again when it is needed again.

    For arrays that are no such views, and on systems without ``madvise``, this does nothing.
    """
    if hasattr(mmap, "MADV_DONTNEED"):
        _advise(values, mmap.MADV_DONTNEED)


def _advise(values: NDArray[np.float32], advice: int) -> None:
    """Call ``madvise`` for the whole pages of a view on a file."""
    if values.nbytes < _FEW:
        return
    base: object = values
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, mmap.mmap):
        return
    start = np.frombuffer(base, np.uint8).ctypes.data
    first = -(-(values.ctypes.data - start) // mmap.PAGESIZE) * mmap.PAGESIZE
    last = (values.ctypes.data - start + values.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if last > first:
        base.madvise(advice, first, last - first)


def _parse_header(start: bytes, size: int, path: str | Path) -> Header:
    """The header at the ``start`` of a file of ``size`` bytes. Raises `WeightsError` for what is no weights file."""
    for mark, what in _STRANGERS.items():
        if re.match(mark, start.removeprefix(codecs.BOM_UTF8).lstrip(), re.DOTALL):
            raise WeightsError(f"this is {what}", path)
    if start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < size:
        raise WeightsError(
            "this is a .safetensors file: run `darknet-py weights convert` to make a weights file of it", path
        )
    if len(start) >= 12 and is_cfg(start):
        raise WeightsError(
            "this is a cfg file, not a weights file: are the cfg and the weights given in the wrong order?", path
        )
    if len(start) >= 12 and is_text(start):
        raise WeightsError("this is a text file, not a weights file: download the weights again", path)
    if len(start) >= 12:
        major, minor, revision = _VERSION.unpack_from(start)
        header = Header(major, minor, revision, 0)
        if size >= header.size:
            (seen,) = struct.unpack_from("<Q" if header.wide else "<i", start, 12)
            return Header(major, minor, revision, seen)
    raise WeightsError(
        f"the file is too short: {size} bytes do not even hold the header of a weights file; download it again", path
    )


def too_short(missing: int, place: str, hint: str = "") -> str:
    """What is wrong with a file that ends early: in words, by how many bytes and where (`parameters.ends_at`)."""
    return (
        f"the file is {missing} bytes too short for its cfg: it ends in {place}; {hint}is it another network's file, a "
        "partial one, or a broken download?"
    )


class WeightsWriter:
    """Writes a weights file at once and whole: it takes its place only when the block ends without an error.

    Use as a context manager. The header is version 0.``minor``.0 with ``seen``, or the ``header`` that is given.
    Raises `WeightsError` where the file cannot be written.
    """

    def __init__(self, path: str | Path, seen: int = 0, minor: int = 2, header: Header | None = None) -> None:
        self.path = Path(path)
        self._header = (header or Header(0, minor, 0, seen)).pack()
        self._stack = ExitStack()

    def __enter__(self) -> WeightsWriter:
        with self._errors(), ExitStack() as stack:
            part = stack.enter_context(whole_file(self.path))
            self._file = stack.enter_context(open(part, "wb"))
            self._file.write(self._header)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._errors():
            self._stack.__exit__(kind, error, trace)

    def put(self, values: NDArray[np.float32]) -> None:
        """Append float32 values."""
        with self._errors():
            self._file.write(np.ascontiguousarray(values, "<f4").data)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WeightsError(f"cannot write these weights: {error.strerror or error}", self.path) from None
