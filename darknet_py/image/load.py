"""Files -> pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def load_image(source: str | Path | bytes, decoder: str = "stb", channels: int = 3) -> NDArray[np.uint8]:
    """Decode an image: a path or a file's bytes -> H x W x C uint8, RGB. Raises `ImageError`."""
    from PIL import Image

    name = None if isinstance(source, bytes) else source
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            pixels = np.array(image.convert("RGB") if channels == 3 else image)
            return pixels if pixels.ndim == 3 else pixels[:, :, None]
    except Exception as error:
        raise ImageError(f"cannot read this image: {error}", name) from None
