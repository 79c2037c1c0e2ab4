"""Reading image files: names, bytes, decoders, and what is said about files that are none."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import DarknetError, ImageError
from darknet_py.formats import binary
from darknet_py.formats.annotations import read_voc
from darknet_py.formats.json_file import read_json
from darknet_py.formats.text import read_text
from darknet_py.image.load import load_image
from darknet_py.image.pillow import decode_with_pillow

IMAGES = Path(__file__).resolve().parent / "data" / "images"
PHOTO = IMAGES / "rgb-q80-420.jpg"


def in_memory(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_paths_and_bytes_are_the_same() -> None:
    expected = load_image(PHOTO)
    assert np.array_equal(load_image(str(PHOTO)), expected)
    assert np.array_equal(load_image(PHOTO.read_bytes()), expected)
    assert expected.flags["C_CONTIGUOUS"] and expected.flags["WRITEABLE"]


def test_a_wrong_suffix_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(PHOTO.read_bytes())
    assert np.array_equal(load_image(path), load_image(PHOTO))


def test_what_darknet_decodes_keeps_its_pixels_whatever_the_decoder_of_the_rest() -> None:
    ours, pillows = load_image(PHOTO), decode_with_pillow(PHOTO.read_bytes())[0]
    assert 0 < np.abs(ours.astype(int) - pillows.astype(int)).max() <= 8
    assert np.array_equal(load_image(PHOTO, decoder="pillow"), ours)


@pytest.mark.parametrize(("kind", "name"), [("WEBP", "a WebP"), ("TIFF", "a TIFF")])
def test_formats_for_pillow_alone(kind: str, name: str) -> None:
    image = Image.open(IMAGES / "rgb.png")
    data = in_memory(image, kind, **({"lossless": True} if kind == "WEBP" else {}))
    with pytest.raises(ImageError, match=f'this is {name} image, which Darknet .*; decoder="pillow" may read it'):
        load_image(data)
    assert np.array_equal(load_image(data, decoder="pillow"), np.array(image))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0\0\0\x1cftypavif", 'an AVIF image, .*; decoder="pillow" may read it'),
        (b"\0\0\0\x18ftypheic", "an HEIF image, .*; PNG and JPEG are read"),
        (b"%PDF-1.4\n", "a PDF document"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    ],
)
def test_everyday_files_that_darknet_does_not_read_are_named(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=f"this is {message}"):
        load_image(data + bytes(100))


@pytest.mark.parametrize("name", ["gray16.png", "gray.png", "gray-alpha.png", "rgba.png", "rgb.png", "palette.png"])
@pytest.mark.parametrize("channels", [3, 0])
def test_pillow_agrees_on_lossless_files(name: str, channels: int) -> None:
    file = IMAGES / name
    assert np.array_equal(decode_with_pillow(file.read_bytes(), channels)[0], load_image(file, "stb", channels))


@pytest.mark.parametrize("decoder", ["stb", "pillow"])
@pytest.mark.parametrize(
    "data", [b"", b"\0", b"hello, I am no image", b"\xff\xd8\xff", bytes(1000), b"RIFF1234WEBPVP8 "]
)
def test_what_is_no_image(data: bytes, decoder: str) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(data, decoder=decoder)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, DarknetError)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "no.jpg"
    with pytest.raises(ImageError, match=r"no\.jpg: cannot read this file: No such file"):
        load_image(missing)
    with pytest.raises(ImageError, match="cannot read this file"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="cannot read this file"):
        load_image("a\0b")
    (tmp_path / "empty").touch()
    with pytest.raises(ImageError, match="empty: this file is empty"):
        load_image(tmp_path / "empty")


def test_options_are_checked() -> None:
    with pytest.raises(ImageError, match="choose one of stb, pillow"):
        load_image(PHOTO, decoder="opencv")
    with pytest.raises(ImageError, match="channels=5"):
        load_image(PHOTO, channels=5)


def test_threads_decode_side_by_side() -> None:
    files = ["rgb-q80-420.jpg", "gray-progressive.jpg", "rgb.png", "rgb.gif", "cmyk.jpg", "rgb-422.jpg"]
    expected = {name: load_image(IMAGES / name) for name in files}
    wrong: list[str] = []

    def work() -> None:
        for _ in range(5):
            wrong.extend(name for name in files if not np.array_equal(load_image(IMAGES / name), expected[name]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("name", "needed", "unneeded"),
    [
        ("gray.pgm", set(), {"numba", "PIL"}),
        ("rgb.bmp", set(), {"numba", "PIL"}),
        ("gray.jpg", {"llvmlite"}, {"PIL", "numba"}),
    ],
)
def test_only_what_a_file_needs_is_imported(name: str, needed: set[str], unneeded: set[str]) -> None:
    program = (
        "import sys, darknet_py.image.load as load\n"
        "assert not {'llvmlite', 'PIL', 'numpy'} & set(sys.modules)\n"
        f"load.load_image({str(IMAGES / name)!r})\n"
        "print(*({'llvmlite', 'numba', 'PIL'} & set(sys.modules)))\n"
    )
    load_image(IMAGES / name)  # its kernels are on disk then
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert needed <= imported
    assert not unneeded & imported


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a file without end")
def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(binary, "LONGEST_STREAM", 1000)
    monkeypatch.setattr(binary, "LARGEST", 2000)
    for read in (load_image, read_text, read_json, read_voc):
        with pytest.raises(DarknetError, match=r"/dev/zero: .*does not end within"):
            read("/dev/zero")  # type: ignore[operator]
    long = tmp_path / "long"
    long.write_bytes(bytes(2001))
    with pytest.raises(ImageError, match="has more than"):
        load_image(long)
