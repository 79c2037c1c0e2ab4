"""Pictures with boxes and labels, by the rules of Darknet's ``draw_detections``."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import ImageError
from ..formats.atomic import whole_file
from ..formats.text import as_unicode
from ..typing import Floats, Ints, Pixels
from .label import Placer, draw_label, label_size

Colour = tuple[int, int, int]

f32 = np.float32

WHEEL = ((1, 0, 1), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 1, 0), (1, 0, 0))
"""The colours between which Darknet's class colours lie."""

FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP", ".tga": "TGA", ".ppm": "PPM", ".tif": "TIFF",
    ".tiff": "TIFF", ".webp": "WEBP",
}  # fmt: skip
"""Formats that `save_image` writes, by suffix."""


class Drawable(Protocol):
    """What `draw_detections` reads of detections (`detect.detections.Detections`); arrays have a row for each class of
    each box."""

    @property
    def box(self) -> Floats:
        """Centre x, y, width, height, as fractions of the picture."""

    @property
    def confidence(self) -> Floats:
        """Probability, 0 to 1."""

    @property
    def class_id(self) -> Ints:
        """Number of the class."""

    @property
    def box_id(self) -> Ints:
        """Number of the box: rows of one box stand side by side and share it."""

    @property
    def track_ids(self) -> Sequence[int]:
        """Number of the object of each row, over the frames of a video; empty where none is followed."""

    @property
    def classes(self) -> int:
        """How many classes there are."""

    def class_name(self, class_id: int) -> str:
        """The name of a class."""


def draw_detections(
    pixels: Pixels, detections: Drawable, labels: bool = True, font: str | Path | None = None,
    percentages: bool = False, *, copy: bool = True,
) -> Pixels:  # fmt: skip
    """A copy of a picture with boxes and labels drawn on it.

    Boxes come out pixel for pixel as Darknet draws them (width 0.6% of the picture's height, colour by class, clipped),
    except that lines are at least one pixel wide: Darknet draws none on pictures less than 167 pixels high. A box with
    several classes has the first one's colour and all their names. Labels are drawn after all boxes, in a scalable font
    instead of Darknet's bitmaps, and never reach beyond the picture.

    Args:
        pixels: H x W x 3, uint8, RGB.
        detections: what was found in it, in final order.
        labels: whether to write the class names.
        font: a font file for them (TrueType, OpenType). The font that comes with Pillow knows Latin letters only.
        percentages: write each class's probability behind its name, as the lines of text have it.
        copy: False: draw on the array itself, where it can be written to.

    Behind the names of an object that is followed over frames its number is written.

    Raises:
        ImageError: the array is not a picture, the font cannot be used, or there is not enough memory.
    """
    check_pixels(pixels)
    try:
        fit = not copy and pixels.flags.writeable and pixels.flags.c_contiguous
        return _drawn(pixels if fit else np.array(pixels, order="C"), detections, labels, font, percentages)
    except MemoryError:
        raise ImageError("there is not enough memory to draw this picture") from None


def _drawn(picture: Pixels, detections: Drawable, labels: bool, font: str | Path | None, percentages: bool) -> Pixels:
    height = picture.shape[0]
    width = max(1, int(height * 0.006))
    size = label_size(picture.shape[1], height)
    placer = Placer(picture.shape[1], height)
    font = None if font is None else str(font)
    marked = [
        (box, names, class_colour(class_id, detections.classes))
        for box, names, class_id in _by_box(detections, percentages)
    ]
    for box, _, colour in marked:
        _draw_box(picture, _edges(box, picture), width, colour)
    for box, names, colour in marked if labels else ():
        left, _, top, bottom = _edges(box, picture)
        draw_label(picture, ", ".join(map(as_unicode, names)), size, colour, (left, top, bottom), width, placer, font)
    return picture


def _by_box(detections: Drawable, percentages: bool) -> Iterator[tuple[Floats, list[str], int]]:
    """Box, class names and first class of each box: rows of one box stand side by side."""
    start = 0
    ids = detections.box_id
    for stop in range(1, len(ids) + 1):
        if stop == len(ids) or ids[stop] != ids[start]:
            names = [detections.class_name(class_id) for class_id in detections.class_id[start:stop]]
            if percentages:
                scores = detections.confidence[start:stop] * f32(100)
                names = [f"{name} {float(score):.0f}%" for name, score in zip(names, scores, strict=True)]
            if detections.track_ids:
                names[-1] += f" #{detections.track_ids[start]}"
            yield detections.box[start], names, int(detections.class_id[start])
            start = stop


