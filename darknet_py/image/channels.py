"""Numbers of channels: grey, grey with alpha, RGB, RGB with alpha (``stbi__convert_format``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

OPAQUE = 255


def to_channels(pixels: Pixels, channels: int) -> Pixels:
    """H x W x (1 to 4) bytes -> H x W x ``channels``: alpha is dropped or opaque, RGB becomes grey by 77/150/29."""
    height, width, own = pixels.shape
    if channels == own:
        return pixels
    out = np.empty((height, width, channels), np.uint8)
    if channels >= 3:
        out[:, :, :3] = pixels[:, :, :3] if own >= 3 else pixels[:, :, :1]
    elif own >= 3:
        red, green, blue = (pixels[:, :, k].astype(np.uint16) for k in range(3))
        out[:, :, 0] = (red * 77 + green * 150 + blue * 29) >> 8
    else:
        out[:, :, 0] = pixels[:, :, 0]
    if channels in (2, 4):
        out[:, :, channels - 1] = pixels[:, :, own - 1] if own in (2, 4) else OPAQUE
    return out
