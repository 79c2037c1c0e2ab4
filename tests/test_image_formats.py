"""Formats other than JPEG: files built here, damaged ones, and such that claim to be larger than they can be."""

from __future__ import annotations

import io
import math
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import ImageError
from darknet_py.image.channels import to_channels
from darknet_py.image.load import load_image

from .image_files import PIXELS, chunk, png, saved

IMAGES = Path(__file__).resolve().parent / "data" / "images"


# --- sound files ---


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TGA", "PPM"])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 17])
def test_lossless_files_give_back_their_pixels(kind: str, width: int) -> None:
    picture = np.ascontiguousarray(PIXELS[:, :width, :3])
    assert np.array_equal(load_image(saved(picture, kind)), picture)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 0])
def test_channels_of_a_file_with_alpha(channels: int) -> None:
    found = load_image(saved(PIXELS, "PNG"), channels=channels)
    red, green, blue = (PIXELS[:, :, k].astype(int) for k in range(3))
    grey = (red * 77 + green * 150 + blue * 29) >> 8
    expected = {
        1: [grey],
        2: [grey, PIXELS[:, :, 3]],
        3: [red, green, blue],
        4: [red, green, blue, PIXELS[:, :, 3]],
        0: [red, green, blue, PIXELS[:, :, 3]],
    }[channels]
    assert np.array_equal(found, np.stack(expected, axis=2))


def test_16_bits_are_cut_to_8_after_the_colours() -> None:
    deep = np.array([[[0x12FF, 0x80FF, 0x00FF]]], np.uint16)
    assert to_channels(deep, 1).tolist() == [[[(0x12FF * 77 + 0x80FF * 150 + 0xFF * 29) >> 8]]]
    assert to_channels(deep, 4)[0, 0, 3] == 0xFFFF
    file = saved(np.array([[0x12FF, 0xFF00]], np.uint16), "PNG")
    assert load_image(file, channels=0).tolist() == [[[0x12], [0xFF]]]


def test_the_first_frame_of_a_gif() -> None:
    frames = [Image.fromarray(np.full((5, 6, 3), level, np.uint8)) for level in (10, 200)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    assert np.all(load_image(out.getvalue()) == 10)


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_gif_of_many_codes(interlace: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (150, 170), dtype=np.uint8)
    image = Image.fromarray(picture, "P")
    image.putpalette(np.random.default_rng(2).integers(0, 256, 768, dtype=np.uint8).tobytes())
    out = io.BytesIO()
    image.save(out, "GIF", interlace=interlace)
    assert np.array_equal(load_image(out.getvalue()), np.array(image.convert("RGB")))


def test_brightness_of_hdr_is_the_formula() -> None:
    mantissas = np.random.default_rng(3).integers(0, 256, (4, 5, 3))
    exponents = np.random.default_rng(4).integers(120, 134, (4, 5, 1))
    body = np.concatenate([mantissas, exponents], axis=2).astype(np.uint8).tobytes()
    found = load_image(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 5\n" + body)
    gamma = float(np.float32(1) / np.float32(2.2))
    for place in np.ndindex(4, 5, 3):
        value = float(mantissas[place]) * 2.0 ** (int(exponents[place[0], place[1], 0]) - 136)
        scaled = np.float32(np.float32(math.pow(value, gamma)) * np.float32(255) + np.float32(0.5))
        assert found[place] == int(min(scaled, 255))


# --- damaged files ---


NAMES = ["rgb.png", "palette.png", "gray16.png", "bilevel.png", "rgb.bmp", "palette.bmp", "rgb.gif", "rgb-rle.tga"]
NAMES += ["rgb.tga", "rgb.ppm", "gray.pgm"]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_give_pixels_or_an_error_of_ours(name: str) -> None:
    rng, whole = np.random.default_rng(len(name)), (IMAGES / name).read_bytes()
    for _ in range(120):
        data = bytearray(whole)
        if rng.random() < 0.3:
            del data[int(rng.integers(8, len(data))) :]
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(2, min(len(data), 80 if rng.random() < 0.6 else len(data))))] = int(rng.integers(256))
        try:
            pixels = load_image(bytes(data))
            assert pixels.dtype == np.uint8 and pixels.shape[2] == 3 and pixels.size
        except ImageError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["rgb.png", "palette.png", "rgb.ppm", "gray.pgm", "rgb.tga"])
