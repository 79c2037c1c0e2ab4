"""PNG files: filters, interlacing, colours, and damage that counts or does not."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from darknet_py.errors import ImageError
from darknet_py.image.load import load_image

from .image_files import PIXELS, chunk, png, raw_png, saved


@pytest.mark.parametrize("seed", range(6))
def test_png_filters_and_interlacing(seed: int) -> None:
    """Each row with a filter by chance, undone by the formulas of the PNG specification, value by value."""
    rng = np.random.default_rng(seed)
    height, width, samples = 9, 11, (3, 1, 4)[seed % 3]
    filtered = rng.integers(0, 256, (height, width * samples), dtype=np.uint8)
    kinds = rng.integers(0, 5, height)
    expected = np.zeros((height, width * samples), np.int64)
    for y in range(height):
        for i in range(width * samples):
            left = int(expected[y, i - samples]) if i >= samples else 0
            above = int(expected[y - 1, i]) if y else 0
            corner = int(expected[y - 1, i - samples]) if y and i >= samples else 0
            near = min((left, above, corner), key=lambda value, sum_=left + above - corner: abs(sum_ - value))
            guess = (0, left, above, (left + above) // 2, near)[kinds[y]]
            expected[y, i] = (int(filtered[y, i]) + guess) % 256
    rows = b"".join(bytes([kind]) + row.tobytes() for kind, row in zip(kinds.tolist(), filtered, strict=True))
    colour = {1: 0, 3: 2, 4: 6}[samples]
    found = load_image(png(width, height, 8, colour, rows), channels=0)
    assert np.array_equal(found, expected.reshape(height, width, samples))


def test_a_transparent_colour_becomes_alpha() -> None:
    rows = b"\0" + bytes([1, 2, 3, 4, 5, 6])
    data = png(2, 1, 8, 2, rows, chunk(b"tRNS", struct.pack(">3H", 4, 5, 6)))
    assert load_image(data, channels=0).tolist() == [[[1, 2, 3, 255], [4, 5, 6, 0]]]
    assert load_image(data).tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_wrong_check_sums_do_not_matter() -> None:
    data = bytearray(saved(PIXELS, "PNG"))
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    data[at + length : at + length + 8] = bytes(8)
    assert np.array_equal(load_image(bytes(data), channels=4), PIXELS)


@pytest.mark.parametrize("more", [{"width": 1 << 25, "height": 1}, {"width": 40000, "height": 40000}])
def test_larger_pngs_than_stb_image_reads(more: dict[str, int]) -> None:
    with pytest.raises(ImageError, match=r"more than Darknet reads|too short"):
        load_image(png(depth=8, colour=0, rows=bytes(10), **more))


def test_a_png_that_inflates_to_more_than_its_pixels_is_read() -> None:
    assert load_image(png(1, 1, 8, 0, b"\0\7" + bytes(10_000_000)), channels=1).tolist() == [[[7]]]


@pytest.mark.parametrize("colours", [b"", b"\5"])
def test_a_transparency_in_front_of_the_palette_is_refused(colours: bytes) -> None:
    parts = [(b"PLTE", bytes(range(9))), (b"tRNS", colours), (b"IDAT", zlib.compress(b"\0\1\2"))]
    assert load_image(raw_png(2, 1, 3, *parts)).tolist() == [[[3, 4, 5], [6, 7, 8]]]
    with pytest.raises(ImageError, match="in front of its palette"):
        load_image(raw_png(2, 1, 3, parts[1], parts[0], parts[2]))


@pytest.mark.parametrize("cut", [1, 2, 10, 20])
def test_stored_data_must_be_there(cut: int) -> None:
    """stb_image reads zeros behind the end of compressed data, but copies stored bytes only if it has them."""
    rows = bytes(4 * 6)
    stored = b"\x78\1\1" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows
    assert not load_image(raw_png(5, 4, 0, (b"IDAT", stored))).any()
    with pytest.raises(ImageError, match="end in the middle of a part that is not compressed"):
        load_image(raw_png(5, 4, 0, (b"IDAT", stored[:-cut])))


def test_stored_data_whose_number_the_end_completes() -> None:
    with pytest.raises(ImageError, match="end in the middle of a part that is not compressed"):
        load_image(raw_png(5, 4, 0, (b"IDAT", b"\x78\1\1\xff\xff")))
    with pytest.raises(ImageError, match="end in the middle of a part that is not compressed"):
        load_image(raw_png(5, 4, 0, (b"IDAT", b"\x78\1\1\x12\xff\xed")))


def test_compressed_data_may_end_in_zeros_that_are_not_there() -> None:
    fixed = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_FIXED)
    rows = bytes([0, 9, 8, 7, 6, 5])
    whole = fixed.compress(rows) + fixed.flush()
    without_check_sum = whole[:-4]  # its last bits, the end of the block, are zeros
    assert load_image(raw_png(5, 1, 0, (b"IDAT", without_check_sum)), channels=1)[0, :, 0].tolist() == [9, 8, 7, 6, 5]
    assert without_check_sum[-1] == 0
    assert load_image(raw_png(5, 1, 0, (b"IDAT", without_check_sum[:-1])), channels=1)[0, 4, 0] == 5
