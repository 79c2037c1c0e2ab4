"""Decoding with Pillow: formats that stb_image does not know."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def decode_with_pillow(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a file's bytes to H x W x C uint8 (the first frame; 16 bits become 8). Raises `ImageError`."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                pixels = np.array(_converted(image, channels))
    except Exception as error:
        # Pillow's readers raise whatever a broken file makes them raise: OSError, SyntaxError, struct.error, ...
        reason = str(error) or type(error).__name__
        if isinstance(error, Image.UnidentifiedImageError):
            reason = "no known image format"
        raise ImageError(f"Pillow cannot read this image: {reason}", name) from None
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _converted(image: Image, channels: int) -> Image:  # type: ignore[name-defined]  # noqa: F821
    return image.convert(_MODES[channels or 3])
