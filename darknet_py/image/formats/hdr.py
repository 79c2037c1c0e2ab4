"""Radiance HDR, brought to bytes by stb_image's default: a gamma of 2.2."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from ..channels import bands, to_channels
from .reader import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...typing import Pixels


_FORMAT = b"FORMAT=32-bit_rle_rgbe"
_SIZE = re.compile(rb"-Y \s*([+-]?\d{1,10}) *\+X \s*([+-]?\d{1,10})")
_EXPONENT_BIAS = 128 + 8
_GAMMA = float(np.float32(1) / np.float32(2.2))
_ENCODED_WIDTHS = range(8, 1 << 15)


def decode_hdr(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a Radiance file's bytes to H x W x C uint8 (`channels` 0: 3). Raises `ImageError`."""
    reader = Reader(data, name, "HDR")
    width, height = _read_header(reader)
    is_encoded = width in _ENCODED_WIDTHS
    least = height * 4 * (1 + 2 * -(-width // 127)) if is_encoded else 4 * width * height
    reader.check_size(width, height, 4 * (channels or 3), least)
    pixels = _decode_rows(reader, width, height) if is_encoded else None
    if pixels is None:
        flat = reader.exactly(4 * width * height, "its pixels")
        pixels = np.frombuffer(flat, np.uint8).reshape(height, width, 4)
    mantissas, exponents = pixels[:, :, :3], pixels[:, :, 3:]
    if channels in (1, 2):
        return to_channels(_to_bytes(mantissas.sum(axis=2, keepdims=True, dtype=np.uint16), exponents, 3), channels)
    return to_channels(_to_bytes(mantissas, exponents, 1), channels or 3)


def _read_header(reader: Reader) -> tuple[int, int]:
    """Width and height."""
    _line(reader)
    is_known = False
    while True:
        line = _line(reader)
        if not line:
            break
        is_known |= line == _FORMAT
    if not is_known:
        reader.fail("is of a kind that Darknet does not read")
    size = _SIZE.match(_line(reader))
    if not size:
        reader.fail("has its rows in an order that Darknet does not read")
    return int(size[2]), int(size[1])


def _line(reader: Reader) -> bytes:
    end = reader.data.find(b"\n", reader.position)
    if end < 0:
        reader.fail("ends too early, in its header")
    line = reader.data[reader.position : end]
    reader.position = end + 1
    return line


def _decode_rows(reader: Reader, width: int, height: int) -> Pixels | None:
    """Run-length encoded pixels; None if the rest of the file is not encoded."""
    from ...kernels.codec.runs import BROKEN, TRUNCATED, decode_hdr_rows

    planes = np.zeros(height * 4 * width, np.uint8)
    result = decode_hdr_rows(planes, np.frombuffer(reader.data, np.uint8), reader.position, width, height)
    if result == BROKEN:
        reader.fail("has broken data")
    if result == TRUNCATED:
        reader.position = len(reader.data)
        reader.fail("ends too early")
    if result > 0:
        # as in stb_image: wherever such a row stands, it is taken for the start of the whole image
        reader.position = result
        return None
    pixels: Pixels = planes.reshape(height, 4, width).transpose(0, 2, 1)
    return pixels


def _to_bytes(mantissas: NDArray[np.integer], exponents: Pixels, divisor: int) -> Pixels:
    """mantissa * 2^(exponent - 136) / divisor, to the power of 1 / 2.2, as a byte; an exponent of 0 means black."""
    table = np.zeros((256, 256 * divisor), np.uint8)
    for exponent in np.unique(exponents):
        if exponent == 0:
            continue
        scale = np.float32(math.ldexp(1.0, int(exponent) - _EXPONENT_BIAS))
        with np.errstate(over="ignore"):
            values = np.arange(256 * divisor, dtype=np.float32) * scale / np.float32(divisor)
            # the C library's own pow: NumPy's may round otherwise
            powers = np.array([math.pow(value, _GAMMA) for value in values.tolist()]).astype(np.float32)
            scaled = powers * np.float32(255) + np.float32(0.5)
        table[exponent] = np.minimum(scaled, np.float32(255)).astype(np.uint8)
    out = np.empty(mantissas.shape, np.uint8)
    for band in bands(len(out), out[0].size):
        out[band] = table[exponents[band], mantissas[band]]
    return out
