"""Whatever a caller has for an image -> pixels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ImageError
from .load import load_image, oriented

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    ImageLike = str | Path | bytes | NDArray[np.uint8] | Image

_HOW = {
    "u": "(image >> 8).astype(numpy.uint8) if it has 16 bits",
    "f": "(image * 255).astype(numpy.uint8) if its values go from 0 to 1",
    "b": "image.astype(numpy.uint8) * 255 if it is a mask",
}
"""How an array of another kind becomes one of bytes, by NumPy's letter for the kind."""


def as_pixels(image: ImageLike, bgr: bool = False, exif: bool = False) -> NDArray[np.uint8]:
    """Any image that `Detector.detect` takes -> H x W x 3 uint8, RGB.

    Args:
        image: a file's path or bytes; a PIL image of a mode whose values are colours (16 bits are cut to 8, alpha is
            dropped); or uint8 of shape H x W or H x W x 1 (grey), H x W x 3, or H x W x 4 (the last is dropped).
        bgr: the channels of the array (or PIL image) are blue, green, red.
        exif: a file's or PIL image's picture is turned as its camera noted; else there is an `OrientationWarning`.

    Raises:
        ImageError: it is something else, or cannot be read.
    """
    if isinstance(image, (str, os.PathLike, bytes, bytearray, memoryview)):
        return load_image(image, exif=exif or None)
    try:
        return _of_array(image if isinstance(image, np.ndarray) else _of_pillow(image, exif), bgr)
    except MemoryError:
        raise ImageError("this image does not fit into memory") from None


def _of_pillow(image: Image, exif: bool) -> NDArray[np.uint8]:
    if not (hasattr(image, "convert") and hasattr(image, "mode")):
        raise ImageError(f"an image is a path, bytes, a PIL image or an array, not {type(image).__name__}")
    from .pillow import orientation_of, pixels_of

    name = str(getattr(image, "filename", "") or "") or None
    return oriented(pixels_of(image, 3, name), orientation_of(image), exif or None, name)


def _of_array(image: NDArray[np.uint8], bgr: bool) -> NDArray[np.uint8]:
    if image.dtype != np.uint8:
        how = _HOW.get(image.dtype.kind)
        raise ImageError(
            f"an image array must be uint8 (values 0 to 255), not {image.dtype}" + (f"; give {how}" if how else "")
        )
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
        raise ImageError(
            "an image array must have shape H x W x 3, H x W x 4 or H x W, not " + " x ".join(map(str, image.shape))
        )
    if image.shape[2] == 1:
        return np.repeat(image, 3, axis=2)
    return np.ascontiguousarray(image[:, :, 2::-1] if bgr else image[:, :, :3])
