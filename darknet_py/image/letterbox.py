"""Pixels -> the network's input, as Darknet does it (``load_image_stb``, ``resize_image``, ``letterbox_image``).

The ``..._pixels`` functions take an image as it was decoded and give the same bits as `to_planar` followed by the
function of that name, but never build the large image of floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import ImageError
from ..geometry import fitted_size
from ..kernels.codec.resize import Grid, columns_between, resize_into, to_planes
from ..kernels.runtime.denormals import denormals_as_zero

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..typing import Array, Pixels

    Planar = NDArray[np.float32]

BYTES = (np.arange(256) / 255.0).astype(np.float32)
"""A byte as float: ``(float)byte / 255.`` is a division of doubles, rounded to float."""

_GREY = np.float32(0.5)


def to_planar(pixels: Pixels) -> Planar:
    """H x W x C bytes -> C x H x W float32 from 0 to 1."""
    pixels = _checked(pixels, np.uint8)
    height, width, channels = pixels.shape
    out = np.empty((channels, height, width), np.float32)
    to_planes(out.reshape(-1), pixels.reshape(-1), BYTES, channels)
    return out


def resize(image: Planar, w: int, h: int) -> Planar:
    """C x H x W float32 -> C x h x w: two bilinear passes, columns first (``resize_image``).

    Darknet reads outside of its memory where ``h`` is 1; here such an image is the first row.
    """
    image = _checked(image, np.float32)
    out = np.empty((image.shape[0], *_checked_size(w, h)), np.float32)
    _resize_into(out, image, 0, 0, w, h)
    return out


def resize_pixels(pixels: Pixels, w: int, h: int) -> Planar:
    """H x W x C bytes -> C x h x w float32: `resize` of `to_planar`."""
    pixels = _checked(pixels, np.uint8)
    out = np.empty((pixels.shape[2], *_checked_size(w, h)), np.float32)
    _resize_into(out, pixels, 0, 0, w, h)
    return out


def crop_pixels(pixels: Pixels, w: int, h: int) -> Planar:
    """H x W x C bytes -> C x h x w float32: the middle of the image, scaled to ``w`` on its shorter side.

    Source: ``resize_min`` and ``crop_image`` of AlexeyAB's Darknet. Beyond the scaled image its border goes on.
    """
    height, width = pixels.shape[:2]
    new_w, new_h = (w, height * w // width) if width < height else (width * w // height, w)
    image = to_planar(pixels) if (new_w, new_h) == (width, height) else resize_pixels(pixels, new_w, new_h)
    rows, columns = (np.arange(side) + int((new - side) / 2) for side, new in ((h, new_h), (w, new_w)))
    cropped = image[:, rows.clip(0, new_h - 1)[:, None], columns.clip(0, new_w - 1)]
    return np.ascontiguousarray(cropped)


def letterbox(image: Planar, w: int, h: int) -> Planar:
    """C x H x W float32 fitted into C x h x w, keeping the aspect; grey bars fill the rest (``letterbox_image``)."""
    image = _checked(image, np.float32)
    channels, height, width = image.shape
    return _letterbox(image, channels, height, width, w, h)


def letterbox_pixels(pixels: Pixels, w: int, h: int) -> Planar:
    """H x W x C bytes -> C x h x w float32: `letterbox` of `to_planar`."""
    pixels = _checked(pixels, np.uint8)
    height, width, channels = pixels.shape
    return _letterbox(pixels, channels, height, width, w, h)


def _letterbox(image: Array, channels: int, height: int, width: int, w: int, h: int) -> Planar:
    boxed = np.full((channels, *_checked_size(w, h)), _GREY, np.float32)
    new_w, new_h = fitted_size(width, height, w, h)
    _resize_into(boxed, image, (w - new_w) // 2, (h - new_h) // 2, new_w, new_h)
    return boxed


def _resize_into(out: Planar, image: Array, left: int, top: int, w: int, h: int) -> None:
    """Write ``image`` (C x H x W floats or H x W x C bytes), resized to w x h, into ``out`` at (left, top)."""
    if w == 0 or h == 0:
        return
    _, out_height, out_width = out.shape
    if image.dtype == np.uint8:
        height, width, channels = image.shape
        source = Grid(start=0, plane=1, row=width * channels, step=channels, h=height, w=width)
    else:
        channels, height, width = image.shape
        source = Grid(start=0, plane=height * width, row=width, step=1, h=height, w=width)
    index, weight = np.empty(w, np.int64), np.empty(w, np.float32)
    target = Grid(start=top * out_width + left, plane=out_height * out_width, row=out_width, step=1, h=h, w=w)
    lines = np.empty(2 * w, np.float32)
    with denormals_as_zero(False):  # and rounded to nearest, whatever a library in this process has left behind
        columns_between(index, weight, width, w, source.step)
        resize_into(out.reshape(-1), target, image.reshape(-1), source, channels, BYTES, index, weight, lines)


def _checked(image: Array, dtype: type) -> Array:
    if image.dtype != dtype or image.ndim != 3 or 0 in image.shape:
        kind = "H x W x C array of uint8" if dtype is np.uint8 else "C x H x W array of float32"
        raise ImageError(f"an image must be an {kind} with no empty axis, not {image.dtype} of shape {image.shape}")
    view: Array = np.ascontiguousarray(image).view()
    view.flags.writeable = False  # kernels see one type, wherever the image comes from
    return view


def _checked_size(w: int, h: int) -> tuple[int, int]:
    """(h, w), for a new array."""
    if w < 1 or h < 1:
        raise ImageError(f"cannot resize an image to {w} x {h} pixels")
    return h, w
