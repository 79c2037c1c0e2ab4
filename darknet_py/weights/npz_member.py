"""One array of an ``.npz`` file, read only once its header is known to fit: 2 MB of zip can be 2 GB of array."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..errors import WeightsError

if TYPE_CHECKING:
    from ..typing import Array

MOST_HEADER = 10_000
"""Bytes of an array's header; NumPy reads no longer ones either."""

MOST_NUMBERS = 3
"""Of an array of whole numbers."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

Check = Callable[[bool, str, tuple[int, ...]], None]
"""Whether an array is float32, its type in words, its shape -> nothing, or raises."""


def read_member(file: zipfile.ZipFile, member: str, path: str | Path, name: str, check: Check | None) -> Array:
    """Read an array.

    Args:
        file: the open file.
        member: the array's name in it.
        path: the file, for messages.
        name: the array, for messages.
        check: refuses what does not fit the network, before the values are read; None: any few whole numbers.

    Returns:
        The values; float32 in this machine's byte order where there is a ``check``.

    Raises:
        WeightsError: it does not fit, or is damaged.
        zipfile.BadZipFile, zlib.error, OSError, ...: as of `zipfile`.
    """
    info = file.getinfo(member)
    if info.compress_type not in _METHODS:  # Python inflates others without a limit
        raise WeightsError(f"{name} is compressed in a way that NumPy does not write", path)
    with file.open(info) as source:
        found, fortran, dtype = _read_header(source, path, name)
        if check is not None:
            check((dtype.kind, dtype.itemsize) == ("f", 4), str(dtype), found)
        elif dtype.kind not in "iu" or len(found) > 1 or math.prod(found) > MOST_NUMBERS:
            raise WeightsError(
                f"{name} must be whole numbers, at most {MOST_NUMBERS}, not {dtype} of shape {found}", path
            )
        size = math.prod(found) * dtype.itemsize
        data = source.read(size)
        if len(data) != size or source.read(1):
            length = f"ends after {len(data)}" if len(data) < size else "goes on after the last"
            raise WeightsError(f"{name} {length} of {size} bytes", path)
    values = np.frombuffer(data, dtype)
    values = values.reshape(found[::-1]).T if fortran else values.reshape(found)
    return values if check is None else np.ascontiguousarray(values, dtype.newbyteorder("="))


def _read_header(source: IO[bytes], path: str | Path, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it lies in Fortran's order, and type."""
    try:
        first: Any = _Front(source)
        version = np.lib.format.read_magic(first)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError("of a version that nobody has seen")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python, about odd expressions
            shape, fortran, dtype = read(first, MOST_HEADER)
    except (OSError, zipfile.BadZipFile):
        raise
    except Exception as error:  # it is a Python expression: parsing it can raise almost anything
        raise WeightsError(f"{name} has no array's header ({type(error).__name__})", path) from None
    if not all(type(extent) is int and extent >= 0 for extent in shape):
        raise WeightsError(f"{name} has the shape ({', '.join(map(str, shape))}), which no array has", path)
    return shape, fortran, dtype


class _Front:
    """The front of a file. NumPy believes a header's length, up to 4 GB, before it looks at it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_HEADER:
            raise ValueError("its length is beyond all headers")
        return self._source.read(size)
