"""libdarknet's structs that both Python wrappers share, as ctypes has them, and numpy's view of what they point to."""

from __future__ import annotations

import ctypes as ct
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DarknetError, ImageError
from ..image.letterbox import letterbox, resize, to_planar
from ..image.load import load_image as read_image

if TYPE_CHECKING:
    from ..typing import Floats


FloatPointer = ct.POINTER(ct.c_float)

Pointer = Any
"""A pointer of ctypes, or what scripts pass for one (``byref``, an array): its types are made at run time."""


class BOX(ct.Structure):
    """Centre x, y, width, height."""

    _fields_ = (("x", ct.c_float), ("y", ct.c_float), ("w", ct.c_float), ("h", ct.c_float))


class IMAGE(ct.Structure):
    """``data`` are c x h x w floats from 0 to 1. One that is made here owns them; freeing is left to Python."""

    _fields_ = (("w", ct.c_int), ("h", ct.c_int), ("c", ct.c_int), ("data", FloatPointer))


class METADATA(ct.Structure):
    """A data file's number of classes, and their names as bytes."""

    _fields_ = (("classes", ct.c_int), ("names", ct.POINTER(ct.c_char_p)))


def text(value: object) -> str:
    """A path that a script gives as bytes or str."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def to_pointer(values: Floats) -> Pointer:
    """A pointer to a copy of the values, which lives as long as the pointer or a struct that it is put into."""
    buffer: Any = (ct.c_float * max(values.size, 1))()
    np.frombuffer(buffer, np.float32)[: values.size] = values.reshape(-1)
    return ct.cast(buffer, FloatPointer)


def to_image(planar: Floats) -> IMAGE:
    """C x H x W values as an image of its own."""
    channels, height, width = planar.shape
    return IMAGE(width, height, channels, to_pointer(planar))


def planes(image: IMAGE, count: int = 1) -> Floats:
    """An image's values, C x H x W, not copied; ``count`` such images that follow one another, as one array.

    The image lives as long as the array.

    Raises:
        ImageError: it has no data.
    """
    if not isinstance(image, ct.Structure) or not image.data or min(image.w, image.h, image.c, count) < 1:
        raise ImageError("this IMAGE is empty (make_image and load_image make one)")
    shape = (count * image.c, image.h, image.w)
    kind: Any = ct.c_float * (shape[0] * shape[1] * shape[2])
    array = kind.from_address(ct.addressof(image.data.contents))
    array.owner = image  # np.ctypeslib.as_array would let the image go, and its values with it
    return np.frombuffer(array, np.float32).reshape(shape)


def floats_at(values: Pointer, count: int) -> Floats:
    """``count`` values that a script gives as a ctypes array, a pointer or a NumPy array.

    Raises:
        DarknetError: there are fewer (of a pointer that is not known).
    """
    if isinstance(values, ct._Pointer):
        return np.ctypeslib.as_array(values, (count,)).astype(np.float32)
    found = np.asarray(values, np.float32).reshape(-1)
    if found.size < count:
        raise DarknetError(f"the network reads {count} values, but only {found.size} are given")
    return found[:count]


def make_image(w: int, h: int, c: int) -> IMAGE:
    """A black image."""
    if min(w, h, c) < 1:
        raise ImageError(f"an image cannot be {w} x {h} x {c}")
    return to_image(np.zeros((c, h, w), np.float32))


def load_image(filename: str | bytes, w: int = 0, h: int = 0) -> IMAGE:
    """Read an image file; with w and h, stretched to that size (``load_image_color``).

    Raises:
        ImageError: it cannot be read.
    """
    planar = to_planar(read_image(text(filename)))
    if w and h and planar.shape[1:] != (h, w):
        planar = resize(planar, w, h)
    return to_image(planar)


def letterbox_image(im: IMAGE, w: int, h: int) -> IMAGE:
    """Fitted into w x h, with grey bars."""
    return to_image(letterbox(planes(im), w, h))


def rgbgr_image(im: IMAGE) -> None:
    """Swap red and blue, in place."""
    values = planes(im)
    values[[0, 2]] = values[[2, 0]]


def copy_image_from_bytes(im: IMAGE, pdata: bytes) -> None:
    """Fill an image from h x w x c bytes.

    Raises:
        ImageError: there are fewer bytes.
    """
    values = planes(im)
    data = np.frombuffer(pdata, np.uint8)
    if data.size < values.size:
        raise ImageError(f"an IMAGE of {im.w} x {im.h} x {im.c} takes {values.size} bytes, not {data.size}")
    values[:] = to_planar(data[: values.size].reshape(im.h, im.w, im.c))


def free_image(m: IMAGE) -> None:
    """Nothing: Python frees an image when it has no reference any more."""
