"""Numbers of channels: grey, grey with alpha, RGB, RGB with alpha (``stbi__convert_format``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Samples = TypeVar("Samples", "NDArray[np.uint8]", "NDArray[np.uint16]")

OPAQUE = 255

_BAND = 1 << 18
"""Values that are worked on together: NumPy's temporaries may have 8 bytes for each."""


def bands(rows: int, row_values: int) -> Iterator[slice]:
    """All rows in pieces, so that temporaries stay small however large the picture is."""
    step = max(_BAND // max(row_values, 1), 1)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def look_up(table: NDArray[np.uint8], indices: NDArray[np.integer]) -> NDArray[np.uint8]:
    """``table[indices]``, band by band, for indices that are all in the table."""
    out = np.empty(indices.shape + table.shape[1:], table.dtype)
    table = np.ascontiguousarray(table)
    for band in bands(len(indices), indices.size // len(indices)):
        np.take(table, indices[band], axis=0, out=out[band], mode="clip")
    return out


def unpack(lines: NDArray[np.uint8], bits: int, width: int) -> NDArray[np.uint8]:
    """Rows of bytes -> rows of ``width`` samples of 1, 2, 4 or 8 bits, the first one in a byte's highest bits."""
    each = 8 // bits
    lines = lines[:, : -(-width // each)]
    out = np.empty((*lines.shape, each), np.uint8)
    for k in range(each):
        np.right_shift(lines, np.uint8(8 - bits * (k + 1)), out=out[:, :, k])
    out &= np.uint8((1 << bits) - 1)
    return out.reshape(len(lines), -1)[:, :width]


def to_channels(pixels: Samples, channels: int) -> Samples:
    """H x W x (1 to 4) samples -> H x W x ``channels``: alpha is dropped or opaque; RGB becomes grey by 77, 150, 29.

    The samples are bytes, or uint16 of the full range.
    """
    height, width, own = pixels.shape
    if channels == own:
        return pixels
    out = np.empty((height, width, channels), pixels.dtype)
    if channels >= 3:
        for k in range(3):  # one by one: copies of three values each are slow
            out[:, :, k] = pixels[:, :, k if own >= 3 else 0]
    elif own >= 3:
        for band in bands(height, width):
            red, green, blue = (pixels[band, :, k].astype(np.uint32) for k in range(3))
            out[band, :, 0] = (red * 77 + green * 150 + blue * 29) >> 8
    else:
        out[:, :, 0] = pixels[:, :, 0]
    if channels in (2, 4):
        out[:, :, channels - 1] = pixels[:, :, own - 1] if own in (2, 4) else np.iinfo(pixels.dtype).max
    return out