def test_cut_files_are_refused(name: str) -> None:
    whole = (IMAGES / name).read_bytes()
    for length in range(1, len(whole) - 40, 37):
        with pytest.raises(ImageError, match=r"ends too early|no image|pixels|broken"):
            load_image(whole[:length])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png(2, 2, 3, 0, b"\0\0" * 2), "kind of pixels that does not exist"),
        (png(2, 2, 8, 5, b"\0\0" * 2), "kind of pixels that does not exist"),
        (png(2, 2, 8, 0, b"\0\1\2" + b"\5\1\2"), "filter that does not exist"),
        (png(2, 2, 8, 0, b"\0\1\2"), "too few data"),
        (png(2, 2, 8, 3, b"\0\1\2" * 2), "no palette"),
        (png(2, 2, 8, 3, b"\0\1\2" * 2, chunk(b"PLTE", b"abcdef")), "colours that its palette does not have"),
        (png(2, 2, 8, 3, b"\0\1\2" * 2, chunk(b"PLTE", b"abcde")), "broken palette"),
        (png(2, 2, 8, 0, b"\0\1\2" * 2, chunk(b"ABCD", b"")), "chunk b'ABCD' that Darknet does not know"),
        (png(2, 2, 8, 4, b"\0\1\2\1\2" * 2, chunk(b"tRNS", b"\0\1")), "broken transparency"),
        (png(0, 2, 8, 0, b""), "0 x 2 pixels"),
        (b"BM" + bytes(8) + struct.pack("<IIiiHHI", 54, 40, 4, 4, 1, 8, 1) + bytes(60), "run-length encoded"),
        (b"BM" + bytes(8) + struct.pack("<IIiiHHI", 54, 40, 4, 4, 1, 2, 0) + bytes(60), "2 bits per pixel"),
        (b"GIF89a\4\0\4\0\0\0\0;", "no image"),
        (b"GIF89a\4\0\4\0\0\0\0,\0\0\0\0\4\0\4\0\0", "no palette"),
        (b"GIF89a\4\0\4\0\x80\0\0abcdef,\1\0\0\0\4\0\4\0\0", "frame that does not fit"),
        (b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 4, 4, 8, 1), "not in RGB"),
        (b"8BPS\0\2" + bytes(40), "version"),
        (b"P6 4 4 300\n" + bytes(96), "samples up to 300"),
        (b"P5 4 4 255\n" + bytes(15), "ends too early, in its pixels"),
        (b"#?RGBE\n\n-Y 4 +X 4\n", "kind that Darknet does not read"),
        (b"#?RGBE\nFORMAT=32-bit_rle_rgbe\n\n+X 4 -Y 4\n", "order"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=message) as caught:
        load_image(path)
    assert str(caught.value).startswith(f"{path}: ")


ABSURD: dict[str, bytes] = {
    "png": png(20000, 15000, 8, 2, bytes(100)),
    "interlaced png": png(30000, 30000, 1, 0, bytes(100), interlaced=1),
    "bmp": b"BM" + bytes(8) + struct.pack("<IIiiHHI", 54, 40, 25000, 25000, 1, 24, 0) + bytes(160),
    "bmp with palette": b"BM" + bytes(8) + struct.pack("<IIiiHHI", 58, 40, 25000, 25000, 1, 8, 0) + bytes(160),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 20000, 20000, 0x80, 0, 0) + bytes(6) + b"," + bytes(150),
    "tga": bytes([0, 0, 2]) + bytes(9) + struct.pack("<HHBB", 25000, 25000, 24, 0) + bytes(150),
    "encoded tga": bytes([0, 0, 10]) + bytes(9) + struct.pack("<HHBB", 25000, 25000, 24, 0) + bytes(150),
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 20000, 20000, 8, 3) + bytes(14 + 150),
    "encoded psd": b"8BPS\0\1"
    + bytes(6)
    + struct.pack(">HIIHH", 3, 20000, 20000, 8, 3)
    + bytes(13)
    + b"\1"
    + bytes(150),
    "ppm": b"P6 25000 25000 255\n" + bytes(150),
    "hdr": b"#?RGBE\nFORMAT=32-bit_rle_rgbe\n\n-Y 13000 +X 13000\n\2\2" + (13000).to_bytes(2, "big") + bytes(150),
    "pic": b"\x53\x80\xf6\x34" + bytes(84) + b"PICT" + struct.pack(">HH", 20000, 20000) + bytes(8) + b"\0\x08\2\xe0",
}


