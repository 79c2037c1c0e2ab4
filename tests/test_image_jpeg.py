"""The JPEG decoder: its kernels against plain twins, files built from known coefficients, and damaged files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from darknet_py.errors import ImageError
from darknet_py.image.jpeg import color, decoder, places, scan, upsample
from darknet_py.image.jpeg.decoder import decode_jpeg
from darknet_py.image.jpeg.tables import ZIGZAG

from .jpeg_writer import Jpeg, Part, Scan, segment

IMAGES = Path(__file__).resolve().parent / "data" / "images"
SMALL = IMAGES / "tiny-17x9-420.jpg"


# --- kernels and their plain twins ---


def wrapped(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return (x + (1 << 15)) % (1 << 16) - (1 << 15)


def plain_pass(rows: list[NDArray[np.int64]], bias: int, shift: int) -> list[NDArray[np.int64]]:
    """One pass of the transform over eight vectors, in 64 bits with the 16-bit steps made explicit."""
    constants = (0.5411961, -1.847759065, 0.765366865, 1.175875602, -0.899976223, -2.562915447)
    constants += (-1.961570560, 0.298631336, 3.072711026, -0.390180644, 2.053119869, 1.501321110)
    c = [int(float(np.float32(value)) * 4096 + 0.5) for value in constants]
    r0, r1, r2, r3, r4, r5, r6, r7 = rows
    t2, t3 = c[0] * r2 + (c[0] + c[1]) * r6, (c[0] + c[2]) * r2 + c[0] * r6
    t0, t1 = wrapped(r0 + r4) << 12, wrapped(r0 - r4) << 12
    even = (t0 + t3, t1 + t2, t1 - t2, t0 - t3)
    s17, s35 = wrapped(r1 + r7), wrapped(r3 + r5)
    y0, y2 = (c[6] + c[7]) * r7 + c[6] * r3, c[6] * r7 + (c[6] + c[8]) * r3
    y1, y3 = (c[9] + c[10]) * r5 + c[9] * r1, c[9] * r5 + (c[9] + c[11]) * r1
    y4, y5 = (c[3] + c[4]) * s17 + c[3] * s35, c[3] * s17 + (c[3] + c[5]) * s35
    odd = (y3 + y4, y2 + y5, y1 + y5, y0 + y4)
    low, high = -(1 << 15), (1 << 15) - 1
    first = [((e + bias + o) >> shift).clip(low, high) for e, o in zip(even, odd, strict=True)]
    return first + [((e + bias - o) >> shift).clip(low, high) for e, o in zip(even, odd, strict=True)][::-1]


def plain_idct(block: NDArray[np.int16]) -> NDArray[np.uint8]:
    matrix = np.array(plain_pass(list(block.reshape(8, 8).astype(np.int64)), 512, 10))
    matrix = np.array(plain_pass(list(matrix.T), 65536 + (128 << 17), 17)).T
    return matrix.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("scale", [1, 60, 1000, 8000, 32767])
def test_the_transform_is_the_plain_twins(scale: int) -> None:
    rng = np.random.default_rng(scale)
    blocks = rng.integers(-scale - 1, scale + 1, (20, 64)).astype(np.int16)
    blocks[10:] *= rng.random((10, 64)) < 0.1
    plane = np.zeros(8 * 8 * 20, np.uint8)
    scan.transform_blocks(plane, 0, 160, blocks[:, ZIGZAG[:64]].reshape(-1), 0, 1280, np.ones(64, np.int16), 20, 1)
    for i, block in enumerate(blocks):
        assert np.array_equal(plane.reshape(8, 160)[:, 8 * i : 8 * i + 8], plain_idct(block))


@pytest.mark.parametrize("mean", [0, 1, -1, 5, 508, -508, 1020, 2047, -2048, 8191, 8192, -8193, 32767, -32767])
def test_a_flat_block_is_what_the_transform_makes_of_it(mean: int) -> None:
    blocks = np.zeros((1, 1, 64), np.int64)
    blocks[0, 0, 0] = mean
    data = Jpeg(8, 8, [Part(1, 1, 1, blocks)], [Scan([0])]).write()
    block = np.zeros(64, np.int16)
    block[0] = mean
    assert np.array_equal(decode_jpeg(data, 1)[:, :, 0], plain_idct(block))


def plain_upsampled(near: NDArray[np.int64], far: NDArray[np.int64], across: int, down: int) -> list[int]:
    width = len(near)
    if across == 2 and down <= 2:
        sums = 3 * near + far if down == 2 else 4 * near
        shift = 4
        row = [(int(sums[0]) + 2) >> 2]
        for i in range(1, width):
            row.append((3 * int(sums[i - 1]) + int(sums[i]) + 8) >> shift)
            row.append((3 * int(sums[i]) + int(sums[i - 1]) + 8) >> shift)
        row.append((int(sums[-1]) + 2) >> 2)
        if down == 1 and width > 1:
            row[-2] = (3 * int(near[-2]) + int(near[-1]) + 2) >> 2
        return row
    if across == 1 and down == 2:
        return [(3 * int(n) + int(f) + 2) >> 2 for n, f in zip(near, far, strict=True)]
    return [int(value) for value in near for _ in range(across)]


@pytest.mark.parametrize(("across", "down"), [(1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (2, 4), (3, 3), (1, 3)])
@pytest.mark.parametrize("width", [1, 2, 3, 8, 33])
def test_upsampling_is_the_plain_twins(across: int, down: int, width: int) -> None:
    near, far = np.random.default_rng(width).integers(0, 256, (2, width), dtype=np.uint8)
    line = np.zeros(width * across, np.uint8)
    upsample.upsample_row(line, near, far, across, down, np.zeros(width, np.uint16))
    assert line.tolist() == plain_upsampled(near.astype(np.int64), far.astype(np.int64), across, down)


def test_colours_are_the_formulas() -> None:
    grid = np.array(np.meshgrid(range(0, 256, 5), range(0, 256, 3), range(256))).reshape(3, -1)
    luma, cb, cr = grid[0] * 4096 + 2048, grid[1] - 128, grid[2] - 128
    green = luma - 2925 * cr + ((-1410 * cb) >> 8 << 8)
    expected = np.stack([luma + 5743 * cr, green, luma + 7258 * cb], axis=1) >> 12
    lines, out = grid.astype(np.uint8), np.zeros(grid.size, np.uint8)
    color.convert_row(out, lines.reshape(-1), lines.shape[1], lines.shape[1], color.YCC)
    assert np.array_equal(out.reshape(-1, 3), expected.clip(0, 255))


# --- files built from coefficients ---


def random_parts(rng: np.random.Generator, factors: list[tuple[int, int]], width: int, height: int) -> list[Part]:
    most = max(a for a, _ in factors), max(d for _, d in factors)
    units = -(-width // (8 * most[0])), -(-height // (8 * most[1]))
    parts = []
    for i, (across, down) in enumerate(factors):
        blocks = np.rint(rng.laplace(0, 12, (units[1] * down, units[0] * across, 64))).astype(np.int64)
        blocks *= rng.random(blocks.shape) < rng.choice([0.03, 0.3, 0.9])
        blocks[:, :, 0] = rng.integers(-900, 900, blocks.shape[:2])
        parts.append(Part(i + 1, across, down, blocks))
    return parts


def progressive_scans(rng: np.random.Generator, count: int) -> list[Scan]:
    """All bits of all coefficients, in bands and scans by chance."""
    low = int(rng.integers(0, 3))
    scans = [Scan(list(range(count)), 0, 0, 0, low)]
    scans += [Scan(list(range(count)), 0, 0, bit, bit - 1) for bit in range(low, 0, -1)]
    for part in range(count):
        cut = int(rng.integers(2, 63))
        for first, last in ((1, cut), (cut + 1, 63)):
            low = int(rng.integers(0, 4))
            scans.append(Scan([part], first, last, 0, low))
            scans += [Scan([part], first, last, bit, bit - 1) for bit in range(low, 0, -1)]
    return scans


@pytest.mark.parametrize("seed", range(12))
def test_a_progressive_file_decodes_like_a_sequential_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    factors = [(1, 1)] if seed % 3 == 0 else [(int(rng.integers(1, 3)), int(rng.integers(1, 3))), (1, 1), (1, 1)]
    width, height = int(rng.integers(1, 60)), int(rng.integers(1, 60))
    parts = random_parts(rng, factors, width, height)
    everything = list(range(len(parts)))
    sequential = Jpeg(width, height, parts, [Scan(everything)], lengths_from=rng).write()
    one_by_one = Jpeg(width, height, parts, [Scan([k]) for k in everything[::-1]], interval=3).write()
    progressive = Jpeg(width, height, parts, progressive_scans(rng, len(parts)), progressive=True, interval=seed % 5)
    expected = decode_jpeg(sequential)
    assert expected.shape == (height, width, 3)
    assert np.array_equal(decode_jpeg(one_by_one), expected)
    assert np.array_equal(decode_jpeg(progressive.write()), expected)


def test_the_coefficients_come_back() -> None:
    rng = np.random.default_rng(5)
    parts = random_parts(rng, [(2, 1), (1, 1), (1, 1)], 48, 24)
    data = Jpeg(48, 24, parts, progressive_scans(rng, 3), progressive=True, lengths_from=rng).write()
    reader = decoder.Decoder(data, None)
    reader.decode(3)
    start = 0
    for part in parts:
        found = reader.coefficients[start : start + part.blocks.size].reshape(part.blocks.shape)
        assert np.array_equal(found, part.blocks)
        start += part.blocks.size


def test_steps_of_16_bits_and_sums_beyond_16_bits_wrap() -> None:
    blocks = np.zeros((1, 1, 64), np.int64)
    blocks[0, 0, :3] = (700, -1000, 900)
    data = Jpeg(8, 8, [Part(1, 1, 1, blocks)], [Scan([0])], steps={0: [300, 77, 65535] + [1] * 61}).write()
    expected = np.zeros(64, np.int64)
    expected[ZIGZAG[:3]] = (700 * 300, -1000 * 77, 900 * 65535)
    assert np.array_equal(decode_jpeg(data, 1)[:, :, 0], plain_idct(wrapped(expected).astype(np.int16)))


@pytest.mark.parametrize(
    ("identifiers", "adobe", "jfif", "mode"),
    [
        (b"\1\2\3", None, False, color.YCC),
        (b"RGB", None, False, color.RGB),
        (b"\1\2\3", 0, False, color.RGB),
        (b"\1\2\3", 0, True, color.YCC),
        (b"\1\2\3", 1, False, color.YCC),
        (b"\1\2\3\4", None, False, color.YCC),
        (b"\1\2\3\4", 0, False, color.CMYK),
        (b"\1\2\3\4", 2, True, color.YCCK),
    ],
)
def test_which_colours_a_file_has(identifiers: bytes, adobe: int | None, jfif: bool, mode: int) -> None:
    segments = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") if jfif else b""
    if adobe is not None:
        segments += segment(0xEE, b"Adobe\0d\0\0\0\0" + bytes([adobe]))
    parts = random_parts(np.random.default_rng(1), [(1, 1)] * len(identifiers), 9, 9)
    for part, identifier in zip(parts, identifiers, strict=True):
        part.identifier = identifier
    reader = decoder.Decoder(Jpeg(9, 9, parts, [Scan(range(len(parts)))], segments=segments).write(), None)
    assert reader.decode(3).shape == (9, 9, 3)
    assert reader.mode_of(3) == mode


# --- damaged files ---


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
    start = time.perf_counter()
    with pytest.raises(ImageError, match=f"{width} x {height} pixels"):
        decode_jpeg(header(width, height, marker, count) + bytes(100) + b"\xff\xd9")
    assert time.perf_counter() - start < 0.5


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
    start = time.perf_counter()
    assert np.array_equal(decode_jpeg(padded), expected)
    assert time.perf_counter() - start < 1


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


@pytest.mark.parametrize("deposits", [True, False])
def test_sets_of_places_are_the_plain_twins(deposits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an instruction of the processor, if it has that (as compiled for it), and without."""
    if deposits:
        spread, nth = places.spread, places.nth
    else:
        monkeypatch.setattr(places, "DEPOSITS", False)
        spread, nth = places.spread.py_func, places.nth.py_func
    rng = np.random.default_rng(11)
    for _ in range(200):
        chosen = np.flatnonzero(rng.random(64) < rng.random())
        given = np.uint64(sum(1 << int(place) for place in chosen)).astype(np.int64)
        bits = rng.integers(-(1 << 63), 1 << 63)
        wanted = sum(1 << int(place) for i, place in enumerate(chosen) if int(bits) >> (63 - i) & 1)
        with np.errstate(over="ignore"):
            assert int(spread(bits, given, len(chosen))) % 2**64 == wanted
            found = [int(nth(given, np.int64(n))) % 2**64 for n in range(16)]
        assert found == [1 << int(chosen[n]) if n < len(chosen) else 0 for n in range(16)]
