"""Photoshop's own files: the flattened picture in RGB, of 8 or 16 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..channels import OPAQUE, bands, to_channels
from .reader import MOST_BYTES, Reader

if TYPE_CHECKING:
    from ...typing import Pixels


_RGB = 3
_MOST_CHANNELS = 16


def decode_psd(data: bytes, channels: int = 3, name: str | None = None) -> Pixels:
    """Decode a PSD file's bytes to H x W x C uint8 (`channels` 0: 4). Raises `ImageError`."""
    reader = Reader(data, name, "PSD")
    reader.position = 4
    if reader.big(2) != 1:
        reader.fail("is of a version that Darknet does not read")
    reader.position += 6
    count, height, width, depth, mode = (reader.big(size) for size in (2, 4, 4, 2, 2))
    if count > _MOST_CHANNELS:
        reader.fail(f"has {count} channels; Darknet reads up to {_MOST_CHANNELS}")
    if depth not in (8, 16):
        reader.fail(f"has {depth} bits per channel; Darknet reads 8 or 16")
    if mode != _RGB:
        reader.fail("is not in RGB, which alone Darknet reads")
    for part in ("colours", "resources", "layers"):
        length = reader.big(4)
        if length > MOST_BYTES:
            reader.fail(f"has {part} of an absurd length")
        reader.position += length
    compression = reader.big(2)
    if compression > 1:
        reader.fail("is compressed in a way that Darknet does not read")
    found = min(count, 4)
    size = width * height
    # A picture is as large as its bytes, or its runs of up to 128; zeros stand for what is missing of small ones.
    # Darknet sees black where a file has no channels at all; a large picture has one at least.
    reader.check_size(width, height, 4, max(found, 1) * (size // 64 if compression else size * depth // 8))
    planes = np.zeros((4, size), np.uint8)
    if found < 4:
        planes[3] = OPAQUE
    if compression:
        _decode_runs(reader, planes[:found], 2 * height * count)
    else:
        for plane in planes[:found]:
            plane[:] = reader.array(size * depth // 8)[:: depth // 8]
    pixels = np.ascontiguousarray(planes.T).reshape(height, width, 4)
    if count >= 4:
        _remove_white(pixels)
    return to_channels(pixels, channels or 4)


def _decode_runs(reader: Reader, planes: Pixels, lengths: int) -> None:
    from ...kernels.codec.runs import BROKEN, decode_packed_bits

    reader.position += lengths
    for plane in planes:
        start = min(reader.position, len(reader.data))
        reader.position = decode_packed_bits(plane, np.frombuffer(reader.data, np.uint8), start)
        if reader.position == BROKEN:
            reader.position = start
            reader.fail("has broken data")


def _remove_white(pixels: Pixels) -> None:
    """Undo the white that Photoshop blends half transparent pixels with, in stb_image's arithmetic."""
    one, full = np.float32(1), np.float32(255)
    for band in bands(len(pixels), pixels[0].size):
        part = pixels[band]
        partial = (part[:, :, 3] != 0) & (part[:, :, 3] != OPAQUE)
        inverse = one / (part[partial][:, 3:].astype(np.float32) / full)
        values = part[partial][:, :3].astype(np.float32) * inverse + full * (one - inverse)
        # C converts by way of int: what lies below 0 wraps
        part[partial, :3] = values.astype(np.int32).astype(np.uint8)