def _edges(box: Floats, picture: Pixels) -> tuple[int, int, int, int]:
    """Left, right, top and bottom pixel of a box, clipped as in ``draw_detections``."""
    height, width = picture.shape[:2]
    x, y, w, h = (float(value) for value in box)
    left, right = (x - w / 2) * width, (x + w / 2) * width
    top, bottom = (y - h / 2) * height, (y + h / 2) * height
    return (
        max(0, _to_int(left)), min(width - 1, _to_int(right)), max(0, _to_int(top)), min(height - 1, _to_int(bottom)),
    )  # fmt: skip


def _to_int(value: float) -> int:
    """C's conversion to int, towards zero; of numbers beyond it, a large one of the same sign."""
    if math.isnan(value):
        return 0
    return int(max(-(2.0**30), min(2.0**30, value)))


def _draw_box(picture: Pixels, edges: tuple[int, int, int, int], width: int, colour: Colour) -> None:
    """Frames of one pixel inside each other (``draw_box_width``), each clipped for itself (``draw_box``)."""
    height, across = picture.shape[:2]
    left, right, top, bottom = edges
    for i in range(width):
        x1, x2 = (min(max(x, 0), across - 1) for x in (left + i, right - i))
        y1, y2 = (min(max(y, 0), height - 1) for y in (top + i, bottom - i))
        picture[[y1, y2], x1 : x2 + 1] = colour
        picture[y1 : y2 + 1, [x1, x2]] = colour


def class_colour(class_id: int, classes: int) -> Colour:
    """The colour of a class, as bytes (``get_color`` with ``class*123457 % classes``, then ``save_image``).

    The product is a C int, which wraps from class 17395 on; Darknet then reads outside its colours, here the offset is
    brought back into range.
    """
    product = (class_id * 123457 + 2**31) % 2**32 - 2**31
    offset = int(math.fmod(product, classes)) % classes
    red, green, blue = (int(f32(255) * _get_color(channel, offset, classes)) for channel in (2, 1, 0))
    return red, green, blue


def _get_color(channel: int, x: int, largest: int) -> np.float32:
    ratio = f32(x) / f32(largest) * f32(5)
    i, j = math.floor(ratio), math.ceil(ratio)
    ratio = ratio - f32(i)
    color: f32 = (f32(1) - ratio) * f32(WHEEL[i][channel]) + ratio * f32(WHEEL[j][channel])
    return color


def check_pixels(pixels: Pixels) -> None:
    """Raise `ImageError` unless an array is H x W x 3 of uint8, with at least one pixel."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        found = f"{pixels.dtype} of shape {pixels.shape}" if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise ImageError(f"a picture is an array of uint8 with shape H x W x 3, not {found}")
    if 0 in pixels.shape:
        raise ImageError(f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels has nothing in it")


def save_image(path: str | Path, pixels: Pixels) -> None:
    """Write a picture in the format that the suffix names; JPEG at quality 95. The file appears at once and whole.

    Args:
        path: where to; .jpg, .jpeg, .png, .bmp, .tga, .ppm, .tif, .tiff or .webp.
        pixels: H x W x 3, uint8, RGB.

    Raises:
        ImageError: unknown suffix, no picture, or the file cannot be written.
    """
    write_image(path, encode_image(path, pixels))


def write_image(path: str | Path, content: bytes) -> None:
    """Write what `encode_image` gave. Raises `ImageError` if the file cannot be written."""
    try:
        with whole_file(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise ImageError(f"cannot be written: {error.strerror or error}", path) from error


def encode_image(path: str | Path, pixels: Pixels) -> bytes:
    """The content of the file that `save_image` writes; arguments and errors as there."""
    from PIL import Image

    check_pixels(pixels)
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ImageError(f"cannot write pictures with suffix '{suffix}'; choose from {', '.join(FORMATS)}", path)
    options = {"quality": 95, "subsampling": 0} if FORMATS[suffix] == "JPEG" else {}
    content = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(pixels)).save(content, format=FORMATS[suffix], **options)
    except OSError as error:
        raise ImageError(f"cannot be written: {error.strerror or error}", path) from error
    except MemoryError:
        raise ImageError("cannot be written: there is not enough memory for this picture", path) from None
    return content.getvalue()
