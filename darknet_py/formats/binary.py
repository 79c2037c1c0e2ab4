"""Bytes of files: reading them whole, and what a file is that was expected to be another one."""

from __future__ import annotations

import codecs
import errno
import os
import re
import struct
from pathlib import Path
from typing import IO

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CFG = re.compile(rb"\s*(?:[#;][^\n]*\n\s*)*\[[A-Za-z_0-9 \t]+\]")
_VERSION = struct.Struct("<iii")

LARGEST = 1 << 31
"""Most bytes of a file that is read whole: no image, list or table of the field comes near."""

_PART = 1 << 16

LONGEST_STREAM = 1 << 28
"""Most bytes of what has no known size, such as a pipe: it may have no end (``/dev/zero``)."""


def read_file(path: str | Path) -> bytes:
    """A file's bytes. Raises `OSError`, also for what has no end or is far too large, and `ValueError`."""
    with open(path, "rb") as file:
        if not Path(path).is_file():
            return read_stream(file)
        if os.fstat(file.fileno()).st_size > LARGEST:
            raise OSError(errno.EFBIG, f"has more than {LARGEST >> 20} MB")
        return file.read()


def read_stream(stream: IO[bytes]) -> bytes:
    """What a pipe or a device gives until its end. Raises `OSError` if that does not come."""
    data = read_start(stream, LONGEST_STREAM + 1)
    if len(data) > LONGEST_STREAM:
        raise OSError(errno.EFBIG, f"is no ordinary file and does not end within {LONGEST_STREAM >> 20} MB")
    return data


def read_start(stream: IO[bytes], length: int) -> bytes:
    """At most so many bytes, in memory for what there is. (``read(length)`` takes memory for all of them first.)"""
    parts: list[bytes] = []
    left = length
    while left > 0 and (part := stream.read(min(left, _PART))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def is_utf16(data: bytes) -> bool:
    """Whether a file looks like text in UTF-16: by its byte order mark, or by its zeros."""
    if data.startswith(_UTF16):
        return True
    start = data[:64]
    zeros, others = (start[1::2], start[::2]) if start[1:2] == b"\0" else (start[::2], start[1::2])
    return len(start) > 3 and not any(zeros) and 0 not in others


def is_text(start: bytes) -> bool:
    """Whether a file looks like text: it has no zeros, or those of UTF-16."""
    return b"\0" not in start or is_utf16(start)


def is_cfg(start: bytes) -> bool:
    """Whether a text begins like a cfg file: with a section, or with comments before it."""
    text = start.replace(b"\0", b"") if is_utf16(start) else start
    return _CFG.match(text.removeprefix(codecs.BOM_UTF8).removeprefix(_UTF16[0]).removeprefix(_UTF16[1])) is not None


def why_no_cfg(data: bytes) -> str:
    """What to say of a file with zero bytes that should be a cfg file."""
    if data.startswith(_UTF16):
        return "it is saved as UTF-16, and damaged; save it as UTF-8"
    if len(data) >= 16 and not is_utf16(data):
        major, minor, revision = _VERSION.unpack_from(data)
        if major in (0, 1) and 0 <= minor < 10 and 0 <= revision < 100:
            return "it looks like a weights file; are the cfg and the weights given in the wrong order?"
    return "it has binary data (a text file must be saved as UTF-8)"
