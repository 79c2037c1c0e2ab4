"""Pillow's images and arrays as input: the values that the same picture has as a file, or an error."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from darknet_py.errors import ImageError
from darknet_py.image.load import load_image
from darknet_py.image.pixels import as_pixels

RGBA = np.random.default_rng(1).integers(0, 256, (6, 7, 4), dtype=np.uint8)
DEEP = np.random.default_rng(2).integers(0, 1 << 16, (6, 7), dtype=np.uint16)


def file_of(image: Image.Image, kind: str = "PNG") -> bytes:
    if kind == "PNG" and image.mode == "I":  # which Pillow once read and wrote such files as
        image = Image.fromarray(np.asarray(image).astype(np.uint16))
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def palette_image() -> Image.Image:
    image = Image.fromarray(RGBA[:, :, 0] % 5, "P")
    image.putpalette([200, 0, 0, 0, 150, 9, 90, 90, 90, 1, 2, 3, 255, 254, 253])
    return image


def with_transparency(transparency: int | bytes) -> Image.Image:
    image = palette_image()
    image.info["transparency"] = transparency
    return image


IMAGES = {
    "1": Image.fromarray(RGBA[:, :, 0]).convert("1"),
    "L": Image.fromarray(RGBA[:, :, 0]),
    "LA": Image.fromarray(RGBA[:, :, :2], "LA"),
    "P": palette_image(),
    "P, a transparent colour": with_transparency(2),
    "P, alpha for each colour": with_transparency(bytes([0, 10, 100, 200, 255])),
    "RGB": Image.fromarray(RGBA[:, :, :3]),
    "RGBA": Image.fromarray(RGBA),
    "I;16": Image.fromarray(DEEP),
    "I": Image.fromarray(DEEP.astype(np.int32)),
}


@pytest.mark.parametrize("mode", IMAGES)
def test_an_image_has_the_pixels_of_its_png_file(mode: str) -> None:
    image = IMAGES[mode]
    assert image.mode == mode.split(",")[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(as_pixels(image), load_image(file_of(image)))
        assert np.array_equal(as_pixels(image), load_image(file_of(image), decoder="pillow"))
        assert np.array_equal(as_pixels(Image.open(io.BytesIO(file_of(image)))), as_pixels(image))


@pytest.mark.parametrize("mode", ["I;16B", "I;16L"])
def test_16_bits_of_either_byte_order(mode: str) -> None:
    image = Image.frombytes(mode, (7, 6), DEEP.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
    assert np.array_equal(as_pixels(image)[:, :, 1], DEEP >> 8)


def test_other_modes_whose_colours_are_known() -> None:
    assert np.array_equal(as_pixels(Image.frombytes("RGBX", (7, 6), RGBA.tobytes())), RGBA[:, :, :3])
    indexed = palette_image().convert("PA")
    assert np.array_equal(as_pixels(indexed), np.asarray(palette_image().convert("RGB")))
    inks = Image.frombytes("CMYK", (7, 6), RGBA.tobytes())
    light = 255 - RGBA.astype(float)
    assert np.abs(as_pixels(inks) - light[:, :, :3] * light[:, :, 3:] / 255).max() <= 0.5
    assert as_pixels(Image.new("YCbCr", (1, 1), (90, 128, 128))).tolist() == [[[90, 90, 90]]]
    assert as_pixels(Image.new("HSV", (1, 1), (0, 0, 70))).tolist() == [[[70, 70, 70]]]


@pytest.mark.parametrize("mode", ["F", "La", "RGBa", "LAB"])
def test_modes_without_such_values_are_refused(mode: str) -> None:
    with pytest.raises(ImageError, match=f"mode {mode} has no colours from 0 to 255; make an RGB image"):
        as_pixels(Image.new(mode, (4, 4)))


@pytest.mark.parametrize("decoder", ["image", "file"])
@pytest.mark.parametrize(
    ("values", "message"), [([0, 1 << 16], "0 to 65536"), ([-1, 5], "not -1 to 5"), ([0, 255], r'convert\("L"\)')]
)
def test_32_bits_must_be_16_that_somebody_can_see(values: list[int], message: str, decoder: str) -> None:
    image = Image.fromarray(np.array([values], np.int32))
    with pytest.raises(ImageError, match=message):
        if decoder == "file":
            load_image(file_of(image, "TIFF"), decoder="pillow")
        else:
            as_pixels(image)


def test_float_files_are_refused_too() -> None:
    image = Image.fromarray(np.array([[0.5, 300.0]], np.float32))
    with pytest.raises(ImageError, match="mode F has no colours"):
        load_image(file_of(image, "TIFF"), decoder="pillow")


def test_an_image_that_cannot_be_read_is_an_error_of_ours() -> None:
    data = file_of(Image.fromarray(RGBA).resize((200, 200)))
    with pytest.raises(ImageError, match="Pillow cannot read this image"):
        as_pixels(Image.open(io.BytesIO(data[: len(data) // 2])))


# --- arrays ---


@pytest.mark.parametrize("bgr", [False, True])
def test_arrays_of_bytes(bgr: bool) -> None:
    order = [2, 1, 0] if bgr else [0, 1, 2]
    colours, grey = RGBA[:, :, :3][:, :, order], RGBA[:, :, 0]
    for array in (colours, np.dstack([colours, RGBA[:, :, 3]]), np.asfortranarray(colours)):
        found = as_pixels(array, bgr)
        assert np.array_equal(found, RGBA[:, :, :3]) and found.flags.c_contiguous
    for array in (grey, grey[:, :, None]):
        assert np.array_equal(as_pixels(array, bgr), np.dstack([grey] * 3))
    assert np.array_equal(as_pixels(Image.fromarray(RGBA)), as_pixels(RGBA))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (DEEP, r"uint16; give \(image >> 8\)"),
        (RGBA[:, :, :3] / 255, r"float64; give \(image \* 255\)"),
        (RGBA[:, :, 0] > 9, "bool; give"),
        (RGBA.astype(np.int64), "not int64$"),
        (RGBA[:, :, :2], "not 6 x 7 x 2"),
        (RGBA[None], "H x W x 3, H x W x 4 or H x W, not 1 x 6 x 7 x 4"),
        (RGBA[:0], "not 0 x 7 x 4"),
    ],
)
def test_other_arrays_are_refused_with_what_to_do(array: NDArray[np.generic], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        as_pixels(array)  # type: ignore[arg-type]


def test_bytes_of_any_kind() -> None:
    data = file_of(Image.fromarray(RGBA))
    assert all(np.array_equal(as_pixels(kind(data)), RGBA[:, :, :3]) for kind in (bytes, bytearray, memoryview))
    with pytest.raises(ImageError, match="not list"):
        as_pixels([[1, 2, 3]])  # type: ignore[arg-type]


def test_no_memory_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "repeat", fail)
    with pytest.raises(ImageError, match="does not fit into memory"):
        as_pixels(RGBA[:, :, 0])