@pytest.mark.parametrize("kind", ABSURD)
def test_absurd_sizes_are_refused_at_once_and_without_memory(kind: str) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    with pytest.raises(ImageError, match=r"is too short for its \d+ x \d+ pixels|ends too early"):
        load_image(ABSURD[kind])
    assert time.process_time() - start < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


TOO_LARGE: dict[str, bytes] = {
    "png": png(32768, 32767, 1, 0, bytes(40)) + bytes(200_000),
    "png of 16 bits": png(16384, 24000, 16, 0, bytes(40)) + bytes(2_000_000),
    "jpeg": b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HHB", 30000, 30000, 1) + b"\1\x11\0",
    "bmp": b"BM" + bytes(8) + struct.pack("<IIiiHHI", 58, 40, 30000, 30000, 1, 8, 0) + bytes(160),
    "tga": bytes([0, 0, 3]) + bytes(9) + struct.pack("<HHBB", 30000, 30000, 8, 0) + bytes(150),
    "pgm": b"P5 30000 30000 255\n" + bytes(150),
    "hdr": b"#?RGBE\nFORMAT=32-bit_rle_rgbe\n\n-Y 20000 +X 20000\n",
    "gif": b"GIF89a" + struct.pack("<HHBBB", 30000, 30000, 0x80, 0, 0) + bytes(600),
    "psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 1, 30000, 30000, 8, 3) + bytes(14),
    "pic": b"\x53\x80\xf6\x34" + bytes(84) + b"PICT" + struct.pack(">HH", 30000, 30000) + bytes(8) + b"\0\x08\2\xe0\0",
}
"""Pictures whose sizes exceed what stb_image counts with, once they have all three channels."""


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_the_channels_that_are_asked_for_count(kind: str) -> None:
    start = time.process_time()
    with pytest.raises(ImageError, match="more than Darknet reads"):
        load_image(TOO_LARGE[kind])
    assert time.process_time() - start < 1


def test_a_large_picture_without_channels_is_refused_a_small_one_is_black() -> None:
    def psd(width: int, height: int) -> bytes:
        return b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 0, height, width, 16, 3) + bytes(14)

    with pytest.raises(ImageError, match="too short for its 9 x 16777221 pixels"):
        load_image(psd(9, 16777221))
    assert load_image(psd(5, 2), channels=4).tolist() == [[[0, 0, 0, 255]] * 5] * 2


def pic(width: int, height: int, packets: list[tuple[int, int]], rows: bytes) -> bytes:
    head = b"\x53\x80\xf6\x34" + bytes(84) + b"PICT" + struct.pack(">HH", width, height) + bytes(8)
    last = len(packets) - 1
    return head + b"".join(bytes([i < last, 8, *packet]) for i, packet in enumerate(packets)) + rows


def test_packets_of_a_pic_file() -> None:
    packets = [(0, 0x80), (1, 0x60), (2, 0x10), (0, 0)]
    row = bytes([1, 2, 3]) + b"\0\x09\x09" + b"\2\x14\x15" + b"\7\x1e\x1f" + b"\x80\0\2\x28" + b"\0\x29"
    assert load_image(pic(3, 1, packets, row), channels=0).tolist() == [
        [[1, 20, 21, 40], [2, 20, 21, 40], [3, 30, 31, 41]]
    ]
    for cut in range(1, len(row)):
        with pytest.raises(ImageError, match="ends too early"):
            load_image(pic(3, 1, packets, row[:-cut]))
    with pytest.raises(ImageError, match="broken data"):
        load_image(pic(3, 1, [(2, 0x80)], b"\x83\1"))
    # stb_image refuses a header, or a number of pixels, with nothing at all behind it
    for packets, row in (([(0, 0)], b""), ([(1, 0)], b"\3")):
        with pytest.raises(ImageError, match="ends too early"):
            load_image(pic(3, 1, packets, row))
        assert load_image(pic(3, 1, packets, row + b"\0")).tolist() == [[[255] * 3] * 3]


def lzw_of_long_strings(blocks: int) -> bytes:
    """Codes of ever longer strings of one pixel, each block of them behind a clear code."""
    bits, filled, out = 0, 0, bytearray()
    for _ in range(blocks):
        codes = [
            (256, 9),
            (0, 9),
            *((code, code.bit_length()) for code in range(258, 4096)),
            *[(4095, 12)] * 2000,
            (256, 12),
        ]
        for code, size in codes:
            bits |= code << filled
            filled += size
            while filled >= 8:
                out.append(bits & 255)
                bits, filled = bits >> 8, filled - 8
    return bytes(out)


