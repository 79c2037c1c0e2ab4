"""Pixels -> the network's input, as Darknet does it (``load_image_stb``, ``resize_image``, ``letterbox_image``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..kernels.resize import resize_columns, resize_rows, to_planes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Planar = NDArray[np.float32]

_TABLE = (np.arange(256) / 255.0).astype(np.float32)
"""A byte as float: ``(float)byte / 255.`` is a double division, rounded to float."""

GREY = np.float32(0.5)


def to_planar(pixels: NDArray[np.uint8]) -> Planar:
    """H x W x C bytes -> C x H x W float32 from 0 to 1."""
    height, width, channels = pixels.shape
    out = np.empty((channels, height, width), np.float32)
    to_planes(out.reshape(-1), np.ascontiguousarray(pixels).reshape(-1), _TABLE, channels)
    return out


def resize(image: Planar, w: int, h: int) -> Planar:
    """Resize to ``w`` x ``h`` in two bilinear passes, columns first (``resize_image``).

    Darknet reads outside of its memory where ``h`` is 1; here such an image is the first row.
    """
    channels, height, width = image.shape
    part = np.empty((channels, height, w), np.float32)
    out = np.empty((channels, h, w), np.float32)
    if part.size:
        resize_rows(part.reshape(-1), np.ascontiguousarray(image).reshape(-1), channels * height, width, w)
        resize_columns(out.reshape(-1), part.reshape(-1), channels, height, w, h)
    return out


def fitted_size(width: int, height: int, w: int, h: int) -> tuple[int, int]:
    """Size of a ``width`` x ``height`` image fitted into ``w`` x ``h``: floats compared, sizes by integer division."""
    if np.float32(w) / np.float32(width) < np.float32(h) / np.float32(height):
        return w, height * w // width
    return width * h // height, h


def letterbox(image: Planar, w: int, h: int) -> Planar:
    """Fit into ``w`` x ``h``, keeping the aspect; grey bars fill the rest (``letterbox_image``)."""
    channels, height, width = image.shape
    new_w, new_h = fitted_size(width, height, w, h)
    boxed = np.full((channels, h, w), GREY, np.float32)
    left, top = (w - new_w) // 2, (h - new_h) // 2
    boxed[:, top : top + new_h, left : left + new_w] = resize(image, new_w, new_h)
    return boxed
