"""The JPEG decoder: its kernels against plain twins, and files built from known coefficients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

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
