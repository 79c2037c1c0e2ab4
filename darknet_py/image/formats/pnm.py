"""PGM and PPM with binary samples of one byte (P5 and P6)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ..channels import to_channels
from .reader import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPACE, _COMMENT = re.compile(rb"[ \t\n\v\f\r]*"), re.compile(rb"#[^\n\r]*")
_DIGITS = re.compile(rb"[0-9]{0,10}")


def decode_pnm(data: bytes, channels: int = 3, name: str | None = None) -> NDArray[np.uint8]:
    """Decode a PGM or PPM file's bytes to H x W x C uint8 (`channels` 0: as in the file). Raises `ImageError`.

    As in stb_image, samples are taken as they are, whatever the greatest value is said to be, up to 255.
    """
    reader = Reader(data, name, "PNM")
    own = 3 if data[:2] == b"P6" else 1
    reader.position = 2
    width, height, most = (_number(reader) for _ in range(3))
    if most > 255:
        reader.fail(f"has samples up to {most}; Darknet reads up to 255")
    reader.position += 1
    size = width * height * own
    reader.check_size(width, height, max(own, channels), size)
    pixels = np.frombuffer(reader.exactly(size, "its pixels"), np.uint8).reshape(height, width, own)
    return to_channels(pixels, channels or own)


def _number(reader: Reader) -> int:
    """The next number of the header, 0 if there is none; blanks and comments before it are passed."""
    _take(reader, _SPACE)
    while _take(reader, _COMMENT):
        _take(reader, _SPACE)
    return int(_take(reader, _DIGITS) or b"0")


def _take(reader: Reader, pattern: re.Pattern[bytes]) -> bytes:
    """What stands here of the pattern; it is passed."""
    found = pattern.match(reader.data, reader.position)
    reader.position = found.end() if found else reader.position
    return found.group() if found else b""
