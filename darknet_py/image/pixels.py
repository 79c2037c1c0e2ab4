"""Whatever a caller has for an image -> pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ImageError
from .load import load_image

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    ImageLike = str | Path | bytes | NDArray[np.uint8] | Image


def as_pixels(image: ImageLike, bgr: bool = False) -> NDArray[np.uint8]:
    """Any image that `Detector.detect` takes -> H x W x 3 uint8, RGB. Raises `ImageError`."""
    if isinstance(image, (str, os.PathLike, bytes)):
        return load_image(image)
    if not isinstance(image, np.ndarray):
        if not hasattr(image, "convert"):
            raise ImageError(f"an image is a path, bytes, a PIL image or an array, not {type(image).__name__}")
        image = np.asarray(image.convert("RGB"))
    if image.dtype != np.uint8:
        raise ImageError(f"an image array must be uint8 (values 0 to 255), not {image.dtype}")
    if image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(f"an image array must have shape H x W x 3, not {' x '.join(map(str, image.shape))}")
    return np.ascontiguousarray(image[:, :, ::-1] if bgr else image)
