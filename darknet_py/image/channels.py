"""Numbers of channels: grey, grey with alpha, RGB, RGB with alpha (``stbi__convert_format``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Samples = TypeVar("Samples", "NDArray[np.uint8]", "NDArray[np.uint16]")

OPAQUE = 255


def to_channels(pixels: Samples, channels: int) -> Samples:
    """H x W x (1 to 4) samples -> H x W x ``channels``: alpha is dropped or opaque; RGB becomes grey by 77, 150, 29.

    The samples are bytes, or uint16 of the full range.
    """
    height, width, own = pixels.shape
    if channels == own:
        return pixels
    out = np.empty((height, width, channels), pixels.dtype)
    if channels >= 3:
        out[:, :, :3] = pixels[:, :, :3] if own >= 3 else pixels[:, :, :1]
    elif own >= 3:
        red, green, blue = (pixels[:, :, k].astype(np.uint32) for k in range(3))
        out[:, :, 0] = (red * 77 + green * 150 + blue * 29) >> 8
    else:
        out[:, :, 0] = pixels[:, :, 0]
    if channels in (2, 4):
        out[:, :, channels - 1] = pixels[:, :, own - 1] if own in (2, 4) else np.iinfo(pixels.dtype).max
    return out
