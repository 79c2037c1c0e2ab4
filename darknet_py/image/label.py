"""Labels: text in a font of the right size, on a plate in the class's colour, in a place where it can be read."""

from __future__ import annotations

import bisect
import math
import unicodedata
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError

if TYPE_CHECKING:
    from ..typing import Pixels

SMALLEST = 10
"""Smallest font size, in pixels, that can be read with ease; long labels get down to 8."""

MOST_CHECKED = 200
"""How many of the last labels a new one is kept off: with thousands of boxes nothing can be read anyway."""


def label_size(width: int, height: int) -> int:
    """Font size for a picture: 3% of its size (the geometric mean of width and height), but readable."""
    return max(SMALLEST, round(0.03 * math.sqrt(width * height)))


class Placer:
    """Finds places for labels inside a picture, off the labels that are there already."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._taken: deque[tuple[int, int, int, int]] = deque(maxlen=MOST_CHECKED)

    def place(self, size: tuple[int, int], box: tuple[int, int, int], line: int) -> tuple[int, int]:
        """Upper left corner for a label.

        Above the box, else inside at its top, else below it, else inside at its bottom: the first of these that lies
        in the picture and covers no other label; if all of them do, the first that lies in the picture. Shifted to the
        left at the right border.

        Args:
            size: the label's width and height.
            box: left, top and bottom pixel of the box.
            line: width of the box's lines.
        """
        across, high = size
        left, top, bottom = box
        x = max(0, min(left, self.width - across))
        rows = [top - high, top + line, bottom + 1, bottom + 1 - line - high]
        inside = [y for y in rows if 0 <= y <= self.height - high] or [max(0, min(top, self.height - high))]
        y = next((y for y in inside if self._is_free(x, y, across, high)), inside[0])
        self._taken.append((x, y, across, high))
        return x, y

    def _is_free(self, x: int, y: int, across: int, high: int) -> bool:
        return all(
            x + across <= left or left + width <= x or y + high <= top or top + height <= y
            for left, top, width, height in self._taken
        )


def draw_label(
    picture: Pixels,
    text: str,
    size: int,
    colour: tuple[int, int, int],
    box: tuple[int, int, int],
    line: int,
    placer: Placer,
    font: str | None = None,
) -> None:
    """Draw a label at a box.

    Args:
        picture: H x W x 3, drawn upon.
        text: its text; cut short with an ellipsis if the picture is too narrow for it.
        size: font size in pixels.
        colour: the plate's; the text is black or white, whichever stands out.
        box: left, top and bottom pixel of the box.
        line: width of the box's lines.
        placer: knows where the picture's other labels are.
        font: a font file.
    """
    margin = max(1, size // 6)
    mask = text_mask(*fit(text, size, placer.width - 2 * margin, font), font)
    mask = np.pad(mask, ((margin, margin), (margin, margin)))[: placer.height, : placer.width]
    x, y = placer.place((mask.shape[1], mask.shape[0]), box, line)
    plate = np.array(colour, np.float32)
    ink = np.float32(0 if _luminance(colour) > 0.179 else 255)  # the better of the two contrasts, by WCAG 2
    weight = mask[:, :, None].astype(np.float32) / np.float32(255)
    picture[y : y + mask.shape[0], x : x + mask.shape[1]] = np.rint(plate + (ink - plate) * weight).astype(np.uint8)


def _luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (value / 255 for value in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def fit(text: str, size: int, width: int, font: str | None = None) -> tuple[str, int]:
    """Text and font size: smaller, then cut short, where the text would be wider than ``width``."""
    text = " ".join(text.split())
    length = text_length(text, size, font)
    if length > width:
        size = min(size, max(SMALLEST - 2, int(size * width / length)))
    if text_length(text, size, font) <= width:
        return text, size
    enough = bisect.bisect(range(1, len(text)), width, key=lambda count: text_length(_cut(text, count), size, font))
    return _cut(text, enough), size


def _cut(text: str, count: int) -> str:
    return text[:count].rstrip(", ") + "…"


def text_length(text: str, size: int, font: str | None = None) -> int:
    """Width of a line of text, in pixels."""
    face = load_font(size, font)
    length: float = face.getlength(writable(text, font))
    return math.ceil(length) * _zoom(face, size)


def text_mask(text: str, size: int, font: str | None = None) -> NDArray[np.uint8]:
    """A line of text as opacity, 0 to 255: H x W, with the font's full height so that labels are equally high."""
    from PIL import Image, ImageDraw

    face = load_font(size, font)
    line = writable(text, font)
    height = sum(face.getmetrics()) if _is_scalable(face) else face.getbbox("Ag")[3]
    picture = Image.new("L", (max(1, math.ceil(face.getlength(line))), height))
    ImageDraw.Draw(picture).text((0, 0), line, fill=255, font=face)
    zoom = _zoom(face, size)
    return np.asarray(picture).repeat(zoom, axis=0).repeat(zoom, axis=1)


@lru_cache(maxsize=64)
def load_font(size: int, font: str | None = None) -> Any:
    """A font file's font, or Pillow's own: a scalable one; where Pillow lacks FreeType, a small bitmap font."""
    from PIL import ImageFont, features

    try:
        if font is not None:
            return ImageFont.truetype(font, size)
        return ImageFont.load_default(size) if features.check("freetype2") else ImageFont.load_default()
    except (OSError, ImportError) as error:
        raise ImageError(f"cannot use this font: {error}", font) from error


def _is_scalable(face: Any) -> bool:
    return hasattr(face, "getmetrics")


def _zoom(face: Any, size: int) -> int:
    """How many times a bitmap font must be enlarged."""
    return 1 if _is_scalable(face) else max(1, round(size / 11))


def writable(text: str, font: str | None = None) -> str:
    """The text with the characters that a font lacks replaced: by their Latin base letters, else by a question mark."""
    return text if text.isascii() else "".join(writable_character(character, font) for character in text)


@lru_cache(maxsize=4096)
def writable_character(character: str, font: str | None) -> str:
    face = load_font(16, font)
    try:
        missing = bytes(face.getmask("\uffff"))  # no character: gives the sign for a missing one
        known = bytes(face.getmask(character)) != missing
    except UnicodeEncodeError:  # the bitmap font takes Latin-1 only
        known = character <= "\xff"
    return character if known else unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"
