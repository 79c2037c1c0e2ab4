"""TGA: true colour, grey or with a palette, plain or run-length encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..channels import bands, look_up, to_channels
from .reader import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...typing import Pixels


HEADER = 18

_PALETTE_KINDS, _PLAIN_KINDS, _GREY, _RUN_LENGTH = (1, 9), (2, 3, 10, 11), 3, 8
_PIXEL_BITS, _INDEX_BITS = (8, 15, 16, 24, 32), (8, 16)


@dataclass
class _Header:
    comment: int
    has_palette: bool
    kind: int
    palette_start: int
    palette_length: int
    palette_bits: int
    width: int
    height: int
    bits: int
    flags: int

    @property
    def is_known(self) -> bool:
        """Whether this is a header that stb_image takes for one of a TGA file."""
        if self.has_palette:
            fits = self.kind in _PALETTE_KINDS and self.palette_bits in _PIXEL_BITS and self.bits in _INDEX_BITS
        else:
            fits = self.kind in _PLAIN_KINDS and self.bits in _PIXEL_BITS
        return fits and self.width > 0 and self.height > 0


def _read_header(reader: Reader) -> _Header | None:
    comment, palette, kind = reader.byte(), reader.byte(), reader.byte()
    start, length, palette_bits = reader.little(2), reader.little(2), reader.byte()
    reader.position += 4
    width, height, bits, flags = reader.little(2), reader.little(2), reader.byte(), reader.byte()
    header = _Header(comment, palette == 1, kind, start, length, palette_bits, width, height, bits, flags)
    return header if palette <= 1 and header.is_known else None


def is_tga(data: bytes) -> bool:
    """Whether the bytes may be a TGA file's: it has no signature, only values that make sense."""
    return _read_header(Reader(data, None, "TGA")) is not None


def decode_tga(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a TGA file's bytes to H x W x C uint8 (`channels` 0: as in the file). Raises `ImageError`."""
    reader = Reader(data, name, "TGA")
    header = _read_header(reader)
    if header is None:
        reader.fail("has a broken header")
    is_encoded = header.kind >= _RUN_LENGTH
    bits = header.palette_bits if header.has_palette else header.bits
    is_grey = not header.has_palette and header.kind % _RUN_LENGTH == _GREY
    is_five_bits = bits == 15 or (bits == 16 and not is_grey)
    own = 3 if is_five_bits else bits // 8
    stored = -(-header.bits // 8)
    count = header.width * header.height
    least = count // 128 * (1 + stored) if is_encoded else count * stored
    reader.check_size(header.width, header.height, max(own, channels), least)
    reader.position += header.comment
    palette = _read_palette(reader, header, own, is_five_bits) if header.has_palette else None
    if is_encoded:
        values = _decode_runs(reader, count, stored)
    elif palette is None and not is_five_bits:
        values = np.frombuffer(reader.exactly(count * stored, "its pixels"), np.uint8).reshape(count, stored)
    else:
        values = reader.array(count * stored).reshape(count, stored)
    if palette is not None:
        indices = values[:, 0] if stored == 1 else _words(values)
        pixels = look_up(palette, np.where(indices < len(palette), indices, indices.dtype.type(0)))
    else:
        pixels = _from_five_bits(values) if is_five_bits else values
    if own >= 3 and not is_five_bits:
        pixels = pixels[:, [2, 1, 0, 3][:own]]
    picture = pixels.reshape(header.height, header.width, own)
    if not header.flags & 0x20:
        picture = picture[::-1]
    return to_channels(np.ascontiguousarray(picture), channels or own)


def _read_palette(reader: Reader, header: _Header, own: int, is_five_bits: bool) -> Pixels:
    if header.palette_length == 0:
        reader.fail("has an empty palette")
    # as in stb_image, the number of the first colour is taken for a number of bytes to skip
    reader.position += header.palette_start
    if is_five_bits:
        return _from_five_bits(reader.array(2 * header.palette_length).reshape(-1, 2))
    data = reader.exactly(header.palette_length * own, "its palette")
    return np.frombuffer(data, np.uint8).reshape(-1, own)


def _from_five_bits(values: Pixels) -> Pixels:
    """Two bytes of five bits for each of red, green, blue -> three bytes."""
    out = np.empty((len(values), 3), np.uint8)
    for band in bands(len(values), 1):
        words = _words(values[band])
        for k, shift in enumerate((10, 5, 0)):
            out[band, k] = (words >> shift & 31) * 255 // 31
    return out


def _words(values: Pixels) -> NDArray[np.uint16]:
    """Numbers of two bytes, the lower one first."""
    return np.ascontiguousarray(values).view("<u2")[:, 0]


def _decode_runs(reader: Reader, count: int, stored: int) -> Pixels:
    from ...kernels.codec.runs import decode_tga_runs

    values = np.zeros(count * stored, np.uint8)
    decode_tga_runs(values, np.frombuffer(reader.data, np.uint8), min(reader.position, len(reader.data)), stored)
    return values.reshape(count, stored)
