"""Files of all formats -> the pixels that Darknet's stb_image makes of them."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py.errors import ImageError
from darknet_py.image.load import load_image

DATA = Path(__file__).resolve().parent / "data"
IMAGES = DATA / "images"
FILES: dict[str, Any] = json.loads((IMAGES / "pixels.json").read_text())["files"]
VECTORS: list[dict[str, Any]] = json.loads((DATA / "stb_vectors.json").read_text())["cases"]


def check_planes(pixels: np.ndarray, expected: dict[str, Any]) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.shape == (expected["height"], expected["width"], expected["channels"])
    assert hashlib.sha256(pixels.transpose(2, 0, 1).tobytes()).hexdigest() == expected["sha256_u8_chw"]


@pytest.mark.parametrize("channels", [3, 0])
@pytest.mark.parametrize("name", FILES)
def test_our_images_decode_to_darknets_pixels(name: str, channels: int) -> None:
    check_planes(load_image(IMAGES / name, channels=channels), FILES[name][f"channels={channels}"])


@pytest.mark.parametrize("channels", [3, 0])
@pytest.mark.parametrize("name", ["dog", "person", "horses"])
def test_darknets_photographs(name: str, channels: int, oracle: Path) -> None:
    expected = json.loads((oracle / "golden" / "images.json").read_text())[f"{name}.jpg"][f"channels={channels}"]
    check_planes(load_image(oracle / "images" / f"{name}.jpg", channels=channels), expected)
    check_planes(load_image(oracle / "images" / f"{name}-stb.png", channels=channels), expected)


@pytest.mark.parametrize("case", [case for case in VECTORS if "refused" not in case], ids=lambda case: case["name"])
def test_generated_files_decode_to_stb_images_pixels(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["data"])
    for channels in (3, 0, 1):
        pixels, expected = load_image(data, channels=channels), case[f"channels={channels}"]
        assert pixels.shape == (expected["height"], expected["width"], expected["channels"])
        assert hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest() == expected["sha256_u8"], channels


@pytest.mark.parametrize("case", [case for case in VECTORS if "refused" in case], ids=lambda case: case["name"])
def test_files_that_stb_image_refuses_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(base64.b64decode(case["data"]))
    assert "\n" not in str(caught.value)
