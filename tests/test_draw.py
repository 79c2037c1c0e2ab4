"""Pictures: Darknet's pixels for boxes, labels that stay in the picture and can be read, files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

from darknet_py.detect.detections import Detections
from darknet_py.errors import ImageError
from darknet_py.image import label
from darknet_py.image.draw import class_colour, draw_detections, save_image

Pixels = NDArray[np.uint8]
Row = tuple[tuple[float, float, float, float], int]

MAGENTA, YELLOW = (255, 0, 255), (255, 255, 0)
NAMES = [f"class {i}" for i in range(80)]


def detections(rows: list[Row], width: int, height: int, names: list[str] | None = None, ids: Any = None) -> Detections:
    box = np.array([row[0] for row in rows], np.float32).reshape(-1, 4)
    names = NAMES if names is None else names
    return Detections(
        box, np.full(len(rows), 0.5), [row[1] for row in rows], range(len(rows)) if ids is None else ids,
        (width, height), len(names), names,
    )  # fmt: skip


def gray(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), 128, np.uint8)


def changed(picture: Pixels) -> NDArray[np.bool_]:
    return (picture != 128).any(axis=2)


# ---------------------------------------------------------------------------------------------------------------- boxes


def art(picture: Pixels) -> list[str]:
    return ["".join("#" if mark else "." for mark in row) for row in changed(picture)]


def test_a_small_box() -> None:
    picture = draw_detections(gray(8, 6), detections([((0.5, 0.5, 0.5, 0.5), 0)], 8, 6), labels=False)
    # left 2, right 6; top 1.5 -> 1, bottom 4.5 -> 4
    assert art(picture) == ["........", "..#####.", "..#...#.", "..#...#.", "..#####.", "........"]
    assert picture[1, 2].tolist() == list(MAGENTA)


def test_boxes_are_clipped_to_the_picture() -> None:
    picture = draw_detections(gray(6, 4), detections([((0.0, 0.0, 1.2, 1.5), 0)], 6, 4), labels=False)
    # right 3.6 -> 3, bottom 3
    assert art(picture) == ["####..", "#..#..", "#..#..", "####.."]
    whole = draw_detections(gray(6, 4), detections([((0.5, 0.5, 9, 9), 0)], 6, 4), labels=False)
    assert art(whole) == ["######", "#....#", "#....#", "######"]


def test_lines_are_six_thousandths_of_the_height_wide() -> None:
    for height, width in ((100, 1), (166, 1), (334, 2), (500, 3)):  # Darknet: 0, 0, 2, 3
        picture = draw_detections(gray(300, height), detections([((0.5, 0.5, 0.5, 0.5), 0)], 300, height), labels=False)
        row = changed(picture)[height // 2]
        assert row[:150].sum() == row[150:].sum() == width
        assert np.flatnonzero(row)[0] == 75


def test_a_box_narrower_than_its_lines() -> None:
    """Inner frames of a box of one pixel turn inside out: columns to both sides, as Darknet draws it."""
    picture = draw_detections(gray(20, 500), detections([((0.525, 0.5, 0, 0.02), 0)], 20, 500), labels=False)
    # left = right = 10; top 245, bottom 255; 3 lines
    assert np.flatnonzero(changed(picture)[250]).tolist() == [8, 9, 10, 11, 12]
    assert np.flatnonzero(changed(picture)[246]).tolist() == [9, 10, 11]
    assert np.flatnonzero(changed(picture)[245]).tolist() == [10]


def test_later_boxes_are_drawn_over_earlier_ones() -> None:
    rows: list[Row] = [((0.5, 0.5, 0.5, 0.5), 0), ((0.5, 0.5, 0.5, 0.5), 16)]
    picture = draw_detections(gray(8, 6), detections(rows, 8, 6), labels=False)
    assert picture[1, 2].tolist() == list(YELLOW)


def test_the_first_class_of_a_box_gives_the_colour() -> None:
    rows: list[Row] = [((0.5, 0.5, 0.5, 0.5), 0), ((0.5, 0.5, 0.5, 0.5), 16)]
    picture = draw_detections(gray(8, 6), detections(rows, 8, 6, ids=[4, 4]), labels=False)
    assert picture[1, 2].tolist() == list(MAGENTA)


def test_boxes_that_are_not_finite_do_not_crash() -> None:
    rows: list[Row] = [((np.nan, 0.5, np.inf, 0.5), 0), ((0.5, 0.5, 3e38, np.nan), 1), ((-np.inf, 0.5, 1, 1), 2)]
    draw_detections(gray(50, 40), detections(rows, 50, 40))


@pytest.mark.parametrize(
    ("class_id", "classes", "colour"),
    [
        (0, 80, (255, 0, 255)),
        (16, 80, (255, 255, 0)),  # 16 * 123457 % 80 = 32, 32/80 * 5 = 2: the third colour, as blue, green, red
        (1, 80, (255, 15, 0)),  # 123457 % 80 = 17, 17/80 * 5 = 1.0625: 1/16 of the way from the second to the third
        (0, 1, (255, 0, 255)),
        (17394, 20000, (60, 255, 0)),  # 2147411058 is the last product that fits a C int; 11058/20000 * 5 = 2.7645
        (17395, 20000, (255, 205, 0)),  # wraps to -2147432781, whose remainder -12781 counts as 7219: 1.80475
    ],
)
def test_class_colours(class_id: int, classes: int, colour: tuple[int, int, int]) -> None:
    assert class_colour(class_id, classes) == colour


def test_the_picture_given_is_not_changed() -> None:
    picture = gray(60, 40)
    draw_detections(picture, detections([((0.5, 0.5, 0.5, 0.5), 0)], 60, 40))
    assert not changed(picture).any()


# --------------------------------------------------------------------------------------------------------------- labels


def plate(picture: Pixels, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom (inclusive) of where a colour is."""
    rows, columns = np.nonzero((picture == colour).all(axis=2))
    return columns.min(), rows.min(), columns.max(), rows.max()


