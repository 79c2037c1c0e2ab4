"""The picture that detections were found in: remembered as it was given, drawn when it is asked for."""

from __future__ import annotations

import io
import os
import weakref
from typing import TYPE_CHECKING

from ..errors import DarknetError

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..image.pixels import ImageLike
    from .detections import Detections

_WIDEST = 1600
"""Pixels of the longer side that a notebook is given: it shows no more."""


class Remembered:
    """An image as the caller gave it, which this keeps no copy of and does not keep alive.

    A path stays a path. Arrays and PIL images are referred to weakly: a list of detections of a whole video does not
    hold its frames. A file's bytes are not remembered.
    """

    def __init__(self, image: ImageLike, bgr: bool = False) -> None:
        self._path = os.fspath(image) if isinstance(image, (str, os.PathLike)) else None
        self._object = None if self._path is not None or isinstance(image, bytes) else _weak(image)
        self._bgr = bgr

    def get(self) -> tuple[ImageLike, bool] | None:
        """The image, and whether it is blue, green, red; None if it is gone."""
        image = self._path if self._path is not None else self._object() if self._object is not None else None
        return None if image is None else (image, self._bgr)

    def __getstate__(self) -> dict[str, object]:
        return {
            "_path": self._path,
            "_object": None,
            "_bgr": self._bgr,
        }  # a weak reference cannot go to another process


def _weak(image: ImageLike) -> weakref.ref[ImageLike] | None:
    try:
        return weakref.ref(image)
    except TypeError:
        return None


def draw(found: Detections, image: ImageLike | None, bgr: bool, labels: bool, percentages: bool) -> Image:
    """`Detections.plot`."""
    from PIL import Image as pillow

    from ..image.draw import draw_detections
    from ..image.pixels import as_pixels

    if image is None:
        remembered = None if found.source is None else found.source.get()
        if remembered is None:
            raise DarknetError("the picture is not at hand any more: give it, as in found.plot(image)")
        image, bgr = remembered
    pixels = as_pixels(image, bgr)
    size = pixels.shape[1], pixels.shape[0]
    if size != tuple(found.image_size):
        wanted = f"{found.image_size[0]} x {found.image_size[1]}"
        raise DarknetError(f"the picture has {size[0]} x {size[1]} pixels, but these are detections of one of {wanted}")
    return pillow.fromarray(draw_detections(pixels, found, labels=labels, percentages=percentages))


def png(found: Detections) -> bytes | None:
    """The drawn picture for a notebook, scaled down if it is large; None if it is not at hand."""
    try:
        picture = found.plot()
    except (DarknetError, OSError, MemoryError):
        return None
    picture.thumbnail((_WIDEST, _WIDEST))
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()
