"""The JPEG decoder: damaged and absurd files give pixels or an error of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import ImageError
from darknet_py.image.jpeg.decoder import decode_jpeg

from .jpeg_writer import Jpeg, Part, Scan, segment

IMAGES = Path(__file__).resolve().parent / "data" / "images"
SMALL = IMAGES / "tiny-17x9-420.jpg"


def test_every_file_that_was_cut_off_is_refused() -> None:
    data = SMALL.read_bytes()
    for length in range(1, len(data)):
        with pytest.raises(ImageError, match="JPEG") as caught:
            decode_jpeg(data[:length], name="cut.jpg")
        assert str(caught.value).startswith("cut.jpg: ")


def test_a_cut_with_an_end_marker_is_filled_as_stb_image_fills_it() -> None:
    data = (IMAGES / "rgb-q80-420.jpg").read_bytes()
    whole, cut = decode_jpeg(data), decode_jpeg(data[:4000] + b"\xff\xd9")
    assert np.array_equal(cut[:16], whole[:16])
    assert cut.shape == whole.shape
    assert not np.array_equal(cut, whole)


def mutated(rng: np.random.Generator, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(2, len(changed)))
        kind = rng.random()
        if kind < 0.5:
            changed[at] = int(rng.choice([0, 0xFF, 0xD9, int(rng.integers(256))]))
        elif kind < 0.75:
            del changed[at : at + int(rng.integers(1, 30))]
        else:
            changed[at:at] = bytes([0xFF, int(rng.choice([0xD9, 0xD0, 0xDA, 0xC4, 0, 0xFF]))])
    return bytes(changed)


@pytest.mark.parametrize(
    "name", ["rgb-q10-420.jpg", "tiny-33x7-420.jpg", "gray-progressive.jpg", "rgb-420-restart.jpg"]
)
def test_damaged_files_give_pixels_or_an_error_of_ours(name: str) -> None:
    rng, data = np.random.default_rng(3), (IMAGES / name).read_bytes()
    refused = 0
    for _ in range(150):
        try:
            assert decode_jpeg(mutated(rng, data)).dtype == np.uint8
        except ImageError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 0 < refused < 150


def header(width: int, height: int, marker: int = 0xC0, count: int = 3, sampling: int = 0x11) -> bytes:
    components = b"".join(bytes([k + 1, sampling, 0]) for k in range(count))
    size = bytes([8]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([count])
    return b"\xff\xd8" + segment(0xDB, bytes([0] + [1] * 64)) + segment(marker, size + components)


@pytest.mark.parametrize(
    ("width", "height", "count"), [(65500, 65500, 3), (65500, 65500, 1), (20000, 30000, 1), (5000, 5000, 3)]
)
@pytest.mark.parametrize("marker", [0xC0, 0xC2])
def test_absurd_sizes_are_refused_at_once(width: int, height: int, count: int, marker: int) -> None:
    start = time.process_time()
    with pytest.raises(ImageError, match=f"{width} x {height} pixels"):
        decode_jpeg(header(width, height, marker, count) + bytes(100) + b"\xff\xd9")
    assert time.process_time() - start < 0.5


def test_scans_without_end_are_refused() -> None:
    parts = [Part(1, 1, 1, np.zeros((250, 250, 64), np.int64))]
    once = Jpeg(2000, 2000, parts, [Scan([0], 0, 0)], progressive=True).write()
    more = Jpeg(2000, 2000, parts, [Scan([0], 1, 63)], progressive=True).write()
    scans = more[more.index(b"\xff\xc4") : -2]
    with pytest.raises(ImageError, match="too many scans"):
        decode_jpeg(once[:-2] + scans * 1000 + b"\xff\xd9")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header(8, 8), "ends too early"),
        (header(8, 8) + b"\xff\xd9", "no data for some of its components"),
        (header(8, 8) + b"abc", "something else where a marker should be"),
        (header(0, 8), "0 x 8 pixels"),
        (header(8, 8, count=2), "2 components"),
        (header(8, 8, 0xC3), "SOF3"),
        (header(8, 8, 0xC9), "arithmetic-coded"),
        (header(8, 8, sampling=0x51), "broken frame header"),
        (header(8, 8).replace(b"\0\x11\x08", b"\0\x11\x0c"), "12 bits per sample"),
        (
            header(8, 8) + segment(0xDA, b"\3\1\0\2\0\3\0\0\x3f\0") + b"\0\0\xff\xd9",
            "Huffman table .DC 0. that it does not",
        ),
        (header(8, 8) + segment(0xDA, b"\1\7\0\0\x3f\0"), "component that the image does not have"),
        (b"\xff\xd8" + segment(0xDB, b"\x05"), "broken quantisation table"),
        (b"\xff\xd8" + segment(0xC4, bytes([0, 3]) + bytes(15) + b"abc"), "too many codes of 1 bits"),
        (b"\xff\xd8" + segment(0xC4, bytes([0] + [255] * 16)), "more than 256 codes"),
        (b"\xff\xd8" + segment(0xDD, b"\0\0\0"), "restart interval"),
        (b"\xff\xd8\xff\xe0\0\1", "wrong length"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        decode_jpeg(data, name="photo.jpg")
    text = str(caught.value)
    assert text.startswith("photo.jpg: JPEG ") and "(byte " in text and 'decoder="pillow"' in text


def test_padding_of_any_length_costs_no_time() -> None:
    data = SMALL.read_bytes()
    expected = decode_jpeg(data)
    padded = data[:2] + segment(0xFE, b"") + b"\xff" * 3_000_000 + data[3:]
    start = time.process_time()
    assert np.array_equal(decode_jpeg(padded), expected)
    assert time.process_time() - start < 1


@pytest.mark.slow
def test_no_kernel_reads_or_writes_outside_of_its_arrays(tmp_path: Path, repository: Path) -> None:
    """Numba's own checks of all indices, over damaged files of all kinds."""
    environment = dict(os.environ, NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(tmp_path), PYTHONPATH=str(repository))
    names = "damaged or progressive_file or cut or pic_file or proportion or has_set or restart"
    files = [str(repository / "tests" / f"test_image_{name}.py") for name in ("jpeg", "formats", "pixels")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", names]
    done = subprocess.run(command, env=environment, cwd=repository, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-3000:]


# --- blocks that nothing has set ---


def grey(scans: list[Scan], size: int = 16, interval: int = 0, progressive: bool = True) -> bytes:
    blocks = np.zeros((size // 8, size // 8, 64), np.int64)
    blocks[:, :, 0], blocks[:, :, 1:9] = 5, 3
    return Jpeg(size, size, [Part(1, 1, 1, blocks)], scans, progressive=progressive, interval=interval).write()


FIRST_MEANS, LAST_BITS = Scan([0], 0, 0, 0, 1), Scan([0], 0, 0, 1, 0)
FIRST_BAND, LAST_BAND_BITS = Scan([0], 1, 63, 0, 1), Scan([0], 1, 63, 1, 0)


def test_a_scan_that_refines_what_no_scan_has_set_is_refused() -> None:
    """stb_image would refine memory that it never wrote."""
    whole = [FIRST_MEANS, FIRST_BAND, LAST_BITS, LAST_BAND_BITS]
    expected = decode_jpeg(grey(whole))
    assert np.array_equal(decode_jpeg(grey([FIRST_MEANS, LAST_BITS, FIRST_BAND, LAST_BAND_BITS])), expected)
    for scans in ([LAST_BITS], [FIRST_BAND], [FIRST_BAND, LAST_BITS]):
        with pytest.raises(ImageError, match="no data for some of its components, or for parts of them"):
            decode_jpeg(grey(scans))
    with pytest.raises(ImageError, match="refines coefficients that it did not set"):
        decode_jpeg(grey([FIRST_BAND, LAST_BAND_BITS, FIRST_MEANS]))
    # the means' scan sets all other coefficients to 0, whatever was there
    late, alone = decode_jpeg(grey([LAST_BITS, FIRST_BAND, FIRST_MEANS])), decode_jpeg(grey([FIRST_MEANS]))
    assert np.array_equal(late, alone)


@pytest.mark.parametrize("progressive", [False, True])
def test_blocks_behind_a_missing_restart_marker_must_have_been_set_before(progressive: bool) -> None:
    scans = [FIRST_MEANS] if progressive else [Scan([0])]
    whole = grey(scans, interval=2, progressive=progressive)
    at = whole.index(b"\xff\xd0")
    broken = whole[:at] + whole[at + 2 :]
    assert decode_jpeg(whole).shape == (16, 16, 3)
    with pytest.raises(ImageError, match="no data for some of its components, or for parts of them"):
        decode_jpeg(broken)
    start = whole.index(b"\xff\xda")
    again = whole[:-2] + broken[start:]
    assert np.array_equal(decode_jpeg(again), decode_jpeg(whole))


# --- work ---


def test_tables_that_no_scan_uses_cost_next_to_nothing() -> None:
    data = SMALL.read_bytes()
    tables = segment(0xC4, (b"\x10" + bytes(16)) * 3800) * 15
    start = time.process_time()
    assert np.array_equal(decode_jpeg(data[:2] + tables + data[2:]), decode_jpeg(data))
    assert time.process_time() - start < 2


def test_scans_again_and_again_are_refused() -> None:
    data = grey([Scan([0])], size=800, progressive=False)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert np.array_equal(decode_jpeg(data[:-2] + scan + data[-2:]), decode_jpeg(data))
    for size, times in ((800, 300), (8, 600)):
        data = grey([Scan([0])], size=size, progressive=False)
        scan = data[data.rindex(b"\xff\xda") : -2]
        with pytest.raises(ImageError, match="too many scans"):
            decode_jpeg(data[:-2] + scan * times + data[-2:])
