"""A frame -> the blob that ``cv2.dnn``'s models make of it, with the values of OpenCV's own resizing.

OpenCV resizes bytes with weights of 11 bits; the same steps here give the same bytes, so that neither OpenCV nor one of
its versions is needed (``cv2.resize`` with ``INTER_LINEAR``, as OpenCV 4 computes it on x86-64).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import ImageError
from .arrays import to_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...typing import Array, Floats, Pixels


_ONE = 1 << 11
"""1 as a weight."""


def make_blob(frame: Array, size: tuple[int, int], scale: Floats, mean: Floats, swap_rb: bool, crop: bool) -> Floats:
    """``(resized frame - mean) * scale`` as 1 x channels x height x width.

    Args:
        frame: H x W x channels (or H x W), uint8, also as a ``cv2.UMat``.
        size: width and height of the blob.
        scale, mean: four values, for the channels in the blob's order.
        swap_rb: swap the first and the third channel.
        crop: keep the aspect and cut the middle out, instead of stretching.

    Raises:
        ImageError: the frame is no such array.
    """
    pixels = check_frame(frame)
    pixels = _cropped(pixels, *size) if crop else resize_bytes(pixels, *size)
    if swap_rb and pixels.shape[2] >= 3:
        pixels = pixels[:, :, [2, 1, 0, *range(3, pixels.shape[2])]]
    channels = pixels.shape[2]
    values = (pixels.astype(np.float32) - mean[:channels]) * scale[:channels]
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def check_frame(frame: Array) -> Pixels:
    """The frame as H x W x channels of uint8."""
    pixels = to_array(frame)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or 0 in pixels.shape or pixels.shape[2] > 4:
        raise ImageError(f"a frame is an H x W x channels array of uint8, not {pixels.dtype} of shape {pixels.shape}")
    return pixels


def resize_bytes(pixels: Pixels, w: int, h: int, factor: float | None = None) -> Pixels:
    """H x W x channels -> h x w x channels, bilinear between the centres of pixels.

    ``factor``: the enlargement that w and h were rounded from, if they were.
    """
    height, width = pixels.shape[:2]
    if w < 1 or h < 1:
        raise ImageError(f"cannot resize an image to {w} x {h} pixels")
    if (width, height) == (w, h):
        return pixels
    if (width, height) == (2 * w, 2 * h):  # OpenCV averages the four pixels
        wide = pixels.astype(np.int32)
        total = wide[::2, ::2] + wide[::2, 1::2] + wide[1::2, ::2] + wide[1::2, 1::2]
        return ((total + 2) >> 2).astype(np.uint8)
    left, right, weights = _between(width, w, factor, sideways=True)
    rows = pixels.astype(np.int32)
    rows = rows[:, left] * weights[0][None, :, None] + rows[:, right] * weights[1][None, :, None]
    upper, lower, weights = _between(height, h, factor, sideways=False)
    # 22 bits after the point are cut in steps, as the vector code does it.
    high = (rows[upper] >> 4) * weights[0][:, None, None] >> 16
    low = (rows[lower] >> 4) * weights[1][:, None, None] >> 16
    between: Pixels = ((high + low + 2) >> 2).clip(0, 255).astype(np.uint8)
    return between


def _between(
    size: int, out: int, factor: float | None, sideways: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """For each output pixel its two input pixels, and their weights in 2048ths (2 x out)."""
    place = ((np.arange(out) + 0.5) * (size / out if factor is None else 1 / factor) - 0.5).astype(np.float32)
    first = np.floor(place).astype(np.int64)
    part = place - first.astype(np.float32)
    if sideways:
        part[(first < 0) | (first >= size - 1)] = 0  # above and below, the border's row is mixed with itself
    # Each is rounded by itself: together they may be one more or less than 2048.
    weights = np.rint(np.stack([np.float32(1) - part, part]) * np.float32(_ONE)).astype(np.int32)
    return first.clip(0, size - 1), (first + 1).clip(0, size - 1), weights


def _cropped(pixels: Pixels, w: int, h: int) -> Pixels:
    height, width = pixels.shape[:2]
    factor = float(max(np.float32(w) / np.float32(width), np.float32(h) / np.float32(height)))
    resized = resize_bytes(pixels, max(w, round(width * factor)), max(h, round(height * factor)), factor)
    top, left = (resized.shape[0] - h) // 2, (resized.shape[1] - w) // 2
    return resized[top : top + h, left : left + w]
