"""Darknet's resize and letterbox: against a plain twin, by numbers that can be checked by hand, and by its goldens."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from darknet_py.errors import ImageError
from darknet_py.geometry import fitted_size
from darknet_py.image.letterbox import (
    letterbox,
    letterbox_pixels,
    resize,
    resize_pixels,
    to_planar,
)
from darknet_py.image.load import load_image
from darknet_py.kernels.codec.resize import resize_into, to_planes

F = np.float32

SIZES = [
    # height, width, channels, new width, new height
    (5, 7, 3, 11, 9),
    (9, 11, 3, 4, 5),
    (1, 1, 3, 8, 6),
    (1, 13, 1, 7, 5),
    (13, 1, 3, 7, 5),
    (30, 20, 4, 1, 2),
    (31, 64, 3, 32, 96),
    (64, 31, 1, 97, 33),
    (2, 2, 3, 50, 50),
    (40, 40, 3, 40, 40),
]


def plain_resize(image: np.ndarray, w: int, h: int) -> np.ndarray:
    """``resize_image``, step by step in float32."""
    channels, height, width = image.shape
    part, out = np.zeros((channels, height, w), F), np.zeros((channels, h, w), F)
    w_scale = F(width - 1) / F(w - 1) if w > 1 else F(0)
    h_scale = F(height - 1) / F(h - 1) if h > 1 else F(0)
    for c in range(w):
        if c == w - 1 or width == 1:
            part[:, :, c] = image[:, :, width - 1]
            continue
        place = F(c) * w_scale
        i = int(place)
        right = F(place - F(i))
        part[:, :, c] = F(1 - right) * image[:, :, i] + right * image[:, :, i + 1]
    for r in range(h):
        place = F(r) * h_scale
        i = int(place)
        below = F(place - F(i))
        out[:, r] = F(1 - below) * part[:, i]
        if r != h - 1 and height != 1:
            out[:, r] += below * part[:, i + 1]
    return out


@pytest.mark.parametrize(("height", "width", "channels", "w", "h"), SIZES)
def test_resize_is_the_plain_twins(height: int, width: int, channels: int, w: int, h: int) -> None:
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, channels), dtype=np.uint8)
    planar = to_planar(pixels)
    expected = plain_resize(planar, w, h)
    assert resize(planar, w, h).tobytes() == expected.tobytes()
    assert resize_pixels(pixels, w, h).tobytes() == expected.tobytes()


@pytest.mark.parametrize(("height", "width", "channels", "w", "h"), SIZES)
def test_letterbox_is_the_resized_image_on_grey(height: int, width: int, channels: int, w: int, h: int) -> None:
    pixels = np.random.default_rng(height * width).integers(0, 256, (height, width, channels), dtype=np.uint8)
    new_w, new_h = fitted_size(width, height, w, h)
    expected = np.full((channels, h, w), 0.5, F)
    if new_w and new_h:
        top, left = (h - new_h) // 2, (w - new_w) // 2
        expected[:, top : top + new_h, left : left + new_w] = plain_resize(to_planar(pixels), new_w, new_h)
    assert letterbox(to_planar(pixels), w, h).tobytes() == expected.tobytes()
    assert letterbox_pixels(pixels, w, h).tobytes() == expected.tobytes()


def test_to_planar_divides_in_double_precision() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    expected = [F(np.float64(value) / 255.0) for value in range(256)]
    assert to_planar(pixels).ravel().tolist() == expected
    colours = np.array([[[255, 0, 51]]], np.uint8)
    assert to_planar(colours).tolist() == [[[1.0]], [[0.0]], [[F(0.2)]]]


def test_numbers_by_hand() -> None:
    row = np.array([[[0, 1]]], F)
    assert resize(row, 5, 1).tolist() == [[[0, 0.25, 0.5, 0.75, 1]]]
    wide = letterbox(row, 4, 4)
    assert wide[0, 0].tolist() == [0.5] * 4
    assert wide[0, 3].tolist() == [0.5] * 4
    # the image fills the two middle rows
    assert wide[0, 1].tolist() == wide[0, 2].tolist() == [0, F(1 / 3), F(2 / 3), 1]


def test_sizes_are_divided_as_integers() -> None:
    assert fitted_size(768, 576, 416, 416) == (416, 312)
    assert fitted_size(773, 512, 416, 416) == (416, 275)
    assert fitted_size(1, 1000, 416, 416) == (0, 416)
    assert np.all(letterbox(np.zeros((3, 1000, 1), F), 416, 416) == 0.5)


def test_the_large_image_of_floats_is_never_built() -> None:
    pixels = np.broadcast_to(np.uint8(7), (3000, 4000, 3)).copy()
    tracemalloc = pytest.importorskip("tracemalloc")
    letterbox_pixels(pixels[:8], 64, 64)
    tracemalloc.start()
    letterbox_pixels(pixels, 64, 64)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float64), np.zeros((0, 4, 3), np.uint8), np.zeros(5, np.uint8)],
)
def test_what_is_no_image_is_refused(image: np.ndarray) -> None:
    for function in (to_planar, lambda x: letterbox_pixels(x, 8, 8), lambda x: resize_pixels(x, 8, 8)):
        with pytest.raises(ImageError, match="array of uint8"):
            function(image)
    with pytest.raises(ImageError, match="array of float32"):
        resize(image, 8, 8)


@pytest.mark.parametrize(("w", "h"), [(0, 5), (5, 0), (-1, 5)])
def test_sizes_below_one_are_refused(w: int, h: int) -> None:
    for function in (resize_pixels, letterbox_pixels):
        with pytest.raises(ImageError, match="cannot resize"):
            function(np.zeros((4, 4, 3), np.uint8), w, h)


@pytest.mark.parametrize(
    "name",
    ["yolov3-tiny-released-dog", "yolov2-person", "yolov3-tiny-horses", "yolo9000-dog", "region-small", "groups"],
)
def test_darknets_network_inputs(name: str, oracle: Path, repository: Path) -> None:
    golden = json.loads((oracle / "golden" / f"{name}.json").read_text())
    folders = (oracle / "cfg", oracle / "reference" / "cfg", repository / "cfg")
    text = next(folder / golden["cfg"] for folder in folders if (folder / golden["cfg"]).is_file()).read_text()
    w, h = (int(re.search(rf"^\s*{key}\s*=\s*(\d+)", text, re.M)[1]) for key in ("width", "height"))  # type: ignore[index]
    pixels = load_image(oracle / "images" / golden["image"])
    assert hashlib.sha256(to_planar(pixels).tobytes()).hexdigest() == golden["decoded"]["sha256"]
    assert hashlib.sha256(letterbox_pixels(pixels, w, h).tobytes()).hexdigest() == golden["input_sha256"]


def test_kernels_see_one_type_of_pixels() -> None:
    # Another type, such as that of an array that may be written to, would be compiled anew after any warm-up.
    pixels = np.zeros((5, 7, 3), np.uint8)
    read_only = np.frombuffer(pixels.tobytes(), np.uint8).reshape(5, 7, 3)
    for picture in (pixels, read_only, pixels[:, ::-1], np.asfortranarray(pixels)):
        letterbox_pixels(picture, 8, 8)
        resize_pixels(picture, 8, 8)
        to_planar(picture)
    for kernel, argument in ((resize_into, 2), (to_planes, 1)):
        kinds = {str(kinds[argument]) for kinds in kernel.natives}
        assert len([name for name in kinds if "u1" in name]) == 1, kinds