def label_only(rows: list[Row], width: int, height: int, names: list[str] | None = None, ids: Any = None) -> Pixels:
    """Gray where the label is not."""
    found = detections(rows, width, height, names, ids)
    with_label, without = (draw_detections(gray(width, height), found, labels=flag) for flag in (True, False))
    return np.where((with_label != without).any(axis=2)[:, :, None], with_label, np.uint8(128))


def test_a_label_stands_on_its_box() -> None:
    picture = draw_detections(gray(400, 300), detections([((0.5, 0.5, 0.5, 0.5), 0)], 400, 300))
    left, top, right, bottom = plate(picture, MAGENTA)
    assert (left, right, bottom) == (100, 300, 225)
    assert 55 < top < 65, "the plate is higher than the box by the height of a line"
    assert (picture[top:75, 100:] < 90).all(axis=2).sum() > 30, "there is black text on it"


def test_a_label_goes_inside_where_there_is_no_room_above() -> None:
    rows, columns = np.nonzero(changed(label_only([((0.5, 0.25, 0.5, 0.5), 0)], 400, 300)))
    assert rows.min() == 1 and rows.max() < 30 and columns.min() > 100


def test_a_label_is_shifted_left_at_the_right_border() -> None:
    rows, columns = np.nonzero(changed(label_only([((0.98, 0.5, 0.04, 0.5), 0)], 400, 300)))
    assert columns.max() == 399 and columns.min() < 384
    assert rows.max() == 74


def test_labels_of_one_box_are_joined_and_those_of_two_apart() -> None:
    place = (0.5, 0.5, 0.5, 0.5)
    one = label_only([(place, 0), (place, 16)], 400, 300, ids=[3, 3])
    both = label_only([(place, 0), (place, 16)], 400, 300)
    single = label_only([(place, 0)], 400, 300)
    extent = [np.ptp(np.nonzero(changed(picture).any(axis=0))[0]) for picture in (single, one)]
    assert extent[1] > 1.9 * extent[0]
    assert (both == YELLOW).all(axis=2).sum() > 100
    above, inside = plate(single, MAGENTA), plate(both, YELLOW)
    assert above[3] < 75 <= inside[1], "the second label is inside the box, off the first one"


def test_text_stands_out_against_its_plate() -> None:
    colours = {class_id: class_colour(class_id, 6) for class_id in range(6)}
    assert len(set(colours.values())) > 3
    for class_id, colour in colours.items():
        picture = label_only([((0.5, 0.5, 0.5, 0.5), class_id)], 1200, 900, ["HHH"] * 6)
        ink = 255 if colour == (0, 0, 255) else 0
        assert (picture == ink).all(axis=2).any(), colour


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (9, 200), (100, 80), (60, 300), (900, 40), (4000, 3000)])
def test_labels_stay_in_pictures_of_any_size(size: tuple[int, int]) -> None:
    width, height = size
    rng = np.random.default_rng(1)
    rows: list[Row] = [(tuple(rng.uniform(-0.2, 1.2, 4)), int(i)) for i in range(12)]  # type: ignore[misc]
    picture = draw_detections(gray(width, height), detections(rows, width, height, ids=[0, *range(11)]))
    assert picture.shape == (height, width, 3)
    if height >= 40:
        assert label.label_size(width, height) >= 10
        assert changed(label_only(rows, width, height)).any()


@pytest.mark.parametrize(("width", "height", "size"), [(100, 80, 10), (768, 576, 20), (4000, 3000, 104)])
def test_font_size(width: int, height: int, size: int) -> None:
    assert label.label_size(width, height) == size


