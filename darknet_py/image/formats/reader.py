"""A cursor in a file's bytes, with what stb_image's readers do at its end: they go on reading zeros."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from ..reading import check_pixels, try_pillow

MOST_BYTES = (1 << 31) - 1
"""Size of the largest picture (stb_image counts in int)."""

LARGE = 1 << 24
"""Pixels from which on a file must be long enough to hold all of its image."""


class Reader:
    """The bytes of a file and a position in them.

    Attributes:
        data: the file.
        name: its name for messages, or None.
        position: where the next byte is read; may lie beyond the end.
    """

    def __init__(self, data: bytes, name: str | None, kind: str) -> None:
        self.data = data
        self.name = name
        self.kind = kind
        self.position = 0

    def fail(self, message: str) -> NoReturn:
        """Raise an ImageError that names the kind of file, the place, and what else can be tried."""
        place = min(self.position, len(self.data))
        raise ImageError(f"{self.kind} {message} (byte {place}); {try_pillow('reads some such files')}", self.name)

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return max(len(self.data) - self.position, 0)

    def padded(self, count: int) -> bytes:
        """The next ``count`` bytes; zeros beyond the end."""
        found = self.data[self.position : self.position + count]
        self.position += count
        return found + bytes(count - len(found))

    def exactly(self, count: int, what: str) -> bytes:
        """The next ``count`` bytes, or an error that says that there are too few for ``what``."""
        if count > self.left:
            self.position = len(self.data)
            self.fail(f"ends too early, in {what}")
        return self.padded(count)

    def array(self, count: int) -> NDArray[np.uint8]:
        """`padded` as an array."""
        return np.frombuffer(self.padded(count), np.uint8)

    def byte(self) -> int:
        """The next byte; 0 beyond the end."""
        position = self.position
        self.position += 1
        return self.data[position] if position < len(self.data) else 0

    def little(self, count: int) -> int:
        """A number of ``count`` bytes, lowest first."""
        return int.from_bytes(self.padded(count), "little")

    def big(self, count: int) -> int:
        """A number of ``count`` bytes, highest first."""
        return int.from_bytes(self.padded(count), "big")

    def check_size(
        self, width: int, height: int, channels: int, least_bytes: int, most_samples: int = MOST_BYTES
    ) -> None:
        """Refuse images without pixels, larger than Darknet reads, or large ones in too few bytes for them.

        Args:
            width, height: in pixels.
            channels: bytes of a pixel in the decoder's memory, or of the channels that are asked for if they are more.
            least_bytes: how many bytes are left at least in a whole file; a large image needs one at least.
            most_samples: the format's limit of width * height * channels.
        """
        size = f"{width} x {height} pixels"
        if width <= 0 or height <= 0:
            self.fail(f"says that it has {size}")
        check_pixels(width, height, self.name)
        if width * height * channels > most_samples:
            self.fail(f"says that it has {size}, more than Darknet reads")
        if width * height > LARGE and max(least_bytes, 1) > self.left:
            self.fail(f"is too short for its {size}")
