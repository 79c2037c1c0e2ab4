"""Pillow's images: files that stb_image does not know, and images that callers have opened or made."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ImageError
from .channels import to_channels
from .orientation import UPRIGHT
from .reading import check_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from ..typing import Pixels


_AS = {
    "1": "L", "L": "L", "LA": "LA", "P": "RGB", "PA": "RGBA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB",
    "CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB",
}  # fmt: skip
"""Modes of 8 bits whose colours are known, and the mode in which their values are taken."""

_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
_ORIENTATION = 0x0112
_KNOWN = range(1, 9)


def decode_with_pillow(data: bytes, channels: int = 3, name: str | None = None) -> tuple[Pixels, int]:
    """Decode a file's bytes: the first frame, 16 bits cut to 8 (`channels` 0: as in the file).

    Returns:
        H x W x C uint8, and the EXIF orientation (1 to 8). Pillow turns TIFF images itself: theirs is 1.

    Raises:
        ImageError: Pillow does not read the file, or takes it for a decompression bomb, or its values are no colours.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), _errors_as_ours(name):
            # between once and twice Pillow's limit there is only this warning; beyond that an error
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                return pixels_of(image, channels, name), orientation_of(image)
    except UnidentifiedImageError:
        raise ImageError("Pillow knows no image format that begins like this file", name) from None


@contextmanager
def _errors_as_ours(name: str | None) -> Iterator[None]:
    """Pillow's readers raise whatever a broken file makes them raise: OSError, SyntaxError, struct.error, ..."""
    from PIL import UnidentifiedImageError

    try:
        yield
    except (ImageError, MemoryError, UnidentifiedImageError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise ImageError(f"Pillow cannot read this image: {text or type(error).__name__}", name) from None


def pixels_of(image: Image, channels: int = 3, name: str | None = None) -> Pixels:
    """A Pillow image's values -> H x W x C uint8, as stb_image has them of a file: 16 bits >> 8, alpha as it is.

    Raises:
        ImageError: the mode has no such values, or the image cannot be read.
    """
    with _errors_as_ours(name):
        check_pixels(*image.size, name)
        image.load()
        if image.mode in _DEEP or image.mode == "I":
            return to_channels(_high_bytes(np.asarray(image), image.mode, name), channels or 1)
        return _bytes(image, channels, name)


def _high_bytes(values: NDArray[np.integer], mode: str, name: str | None) -> Pixels:
    """16 bits -> 8. Mode I has 32 bits, of which 16 may be used, and which somebody may take for 8."""
    if mode == "I" and values.size and (values.min() < 0 or values.max() > 0xFFFF):
        raise ImageError(
            f"an image of mode I has values from 0 to 65535 (16 bits), not {values.min()} to {values.max()}", name
        )
    if mode == "I" and values.size and 0 < values.max() <= 0xFF:
        raise ImageError(
            "an image of mode I has 16 bits, of which the upper 8 count, but here all of them are 0; "
            'if its values are meant as 0 to 255, give image.convert("L")', name,
        )  # fmt: skip
    return (values >> 8).astype(np.uint8)[:, :, None]


def _bytes(image: Image, channels: int, name: str | None) -> Pixels:
    mode = _AS.get(image.mode)
    if mode is None:
        raise ImageError(
            f"an image of Pillow's mode {image.mode} has no colours from 0 to 255; make an RGB image of it first", name
        )
    # a palette's colours are those of RGBA, too, and Pillow would complain about the way to RGB
    if "transparency" in image.info and (image.mode == "P" or channels in (2, 4) or (channels == 0 and mode == "RGB")):
        mode = "RGBA"
    pixels = np.asarray(image if mode == image.mode else image.convert(mode))
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    pixels = to_channels(pixels, channels or pixels.shape[2])
    return pixels if pixels.flags.owndata and pixels.flags.writeable else pixels.copy()


def orientation_of(image: Image) -> int:
    """A Pillow image's EXIF orientation: 1 to 8; 1 if its EXIF data are missing or broken."""
    try:
        orientation = image.getexif().get(_ORIENTATION, UPRIGHT)
    except Exception:  # whatever Pillow's readers raise: the pixels are there without it
        return UPRIGHT
    return orientation if isinstance(orientation, int) and orientation in _KNOWN else UPRIGHT
