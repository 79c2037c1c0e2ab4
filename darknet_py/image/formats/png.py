"""PNG: all kinds of colours and depths, interlaced or not. As in stb_image, checksums are ignored."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ..channels import OPAQUE, bands, look_up, to_channels, unpack
from .reader import MOST_BYTES, Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...typing import Pixels

    Samples = NDArray[Any]

_SIGNATURE = 8
GREY, PALETTE = 0, 3

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by the colour type."""

_GREY_SCALE = {1: 255, 2: 85, 4: 17, 8: 1}

_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: first column, first row, and steps across and down of the seven passes of an interlaced image."""

_MOST_SAMPLES, _LONGEST_SIDE = 1 << 30, 1 << 24
"""Larger images stb_image refuses."""

_DEEPEST_RATIO = 1032
"""Deflated data can become at most so many times longer."""

_LONGEST_OUTPUT = 1 << 30
"""More inflated bytes than this behind an image's own are a trap."""

_ZEROS = 1 << 12

_STORED_HEADER = 4
"""Bytes in front of stored bytes: their number and its complement. Zeros alone are none."""


def decode_png(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a PNG file's bytes to H x W x C uint8 (`channels` 0: as in the file). Raises `ImageError`."""
    return _Png(Reader(data, name, "PNG"), channels).decode()


class _Png:
    def __init__(self, reader: Reader, asked: int) -> None:
        self.reader, self.asked = reader, asked
        self.width = self.height = self.depth = self.colour = 0
        self.is_interlaced = self.has_header = self.has_alpha = self.is_bare = False
        self.palette = np.zeros((256, 4), np.uint8)
        self.colours = 0
        self.transparent: list[int] | None = None
        self.deflated: list[bytes] = []

    def decode(self) -> Pixels:
        self._read_chunks()
        self._check_memory()
        pixels = self._samples(self._inflate())
        if self.colour == PALETTE:
            pixels = self._from_palette(pixels[:, :, 0])
        elif self.transparent is not None:
            pixels = _with_alpha(pixels, self.transparent)
        pixels = to_channels(pixels, self.asked or pixels.shape[2])
        return pixels if self.depth < 16 else (pixels >> 8).astype(np.uint8)

    # --- chunks ---

    def _read_chunks(self) -> None:
        reader = self.reader
        readers = {b"IHDR": self._read_header, b"PLTE": self._read_palette, b"tRNS": self._read_transparency}
        reader.position = _SIGNATURE
        while True:
            if reader.left < 8:
                reader.fail("ends too early")
            length, kind = reader.big(4), reader.padded(4)
            end = reader.position + length
            if not self.has_header and kind not in (b"IHDR", b"CgBI"):
                reader.fail("has no header in front")
            if kind == b"IEND":
                break
            if kind in readers:
                readers[kind](length)
            elif kind == b"IDAT":
                if self.colour == PALETTE and not self.colours:
                    reader.fail("has no palette in front of its data")
                self.deflated.append(reader.exactly(length, "its data"))
            elif kind == b"CgBI":
                # Apple's own kind: deflated data without zlib's header. Darknet leaves its blue and red exchanged.
                self.is_bare = True
            elif not kind[0] & 0x20:
                reader.fail(f"has a chunk {kind!r} that Darknet does not know")
            reader.position = end + 4
        if not self.deflated:
            reader.fail("has no data")

    def _read_header(self, length: int) -> None:
        reader = self.reader
        if self.has_header or length != 13:
            reader.fail("has a broken header")
        self.has_header = True
        self.width, self.height = reader.big(4), reader.big(4)
        self.depth, self.colour = reader.byte(), reader.byte()
        compression, filtering, interlacing = reader.byte(), reader.byte(), reader.byte()
        if self.depth not in (1, 2, 4, 8, 16) or self.colour not in _SAMPLES or (self.colour == 3 and self.depth == 16):
            reader.fail(f"has a kind of pixels that does not exist (colour type {self.colour}, {self.depth} bits)")
        if compression or filtering or interlacing > 1:
            reader.fail("has a broken header")
        self.is_interlaced = interlacing == 1
        most = 4 if self.colour == PALETTE else _SAMPLES[self.colour]
        reader.check_size(self.width, self.height, most, self._inflated_size() // _DEEPEST_RATIO, _MOST_SAMPLES)
        if max(self.width, self.height) > _LONGEST_SIDE:
            reader.fail(f"says that it has {self.width} x {self.height} pixels, more than Darknet reads")

    def _check_memory(self) -> None:
        """Refuse what makes stb_image run out of memory: its sizes in bytes are ints, with all channels asked for."""
        own = 4 if self.has_alpha else 3 if self.colour == PALETTE else _SAMPLES[self.colour]
        channels = max(own + (self.transparent is not None), self.asked) * (2 if self.depth == 16 else 1)
        if self.width * self.height * channels > MOST_BYTES:
            self.reader.fail(f"says that it has {self.width} x {self.height} pixels, more than Darknet reads")

    def _read_palette(self, length: int) -> None:
        if length > 768 or length % 3:
            self.reader.fail("has a broken palette")
        self.colours = length // 3
        self.palette[: self.colours, :3] = self.reader.array(length).reshape(-1, 3)
        self.palette[: self.colours, 3] = OPAQUE

    def _read_transparency(self, length: int) -> None:
        reader = self.reader
        if self.deflated:
            reader.fail("has its transparency behind its data")
        if self.colour == PALETTE:
            if not self.colours:
                reader.fail("has its transparency in front of its palette")
            if length > self.colours:
                reader.fail("has more transparencies than colours")
            self.has_alpha = True
            self.palette[:length, 3] = reader.array(length)
            return
        samples = _SAMPLES[self.colour]
        if samples % 2 == 0 or length != 2 * samples:
            reader.fail("has a broken transparency")
        values = [reader.big(2) for _ in range(samples)]
        if self.depth < 16:
            values = [(value & 0xFF) * _GREY_SCALE[self.depth] & 0xFF for value in values]
        self.transparent = values

    # --- pixels ---

    def _row_bytes(self, width: int) -> int:
        return (_SAMPLES[self.colour] * width * self.depth + 7) >> 3

    def _parts(self) -> list[tuple[int, int, int, int]]:
        """Column, row, step across and step down of each part of the image in the data that has pixels."""
        if not self.is_interlaced:
            return [(0, 0, 1, 1)]
        return [part for part in _PASSES if part[0] < self.width and part[1] < self.height]

    def _size(self, part: tuple[int, int, int, int]) -> tuple[int, int]:
        column, row, across, down = part
        return -((column - self.width) // across), -((row - self.height) // down)

    def _inflated_size(self) -> int:
        sizes = [self._size(part) for part in self._parts()]
        return sum((self._row_bytes(width) + 1) * height for width, height in sizes)

    def _inflate(self) -> bytes:
        reader, size = self.reader, self._inflated_size()
        data = b"".join(self.deflated)
        if not self.is_bare:
            method, flags = (data[:2] + b"\0\0")[:2]
            if (method << 8 | flags) % 31 or flags & 32 or method & 15 != 8:
                reader.fail("has broken data")
            data = data[2:]
        inflater = zlib.decompressobj(-15)
        try:
            rows = inflater.decompress(data, size)
            # stb_image inflates all there is, and reads zeros behind the end
            pieces = [inflater.unconsumed_tail, *[b"\0"] * _STORED_HEADER, bytes(_ZEROS)]
            surplus = 0
            for number, left in enumerate(pieces):
                while left and not inflater.eof:
                    more = inflater.decompress(left, 1 << 20)
                    rows += more[: size - len(rows)]
                    surplus += len(more)
                    left = inflater.unconsumed_tail
                    if surplus > _LONGEST_OUTPUT:
                        reader.fail("has data without end")
                if number <= _STORED_HEADER and _is_in_stored_block(inflater):
                    reader.fail("has data that end in the middle of a part that is not compressed")
        except zlib.error:
            reader.fail("has broken data")
        if not inflater.eof or len(rows) < size:
            reader.fail("has too few data for its pixels")
        return rows

    def _samples(self, rows: bytes) -> Samples:
        """All samples, height x width x samples of a pixel; grey ones of few bits stretched to 0 ... 255."""
        pixels = np.empty((self.height, self.width, _SAMPLES[self.colour]), np.uint16 if self.depth == 16 else np.uint8)
        start = 0
        for part in self._parts():
            column, row, across, down = part
            width, height = self._size(part)
            row_bytes = self._row_bytes(width)
            if self.depth < 8 and row_bytes > width:
                self.reader.fail(f"has a kind of pixels that does not exist (colour type {self.colour})")
            size = (row_bytes + 1) * height
            lines = self._unfilter(np.frombuffer(rows, np.uint8, size, start), row_bytes, height)
            pixels[row::down, column::across] = self._widen(lines, width)
            start += size
        return pixels

    def _unfilter(self, filtered: Pixels, row_bytes: int, height: int) -> Pixels:
        from ...kernels.codec.png_filters import unfilter

        lines = np.zeros((height + 1) * row_bytes, np.uint8)
        distance = max(_SAMPLES[self.colour] * self.depth // 8, 1) if self.depth >= 8 else 1
        if unfilter(lines, filtered, row_bytes, height, distance) != 0:
            self.reader.fail("has a row with a filter that does not exist")
        return lines.reshape(height + 1, row_bytes)[1:]

    def _widen(self, lines: Pixels, width: int) -> Samples:
        """Rows of bytes -> rows of samples."""
        height, count = len(lines), width * _SAMPLES[self.colour]
        if self.depth == 16:
            samples: Samples = lines.view(">u2").astype(np.uint16)
        elif self.depth == 8:
            samples = lines
        else:
            samples = unpack(lines, self.depth, count)
            if self.colour == GREY:
                samples *= np.uint8(_GREY_SCALE[self.depth])
        return samples.reshape(height, width, -1)

    def _from_palette(self, indices: Samples) -> Pixels:
        if indices.max() >= self.colours:
            self.reader.fail("uses colours that its palette does not have")
        return look_up(self.palette[:, : 4 if self.has_alpha else 3], indices)


def _is_in_stored_block(inflater: Any) -> bool:
    """Whether zlib would copy the next byte as it is: no code of Huffman's gives each byte for itself."""
    if inflater.eof:
        return False
    return all(inflater.copy().decompress(byte) == byte for byte in (bytes([value]) for value in range(256)))


def _with_alpha(pixels: Samples, transparent: list[int]) -> Samples:
    """One more channel: 0 where a pixel is the transparent colour, else opaque."""
    height, width, samples = pixels.shape
    out = np.full((height, width, samples + 1), np.iinfo(pixels.dtype).max, pixels.dtype)
    out[:, :, :samples] = pixels
    for band in bands(height, width * samples):
        out[band, :, samples][np.all(pixels[band] == np.array(transparent, pixels.dtype), axis=2)] = 0
    return out