def test_long_labels_become_smaller_and_then_shorter() -> None:
    text = "dining table, potted plant"
    assert label.fit(text, 12, 1000) == (text, 12)
    same, smaller = label.fit(text, 30, 200)
    assert same == text and 8 <= smaller < 30
    short, least = label.fit(text, 12, 40)
    assert least == 8 and short.endswith("…") and text.startswith(short[:-1]) and len(short) > 3
    for given in ((text, 30, 200), (text, 12, 40)):
        assert label.text_mask(*label.fit(*given)).shape[1] <= given[2]


def test_characters_that_the_font_lacks() -> None:
    assert label.writable("plain", None) == "plain"
    assert label.writable("café 猫", None) in ("cafe ?", "café ?")


@pytest.fixture
def bitmap_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where Pillow is built without FreeType."""
    if not hasattr(ImageFont, "load_default_imagefont"):
        pytest.skip("this Pillow cannot give its bitmap font")
    label.writable_character.cache_clear()
    monkeypatch.setattr(label, "load_font", lambda size, font=None: ImageFont.load_default_imagefont())
    yield
    label.writable_character.cache_clear()


@pytest.mark.usefixtures("bitmap_font")
def test_without_freetype_a_bitmap_font_is_enlarged() -> None:
    small, large = label.text_mask("dog", 11), label.text_mask("dog", 33)
    assert large.shape == (3 * small.shape[0], 3 * small.shape[1])
    assert small.any()
    assert label.fit("dog … 猫", 11, 1000) == ("dog … 猫", 11)
    picture = draw_detections(
        gray(100, 80), detections([((0.5, 0.5, 0.5, 0.5), 0)], 100, 80, ["猫 much too long for it"])
    )
    assert (picture == MAGENTA).all(axis=2).sum() > 200


def test_a_font_of_ones_own(tmp_path: Path) -> None:
    found = detections([((0.5, 0.5, 0.5, 0.5), 0)], 100, 80)
    with pytest.raises(ImageError, match=r"nofont\.ttf: cannot use this font"):
        draw_detections(gray(100, 80), found, font=tmp_path / "nofont.ttf")


# ---------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tga", ".ppm", ".tif", ".PNG"])
def test_lossless_formats_give_the_pixels_back(tmp_path: Path, suffix: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3), np.uint8)
    save_image(tmp_path / f"picture{suffix}", pixels)
    with Image.open(tmp_path / f"picture{suffix}") as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)
    assert os.listdir(tmp_path) == [f"picture{suffix}"]


def test_jpeg_is_of_high_quality(tmp_path: Path) -> None:
    pixels = draw_detections(gray(100, 80), detections([((0.5, 0.5, 0.5, 0.5), 0)], 100, 80))
    save_image(tmp_path / "picture.jpg", pixels)
    with Image.open(tmp_path / "picture.jpg") as picture:
        assert picture.format == "JPEG"
        assert np.abs(np.asarray(picture).astype(int) - pixels).mean() < 2


def test_an_array_view_can_be_saved(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)[::2, ::-1]
    save_image(tmp_path / "picture.png", pixels)
    with Image.open(tmp_path / "picture.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_errors(tmp_path: Path) -> None:
    pixels = gray(4, 4)
    with pytest.raises(ImageError, match=r"picture\.xyz: cannot write pictures with suffix '\.xyz'; choose from \.jpg"):
        save_image(tmp_path / "picture.xyz", pixels)
    with pytest.raises(ImageError, match="cannot be written: No such file or directory"):
        save_image(tmp_path / "nowhere" / "picture.png", pixels)
    for bad in (pixels[:, :, 0], pixels.astype(np.float32), pixels[:0], "picture"):
        with pytest.raises(ImageError, match="a picture"):
            save_image(tmp_path / "picture.png", bad)  # type: ignore[arg-type]
        with pytest.raises(ImageError, match="a picture"):
            draw_detections(bad, detections([], 4, 4))  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []
    (tmp_path / "kept.jpg").write_bytes(b"before")
    with pytest.raises(ImageError, match=r"kept\.jpg: cannot be written"):
        save_image(tmp_path / "kept.jpg", np.zeros((1, 70000, 3), np.uint8))  # JPEG ends at 65535
    assert (tmp_path / "kept.jpg").read_bytes() == b"before"


def test_too_little_memory_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise MemoryError

    pixels = np.zeros((4, 4, 3), np.uint8)
    monkeypatch.setattr(Image, "fromarray", full)
    with pytest.raises(ImageError, match=r"a\.png: cannot be written: there is not enough memory"):
        save_image(tmp_path / "a.png", pixels)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("darknet_py.image.draw.np.array", full)
    with pytest.raises(ImageError, match="not enough memory to draw"):
        draw_detections(pixels, Detections.empty((4, 4), classes=1))
