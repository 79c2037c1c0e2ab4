"""GIF: its first frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..channels import OPAQUE, bands, to_channels
from .reader import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...typing import Pixels


_SIGNATURE = 6
_IMAGE, _EXTENSION, _GRAPHIC_CONTROL = 0x2C, 0x21, 0xF9
_HAS_PALETTE, _IS_INTERLACED = 0x80, 0x40
_LONGEST_STRING = 1 << 12
"""So many pixels at most come of one code, and so of one byte."""


def decode_gif(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode the first frame of a GIF file's bytes to H x W x C uint8 (`channels` 0: 4). Raises `ImageError`."""
    pixels = _Gif(Reader(data, name, "GIF")).decode()
    return to_channels(pixels, channels or 4)


class _Gif:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        reader.position = _SIGNATURE
        self.width, self.height = reader.little(2), reader.little(2)
        flags, self.background = reader.byte(), reader.byte()
        reader.position += 1
        reader.check_size(self.width, self.height, 4, self.width * self.height // _LONGEST_STRING)
        self.has_palette = bool(flags & _HAS_PALETTE)
        self.palette = self._read_palette(flags)
        self.transparent = -1

    def _read_palette(self, flags: int) -> Pixels:
        """256 colours with alpha; those that the file does not have are transparent."""
        count = 2 << (flags & 7) if flags & _HAS_PALETTE else 0
        palette = np.zeros((256, 4), np.uint8)
        palette[:count, :3] = self.reader.array(3 * count).reshape(-1, 3)
        palette[:count, 3] = OPAQUE
        return palette

    def decode(self) -> Pixels:
        reader = self.reader
        while True:
            block = reader.byte()
            if block == _IMAGE:
                return self._read_frame()
            if block != _EXTENSION:
                reader.fail("has no image")
            self._read_extension()

    def _read_extension(self) -> None:
        reader = self.reader
        if reader.byte() == _GRAPHIC_CONTROL:
            length = reader.byte()
            if length != 4:
                # stb_image goes on behind this block as if the extension ended there
                reader.position += length
                return
            flags = reader.byte()
            reader.position += 2
            index = reader.byte()
            if self.transparent >= 0:
                self.palette[self.transparent, 3] = OPAQUE
            self.transparent = index if flags & 1 else -1
            if self.transparent >= 0:
                self.palette[self.transparent, 3] = 0
        while (length := reader.byte()) != 0:
            reader.position += length

    def _read_frame(self) -> Pixels:
        reader = self.reader
        left, top, width, height = (reader.little(2) for _ in range(4))
        width = max(width, 1)
        flags = reader.byte()
        if left + width > self.width or top + height > self.height:
            reader.fail("has a frame that does not fit into its picture")
        palette = self.palette
        if flags & _HAS_PALETTE:
            palette = self._read_palette(flags)
            if self.transparent >= 0:
                palette[self.transparent, 3] = 0
        elif not self.has_palette:
            reader.fail("has no palette")
        indices, painted = self._read_indices(width, height)
        rows = _interlaced_rows(height) if flags & _IS_INTERLACED else np.arange(height)
        out = np.zeros((self.height, self.width, 4), np.uint8)
        out[:] = self._behind()
        colours = np.where(palette[:, 3:] == 0, np.uint8(0), palette)
        whole, rest = divmod(painted, width)
        lines = indices[: whole * width].reshape(whole, width)
        for band in bands(whole, width):
            out[top + rows[band], left : left + width] = colours[lines[band]]
        if rest:
            out[top + rows[whole], left : left + rest] = colours[indices[whole * width :]]
        return out

    def _behind(self) -> Pixels:
        """Pixels that the frame does not cover: the background's colour, red and blue exchanged (as in stb_image)."""
        if self.background == 0:
            return np.zeros(4, np.uint8)
        red, green, blue, _ = self.palette[self.background]
        return np.array([blue, green, red, OPAQUE], np.uint8)

    def _read_indices(self, width: int, height: int) -> tuple[Pixels, int]:
        """Colours of the frame's pixels in the order of the data, and how many of them the data have."""
        from ...kernels.codec.lzw import BROKEN, MOST_CODES, decode_lzw

        reader = self.reader
        bits = reader.byte()
        if bits > 12:
            reader.fail("has broken data")
        indices = np.zeros(width * height, np.uint8)
        start = min(reader.position, len(reader.data))
        tables = np.zeros((4, MOST_CODES), np.int32)
        painted = decode_lzw(indices, np.frombuffer(reader.data, np.uint8), start, bits, tables)
        if painted == BROKEN:
            reader.fail("has broken data")
        return indices[:painted], painted


def _interlaced_rows(height: int) -> NDArray[np.intp]:
    """Rows in the order in which an interlaced frame has them."""
    return np.concatenate([np.arange(first, height, step) for first, step in ((0, 8), (4, 8), (2, 4), (1, 2))])
