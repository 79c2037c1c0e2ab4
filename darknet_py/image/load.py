"""Files -> pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def load_image(source: str | Path | bytes) -> NDArray[np.uint8]:
    """Decode an image: a path or a file's bytes -> H x W x 3 uint8, RGB. Raises `ImageError`."""
    from PIL import Image

    name = None if isinstance(source, bytes) else source
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return np.array(image.convert("RGB"))
    except Exception as error:
        raise ImageError(f"cannot read this image: {error}", name) from None
