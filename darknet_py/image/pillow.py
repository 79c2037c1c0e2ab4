"""Decoding with Pillow: formats that stb_image does not know."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ImageError
from .channels import to_channels

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    Pixels = NDArray[np.uint8]

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

_OWN_CHANNELS = {"1": 1, "L": 1, "I": 1, "F": 1, "LA": 2, "La": 2, "PA": 4, "RGBA": 4, "RGBa": 4}
"""Channels of the modes that do not become RGB."""


def decode_with_pillow(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a file's bytes to H x W x C uint8: the first frame, 16 bits cut to 8 (`channels` 0: as in the file).

    Raises:
        ImageError: Pillow does not read the file, or takes it for a decompression bomb.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # between once and twice Pillow's limit there is only this warning; beyond that an error
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                pixels = _to_bytes(image, channels)
    except UnidentifiedImageError:
        raise ImageError("Pillow knows no image format that begins like this file", name) from None
    except MemoryError:
        raise
    except Exception as error:
        # Pillow's readers raise whatever a broken file makes them raise: OSError, SyntaxError, struct.error, ...
        raise ImageError(f"Pillow cannot read this image: {str(error) or type(error).__name__}", name) from None
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _to_bytes(image: Image, channels: int) -> Pixels:
    mode = image.mode
    if mode == "I" or mode.startswith("I;16"):
        grey = (np.asarray(image).clip(0, 0xFFFF) >> 8).astype(np.uint8)
        return to_channels(grey[:, :, None], channels or 1)
    if not channels:
        channels = _OWN_CHANNELS.get(mode, 4 if "transparency" in image.info else 3)
    return np.array(image.convert(_MODES[channels]))