def in_blocks(data: bytes) -> bytes:
    return b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255)) + b"\0"


WORK: dict[str, bytes] = {
    "rows of packets without channels": pic(256, 65535, [(0, 0)] * 10, b"\0"),
    "runs of no pixels": pic(256, 65535, [(1, 0)], bytes(1_000_000)),
    "rows of one pixel": b"BM"
    + struct.pack("<IHHI", 100, 0, 0, 62)
    + struct.pack("<IiiHHIIiiII", 40, 1, 8_000_000, 1, 1, 0, 0, 0, 0, 0, 0)
    + bytes(8),
    "strings beyond the picture": b"GIF89a"
    + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0)
    + bytes(6)
    + b",\0\0\0\0\1\0\1\0\0\x08"
    + in_blocks(lzw_of_long_strings(60)),
    "blanks": b"P5" + b" " * 1_000_000 + b"1 1 255\n\7",
    "comments": b"P5" + b"#\n" * 200_000 + b"1 1 255\n\7",
}


@pytest.mark.parametrize("kind", WORK)
def test_work_is_in_proportion_to_the_file_or_the_picture(kind: str) -> None:
    start = time.process_time()
    try:
        found = load_image(WORK[kind])
    except ImageError as error:
        assert "ends too early" in str(error)
    else:
        assert found.dtype == np.uint8
    assert time.process_time() - start < 2


def test_temporaries_are_not_many_times_the_picture() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 4, (700, 900, 4), dtype=np.uint8)
    files = [
        *(saved(picture, "PNG", mode, **({"bits": 4} if mode == "P" else {})) for mode in ("P", "RGBA", "1")),
        saved(picture[:, :, 0].astype(np.uint16), "PNG"),
        saved(picture, "GIF", "P"),
        saved(picture, "BMP", "P"),
        saved(picture, "BMP", "RGBA"),
        saved(picture, "TGA", "P"),
    ]
    for data in files:
        for channels in (3, 1):
            load_image(data, channels=channels)
            tracemalloc.start()
            load_image(data, channels=channels)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 12 * 700 * 900 + (8 << 20), data[:4]


def test_a_bmp_mask_of_the_highest_bit() -> None:
    """stb_image aborts where such a bit is set, except in the usual order of the channels."""

    def bmp(masks: tuple[int, ...], value: int, bits: int = 32) -> bytes:
        info = struct.pack("<IiiHHIIiiII4I", 108, 1, 1, 1, bits, 3, 0, 0, 0, 0, 0, *masks) + bytes(52)
        return b"BM" + struct.pack("<IHHI", 200, 0, 0, 14 + len(info)) + info + struct.pack("<I", value)

    usual, other = (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF000000, 0xFF0000, 0xFF00, 0xFF)
    assert load_image(bmp(usual, 0x80010203), channels=4).tolist() == [[[1, 2, 3, 0x80]]]
    assert load_image(bmp(other, 0x7F010203), channels=4).tolist() == [[[0x7F, 1, 2, 3]]]
    with pytest.raises(ImageError, match="mask 0xFF000000 whose highest bit"):
        load_image(bmp(other, 0x80010203))
    with pytest.raises(ImageError, match="mask 0xFF000000 whose highest bit"):
        load_image(bmp(usual, 0x80010203, bits=34))


def test_a_bmp_of_one_bit_with_a_mask_for_alpha() -> None:
    """stb_image writes three values of each pixel's four, unless three are asked for."""
    info = struct.pack("<IiiHHIIiiII4I", 108, 1, 1, 1, 1, 3, 0, 0, 0, 0, 0, 1, 2, 4, 8) + bytes(52)
    data = b"BM" + struct.pack("<IHHI", 200, 0, 0, 14 + len(info) + 8) + info + b"\1\2\3\0\4\5\6\0" + b"\x80\0\0\0"
    assert load_image(data).tolist() == [[[6, 5, 4]]]
    for channels in (0, 1, 2):
        with pytest.raises(ImageError, match="one bit and alpha"):
            load_image(data, channels=channels)


def make_writer(kind: str) -> Callable[[int], bytes]:
    def write(width: int) -> bytes:
        return saved(np.ascontiguousarray(PIXELS[:1, :1].repeat(width, 1)), kind, "RGB")

    return write


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TGA", "PPM"])
def test_images_of_one_row(kind: str) -> None:
    for width in (1, 2, 129, 1000):
        assert load_image(make_writer(kind)(width)).shape == (1, width, 3)
