"""The way a camera was held: found, told once, and turned if that is wanted."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import darknet_py
from darknet_py.errors import ImageError, OrientationWarning
from darknet_py.image.load import load_image
from darknet_py.image.orientation import find_orientation, read_orientation
from darknet_py.image.pixels import as_pixels
from darknet_py.image.reading import Reading, current, reading, unusual
from darknet_py.synth import write_synth

from .jpeg_writer import segment
from .nets import net, write_cfg
from .program import failure

PIXELS = np.random.default_rng(4).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def photo(orientation: int, kind: str = "PNG", **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind, exif=exif, **options)
    return out.getvalue()


def tiff(*entries: tuple[int, int, int, int], order: str = "<", start: int = 8) -> bytes:
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", start)
    body = b"".join(
        struct.pack(order + "HHI", tag, kind, count) + struct.pack(order + ("HH" if kind == 3 else "I"), *value)
        for tag, kind, count, number in entries
        for value in [(number, 0) if kind == 3 else (number,)]
    )
    return head + struct.pack(order + "H", len(entries)) + body


@pytest.fixture
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_all_eight_ways(orientation: int, kind: str, no_warnings: None) -> None:
    data = photo(orientation, kind, **({"lossless": True} if kind == "WEBP" else {}))
    decoder = "pillow" if kind == "WEBP" else "stb"
    stored = load_image(photo(1, kind, **({"lossless": True} if kind == "WEBP" else {})), decoder=decoder)
    tagged = Image.fromarray(stored)
    tagged.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(tagged))
    found = load_image(data, decoder=decoder, exif=True)
    assert np.array_equal(found, upright)
    assert found.flags.c_contiguous and found.flags.writeable
    assert np.array_equal(as_pixels(tagged, exif=True), upright)


def test_without_exif_the_picture_is_as_stored_and_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(6, "JPEG"))
    with pytest.warns(OrientationWarning, match=r"photo\.jpg: .*orientation 6.* exif=True turns it") as told:
        found = load_image(path)
    assert len(told) == 1 and told[0].filename == __file__
    assert np.array_equal(found, load_image(photo(1, "JPEG")))
    assert darknet_py.OrientationWarning is OrientationWarning
    for image in (Image.open(path), path.read_bytes()):
        with pytest.warns(OrientationWarning):
            assert as_pixels(image).shape == PIXELS.shape


def test_python_tells_it_once_for_each_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(photo(3))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default", OrientationWarning)
        for _ in range(3):
            for name in ("a.png", "b.png"):
                load_image(tmp_path / name)
    assert [str(one.message).split(": ")[0] for one in told] == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]


@pytest.mark.parametrize("order", ["<", ">"])
def test_where_the_tag_stands(order: str) -> None:
    others = [(0x010F, 2, 1, 7), (0x0110, 2, 1, 7)]
    assert read_orientation(tiff(*others, (0x0112, 3, 1, 8), order=order)) == 8
    assert read_orientation(tiff((0x0112, 4, 1, 5), order=order)) == 5


@pytest.mark.parametrize(
    "exif",
    [
        b"", b"II", b"II*\0", b"XX*\0" + bytes(40), tiff(), tiff((0x0112, 3, 1, 0)), tiff((0x0112, 3, 1, 9)),
        tiff((0x0112, 2, 1, 6)), tiff((0x0112, 3, 2, 6)), tiff((0x0112, 3, 0, 6)), tiff((0x0112, 3, 1, 6))[:-1],
        tiff((0x0112, 3, 1, 6), start=0xFFFFFFFF), tiff((0x0112, 3, 1, 6), start=21),
        b"II*\0\x08\0\0\0\xff\xff" + bytes(100),
    ],
)  # fmt: skip
def test_exif_that_makes_no_sense_turns_nothing(exif: bytes, no_warnings: None) -> None:
    assert read_orientation(exif) == 1
    data = photo(1, "JPEG")
    assert load_image(data[:2] + segment(0xE1, b"Exif\0\0" + exif) + data[2:], exif=True).shape == PIXELS.shape


def test_files_of_any_bytes_have_an_orientation() -> None:
    rng = np.random.default_rng(0)
    for sound in (photo(6, "JPEG"), photo(6)):
        for _ in range(300):
            changed = bytearray(sound)
            for at in rng.integers(2, 120, 3):
                changed[at] = rng.integers(256)
            assert find_orientation(bytes(changed)) in range(1, 9)
            assert find_orientation(sound[: rng.integers(len(sound))]) in range(1, 9)
    assert find_orientation(b"\xff\xd8" + b"\xff" * 3_000_000) == 1
    padded = photo(6, "JPEG")
    assert find_orientation(padded[:2] + b"\xff" * 9 + padded[2:]) == 6


def test_the_first_exif_segment_before_the_scan_counts() -> None:
    six, three, plain = (segment(0xE1, b"Exif\0\0" + tiff((0x0112, 3, 1, k))) for k in (6, 3, 1))
    data = photo(1, "JPEG")
    assert find_orientation(data[:2] + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0") + six + three + data[2:]) == 6
    assert find_orientation(data[:-2] + six + data[-2:]) == 1
    assert find_orientation(data[:2] + plain + six + data[2:]) == 1


def test_a_process_may_read_in_another_way(tmp_path: Path) -> None:
    path, reported = tmp_path / "a.png", []
    path.write_bytes(photo(6))
    assert unusual() == {}
    with reading(report=reported.append, reported=set(), exif_words="-exif"):
        for _ in range(2):
            assert load_image(path).shape == (24, 40, 3)
        with reading(exif=True):
            assert load_image(path).shape == (40, 24, 3)
            assert unusual() == {"exif": True}
    assert (
        len(reported) == 1 and reported[0].startswith(f"Warning: {path}: ") and reported[0].endswith("-exif turns it")
    )
    assert current().report is None


def test_the_environment_names_a_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    data = photo(1, "WEBP", lossless=True)
    monkeypatch.setenv("DARKNET_PY_DECODER", "pillow")
    assert np.array_equal(load_image(data), PIXELS)
    assert unusual() == {"decoder": "pillow"}
    with pytest.raises(ImageError, match="a WebP image"):
        load_image(data, decoder="stb")
    monkeypatch.setenv("DARKNET_PY_DECODER", "opencv")
    with pytest.raises(ImageError, match="DARKNET_PY_DECODER='opencv': choose one of stb, pillow"):
        load_image(data)


# --- commands ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, a photograph that is to be turned, and a WebP image."""
    folder = tmp_path_factory.mktemp("turned")
    head = "convolutional filters=18 size=1 activation=linear"
    write_synth(write_cfg(folder, net(3, 32, 32, head, "yolo classes=1 num=3 anchors=2,2,4,4,8,8")), folder / "net.w")
    (folder / "names").write_text("thing\n")
    (folder / "net.data").write_text("classes=1\nnames=names\n")
    (folder / "photo.png").write_bytes(photo(6))
    (folder / "photo.webp").write_bytes(photo(1, "WEBP", lossless=True))
    return folder


