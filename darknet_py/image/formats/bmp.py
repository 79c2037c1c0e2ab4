"""BMP without compression: a palette of 1, 4 or 8 bits, or 16, 24 or 32 bits with masks.

stb_image 2.19 misplaces some kinds of these files (see `_Bmp`); what it makes of them is what Darknet sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..channels import OPAQUE, bands, look_up, to_channels, unpack
from .reader import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...typing import Pixels


_OS2, _INFO_MASKS, _V4, _V5 = 12, 56, 108, 124
_FILE_HEADER = 14
_RUN_LENGTH, _BIT_FIELDS = (1, 2), 3
_USUAL = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
_BUFFER = 128
"""stb_image reads a file in pieces of so many bytes; what it takes for a negative length leads to the next piece."""

_STRETCH = {1: (0xFF, 0), 2: (0x55, 0), 3: (0x49, 1), 4: (0x11, 0), 5: (0x21, 2), 6: (0x41, 4), 7: (0x81, 6), 8: (1, 0)}
"""A number of so many bits, times the first and shifted right by the second, is one of 8 bits."""


def decode_bmp(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a BMP file's bytes to H x W x C uint8 (`channels` 0: as in the file). Raises `ImageError`."""
    pixels = _Bmp(Reader(data, name, "BMP")).decode(channels)
    return to_channels(pixels, channels or pixels.shape[2])


class _Bmp:
    """Kinds of files that stb_image 2.19 misplaces:

    - Rows of one-bit pixels whose width is a multiple of 8 are taken to be one byte longer than they are.
    - Behind masks that follow a 40-byte header, as many bytes again are skipped.
    - The palette behind a 12-byte header is taken to be four colours shorter, the pixels to start 12 bytes later.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        reader.position = 10
        self.offset, self.header = _signed(reader.little(4)), reader.little(4)
        size = 2 if self.header == _OS2 else 4
        self.width, height = reader.little(size), reader.little(size)
        signed_height = height if self.header == _OS2 else _signed(height)
        self.is_bottom_up, self.height = signed_height > 0, abs(signed_height)
        planes, self.bits = reader.little(2), reader.little(2)
        if planes != 1:
            reader.fail("has a broken header")
        self.masks = (0, 0, 0, 0)
        self.hides_empty_alpha = False
        if self.header != _OS2:
            self._read_masks()

    def _read_masks(self) -> None:
        reader = self.reader
        compression = reader.little(4)
        if compression in _RUN_LENGTH:
            reader.fail("is run-length encoded, which Darknet does not read")
        reader.position += 20
        if self.header in (_V4, _V5):
            red, green, blue, alpha = (reader.little(4) for _ in range(4))
            self.masks = (red, green, blue, alpha)
            reader.position += 52 if self.header == _V4 else 68
            return
        if self.header == _INFO_MASKS:
            reader.position += 16
        if self.bits not in (16, 32):
            return
        if compression == 0 and self.bits == 32:
            self.masks = _USUAL
            self.hides_empty_alpha = True
        elif compression == 0:
            self.masks = (31 << 10, 31 << 5, 31, 0)
        elif compression == _BIT_FIELDS:
            self.masks = (reader.little(4), reader.little(4), reader.little(4), 0)
            if self.masks[0] == self.masks[1] == self.masks[2]:
                reader.fail("has broken masks")
        else:
            reader.fail("has a broken header")

    def decode(self, asked: int) -> Pixels:
        row = self._row_bytes()
        channels = 4 if self.masks[3] else 3
        self.reader.check_size(self.width, self.height, max(channels, asked), self.height * row)
        if self.bits == 1 and channels == 4 and asked < 3:
            self.reader.fail("has pixels of one bit and alpha, which Darknet leaves unset")
        pixels = self._decode_indexed(row) if self.bits < 16 else self._decode_direct(row)
        return to_channels(np.ascontiguousarray(pixels[::-1] if self.is_bottom_up else pixels), channels)

    def _row_bytes(self) -> int:
        """Bytes of a row, up to a multiple of four."""
        if self.bits < 16 and self.bits not in (1, 4, 8):
            self.reader.fail(f"has {self.bits} bits per pixel, which Darknet does not read")
        bits = self.bits if self.bits in (1, 4, 8, 16, 24) else 32
        row = -(-self.width * bits // 8)
        padded = -(-row // 4) * 4
        return padded + (1 if bits == 1 and self.width % 8 == 0 else 0)

    def _skip_to_pixels(self, passed: int) -> None:
        """Go to where stb_image takes the pixels to start; ``passed``: bytes of the palette."""
        reader = self.reader
        distance = self.offset - _FILE_HEADER - self.header - passed
        if distance >= 0:
            reader.position += distance
        else:
            reader.position = -(-reader.position // _BUFFER) * _BUFFER

    def _decode_indexed(self, row: int) -> Pixels:
        reader = self.reader
        entry = 3 if self.header == _OS2 else 4
        gap = self.offset - _FILE_HEADER - (24 if self.header == _OS2 else self.header)
        colours = int(gap / 3) if self.header == _OS2 else gap >> 2
        if colours == 0 or colours > 256:
            reader.fail("has a broken palette")
        palette = reader.array(max(colours, 0) * entry).reshape(-1, entry)[:, 2::-1]
        self._skip_to_pixels(colours * entry)
        lines = reader.array(row * self.height).reshape(self.height, row)
        indices = unpack(lines, self.bits, self.width)
        if indices.max() >= colours:
            reader.fail("uses colours of its palette that Darknet does not read")
        return look_up(palette, indices)

    def _decode_direct(self, row: int) -> Pixels:
        self._skip_to_pixels(0)
        lines = self.reader.array(row * self.height).reshape(self.height, row)
        if self.bits == 24:
            return lines[:, : 3 * self.width].reshape(self.height, self.width, 3)[:, :, ::-1]
        dtype = "<u2" if self.bits == 16 else "<u4"
        out = np.full((self.height, self.width, 4 if self.masks[3] else 3), OPAQUE, np.uint8)
        for band in bands(self.height, self.width):
            values = np.ascontiguousarray(lines[band, : self.width * int(dtype[2])]).view(dtype)
            for k, mask in enumerate(self.masks[: out.shape[2]]):
                out[band, :, k] = self._extract(values, mask)
        if self.hides_empty_alpha and not out[:, :, 3].any():
            out[:, :, 3] = OPAQUE
        return out

    def _extract(self, values: NDArray[np.uint16] | NDArray[np.uint32], mask: int) -> NDArray[np.uint32]:
        """The bits of a mask, stretched to 8 (``stbi__shiftsigned``)."""
        bits = mask.bit_count()
        if not 1 <= bits <= 8:
            self.reader.fail(f"has a mask of {bits} bits, which Darknet does not read")
        is_usual = self.bits == 32 and self.masks == _USUAL
        if mask >> 31 and not is_usual and bool((values >> 31).any()):
            # but for the usual order stb_image's masked values are signed, and it aborts at a negative one
            self.reader.fail(f"has a mask 0x{mask:08X} whose highest bit Darknet does not read")
        factor, shift = _STRETCH[bits]
        # the highest bit of the mask becomes the highest of 8
        distance = mask.bit_length() - 8
        aligned: NDArray[np.uint32] = values.astype(np.uint32) & np.uint32(mask)
        aligned = aligned >> np.uint32(distance) if distance >= 0 else aligned << np.uint32(-distance)
        if bits < 8:
            aligned = (aligned >> np.uint32(8 - bits)) * np.uint32(factor) >> np.uint32(shift)
        return aligned


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value
