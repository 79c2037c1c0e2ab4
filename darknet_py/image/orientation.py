"""The way a camera was held (EXIF's orientation): found in a file, and pixels turned by it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..typing import Pixels


UPRIGHT = 1
_KNOWN = range(1, 9)
_TAG, _SHORT, _LONG, _ENTRY = 0x0112, 3, 4, 12
_EXIF = b"Exif\0"
_FILL_BYTES = re.compile(b"\xff+")
_APP1, _SOS, _EOI = 0xE1, 0xDA, 0xD9
_ALONE = (0x01, *range(0xD0, 0xD9))
"""JPEG markers without a length behind them."""


def find_orientation(data: bytes) -> int:
    """Orientation that a JPEG or PNG file's EXIF data name: 1 (upright, or none that is valid) to 8.

    Whatever the bytes are, this takes no more steps than the file has segments, and raises nothing.
    """
    if data[:2] == b"\xff\xd8":
        return read_orientation(_exif_of_jpeg(data))
    if data[:4] == b"\x89PNG":
        return read_orientation(_exif_of_png(data))
    return UPRIGHT


def _exif_of_jpeg(data: bytes) -> bytes:
    """The first EXIF segment before the first scan; empty if there is none."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            filled = _FILL_BYTES.match(data, at + 1)
            at = filled.end() - 1 if filled else at + 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (_SOS, _EOI) or length < 2:
            break
        if marker == _APP1 and data[at + 4 : at + 9] == _EXIF:
            return data[at + 10 : at + 2 + length]
        at += 2 + length
    return b""


def _exif_of_png(data: bytes) -> bytes:
    """The first eXIf chunk, before or behind the pixels; empty if there is none."""
    at = 8
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"eXIf":
            body = data[at + 8 : at + 8 + length]
            return body[6:] if body[:5] == _EXIF else body
        if kind == b"IEND":
            break
        at += 12 + length
    return b""


def read_orientation(exif: bytes) -> int:
    """Orientation in EXIF data (a TIFF header and its first directory): 1 if it is missing or makes no sense."""
    order = {b"II*\0": "little", b"MM\0*": "big"}.get(exif[:4])
    if order is None:
        return UPRIGHT

    def number(at: int, size: int) -> int:
        return int.from_bytes(exif[at : at + size], order)  # type: ignore[arg-type]

    start = number(4, 4)
    for at in range(start + 2, min(start + 2 + _ENTRY * number(start, 2), len(exif) - _ENTRY + 1), _ENTRY):
        if number(at, 2) == _TAG:
            size = {_SHORT: 2, _LONG: 4}.get(number(at + 2, 2))
            value = number(at + 8, size) if size and number(at + 4, 4) == 1 else UPRIGHT
            return value if value in _KNOWN else UPRIGHT
    return UPRIGHT


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """H x W x C pixels, upright; orientations 5 to 8 exchange height and width."""
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    return pixels if orientation == UPRIGHT else pixels.copy()