DETECT = ["detect", "--cfg", "net.cfg", "--weights", "net.w"]
TEST = ["detector", "test", "net.data", "net.cfg", "net.w"]


def test_detect_tells_it_and_turns_the_picture_if_asked(folder: Path) -> None:
    reported = failure(*DETECT, "photo.png", "-o", "stored.png", cwd=folder, code=0)
    [line] = [line for line in reported.splitlines() if "orientation" in line]
    assert line.startswith("Warning: photo.png: ") and line.endswith("; --exif turns it")
    assert "orientation" not in failure(*DETECT, "photo.png", "-o", "turned.png", "--exif", cwd=folder, code=0)
    sizes = [Image.open(folder / name).size for name in ("stored.png", "turned.png")]
    assert sizes == [(40, 24), (24, 40)]
    assert current() == Reading()


def test_darknets_own_commands_tell_it_and_turn_the_picture(folder: Path) -> None:
    told = failure(*TEST, "photo.png", "-out", "old", cwd=folder, code=0)
    assert told.count("orientation 6") == 1 and "; -exif turns it" in told
    assert Image.open(folder / "old.jpg").size == (40, 24)
    assert "orientation" not in failure(*TEST, "photo.png", "-exif", "-out", "old", cwd=folder, code=0)
    assert Image.open(folder / "old.jpg").size == (24, 40)


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        (DETECT, "--decoder pillow"),
        (TEST, "-decoder pillow"),
        (["trace", "net.cfg", "net.w"], "DARKNET_PY_DECODER=pillow in the environment"),
    ],
)
def test_what_reads_a_webp_image_is_said_as_it_is_typed(command: list[str], typed: str, folder: Path) -> None:
    reported = failure(*command, "photo.webp", cwd=folder)
    assert f"this is a WebP image, which Darknet (stb_image) does not read; {typed} may read it" in reported
    if typed.startswith("-"):
        assert "WebP" not in failure(*command, "photo.webp", *typed.split(), cwd=folder, code=0)


def test_an_old_commands_decoder_is_one_that_there_is(folder: Path) -> None:
    reported = failure(*TEST, "photo.webp", "-decoder", "opencv", cwd=folder)
    assert reported == "Error: decoder='opencv': choose one of stb, pillow\n"
