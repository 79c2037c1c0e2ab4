"""Pictures in tiles: which parts are looked at, and that their boxes are joined where one object was found twice."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darknet_py.detect.nms import Boxes
from darknet_py.detect.tiles import LEAST_SIDE, Region, Tiles, join, make_tiles
from darknet_py.detector import Detector
from darknet_py.errors import DarknetError
from darknet_py.evaluate.found import Setting, find
from darknet_py.image.load import load_image
from darknet_py.loading import load
from darknet_py.video.average import Averager, demo_view

from .nets import build
from .nets import net as net_text
from .program import ask, failure
from .test_cli import OWN


@pytest.fixture(scope="module")
def detector(net: Path) -> Detector:
    return load(net / "net.cfg", net / "net.weights", names=["ant", "bee", "cat"])


WIDE = [Region(0, 0, 200, 100), Region(0, 0, 110, 100), Region(90, 0, 110, 100)]
"""A picture in two tiles side by side."""


def boxes(region: Region, *rows: tuple[float, float, float, float, float], classes: tuple[int, ...] = ()) -> Boxes:
    """Boxes of a region, each left, top, right, bottom in pixels of the picture, and a probability."""
    edges = np.array([row[:4] for row in rows], np.float64).reshape(-1, 4) - [region.x, region.y] * 2
    box = np.concatenate([(edges[:, :2] + edges[:, 2:]) / 2, edges[:, 2:] - edges[:, :2]], axis=1)
    prob = np.zeros((len(rows), 2), np.float32)
    for number, row in enumerate(rows):
        prob[number, classes[number] if classes else 0] = row[4]
    return Boxes((box / ([region.w, region.h] * 2)).astype(np.float32), prob.max(axis=1, initial=0), prob,
                 np.arange(len(rows)))  # fmt: skip


def joined(*parts: list[tuple[float, float, float, float, float]], nms: float = 0.45) -> list[tuple[list[int], float]]:
    """Edges and probability of what is left."""
    left = join([boxes(region, *rows) for region, rows in zip(WIDE, parts, strict=True)], WIDE, nms)
    size = np.array([200, 100] * 2)
    pixels = left.box * size
    edges = np.concatenate([pixels[:, :2] - pixels[:, 2:] / 2, pixels[:, :2] + pixels[:, 2:] / 2], axis=1)
    return [
        (row.round().astype(int).tolist(), round(float(p), 2)) for row, p in zip(edges, left.prob[:, 0], strict=True)
    ]


def test_an_object_that_is_found_in_two_regions_counts_once_and_the_better_one_is_kept() -> None:
    assert joined([(10, 10, 50, 50, 0.6)], [(12, 10, 50, 50, 0.9)], []) == [([12, 10, 50, 50], 0.9)]
    assert joined([], [(92, 10, 108, 50, 0.6)], [(93, 10, 108, 50, 0.7)]) == [([93, 10, 108, 50], 0.7)]


def test_objects_apart_stay_apart() -> None:
    apart = [([10, 10, 50, 50], 0.6), ([60, 10, 85, 50], 0.9), ([150, 10, 190, 50], 0.8)]
    assert joined([(10, 10, 50, 50, 0.6)], [(60, 10, 85, 50, 0.9)], [(150, 10, 190, 50, 0.8)]) == apart


def test_what_a_seam_cuts_goes_for_what_is_whole() -> None:
    # The right part of an object reaches to the left edge of the second tile; the whole one is in the first.
    assert joined([], [(60, 10, 105, 50, 0.5)], [(90, 10, 105, 50, 0.9)]) == [([60, 10, 105, 50], 0.9)]
    assert joined([], [(60, 10, 105, 50, 0.9)], [(90, 10, 105, 50, 0.5)]) == [([60, 10, 105, 50], 0.9)]
    # Too large for both tiles, but found in the picture as a whole.
    large = joined([(20, 10, 180, 90, 0.6)], [(20, 10, 110, 90, 0.8)], [(90, 10, 180, 90, 0.7)])
    assert large == [([20, 10, 180, 90], 0.8)]


def test_two_parts_of_an_object_that_no_region_holds_are_one() -> None:
    assert joined([], [(20, 10, 110, 90, 0.8)], [(90, 12, 180, 90, 0.7)]) == [([20, 10, 180, 90], 0.8)]
    # Not if they are two objects above one another, or of two heights.
    assert len(joined([], [(20, 10, 110, 40, 0.8)], [(90, 50, 180, 90, 0.7)])) == 2
    assert len(joined([], [(20, 10, 110, 30, 0.8)], [(90, 10, 180, 90, 0.7)])) == 2


def test_a_small_whole_object_before_a_large_one_stays() -> None:
    assert len(joined([(10, 10, 80, 90, 0.9)], [(30, 30, 40, 40, 0.8)], [])) == 2


def test_other_classes_and_no_suppression_join_nothing() -> None:
    parts = [boxes(WIDE[0], (10, 10, 50, 50, 0.6)), boxes(WIDE[1], (10, 10, 50, 50, 0.9), classes=(1,)), boxes(WIDE[2])]
    assert len(join(parts, WIDE, 0.45)) == 2
    assert len(joined([(10, 10, 50, 50, 0.6)], [(12, 10, 50, 50, 0.9)], [], nms=0)) == 2


def test_a_box_of_two_classes_stays_one_box() -> None:
    two = boxes(WIDE[1], (10, 10, 50, 50, 0.9))
    two.prob[0, 1] = 0.5
    left = join([boxes(WIDE[0], (150, 10, 190, 50, 0.6)), two, boxes(WIDE[2])], WIDE, 0.45)
    assert left.prob.tolist() == [[np.float32(0.6), 0], [np.float32(0.9), 0.5]]


@given(st.integers(1, 400), st.integers(1, 32), st.floats(0, 0.9))
def test_tiles_cover_the_picture_and_overlap(length: int, count: int, overlap: float) -> None:
    regions = Tiles(count, 1, overlap).regions((length, 50))
    assert regions[0] == (0, 0, length, 50)
    tiles = regions[1:] or regions
    assert tiles[0].x == 0 and tiles[-1].x + tiles[-1].w == length
    assert len(tiles) == min(count, max(1, length // LEAST_SIDE))
    for one, two in pairwise(tiles):
        assert one.x < two.x and one.x + one.w - two.x >= overlap * one.w - 2


@pytest.mark.parametrize("tiles", ["0x0", "0x1", "33x1", "2", "2x", "x", "1e9x1", (2,), (1.5, 2), (True, 1), "-1x2"])
def test_what_are_no_tiles(tiles: str) -> None:
    with pytest.raises(DarknetError, match="tiles="):
        make_tiles(tiles)


@pytest.mark.parametrize("overlap", [-0.1, 0.91, float("nan")])
def test_what_is_no_overlap(overlap: float) -> None:
    with pytest.raises(DarknetError, match="tile_overlap="):
        make_tiles("2x2", overlap)


def test_one_tile_is_the_picture_bit_for_bit(detector: Detector, net: Path) -> None:
    plain = detector.detect(net / "photo.png", thresh=0.3)
    assert detector.detect(net / "photo.png", thresh=0.3, tiles="1x1") == plain and len(plain)
    assert detector.detect(net / "photo.png", thresh=0.3, tiles=(32, 32)) != plain
    small = load_image(net / "photo.png")[:60, :60]
    assert detector.detect(small, thresh=0.3, tiles=(2, 2)) == detector.detect(small, thresh=0.3), "too small for tiles"


def test_each_region_is_looked_at_as_alone(detector: Detector, net: Path) -> None:
    pixels = load_image(net / "photo.png")
    tiles = Tiles(2, 1)
    parts = [detector.detect(pixels[y : y + h, x : x + w], thresh=0.3, nms=0) for x, y, w, h in tiles.regions((90, 60))]
    found = detector.detect(pixels, thresh=0.3, nms=0, tiles=tiles)
    assert found.confidence.tolist() == np.concatenate([part.confidence for part in parts]).tolist()
    for region, part in zip(tiles.regions((90, 60)), parts, strict=True):
        moved = part.xyxy + [region.x, region.y] * 2
        assert all((np.abs(found.xyxy - row).max(axis=1) < 0.01).any() for row in moved)
    assert detector.seconds > 0


def test_filters_see_the_joined_boxes(detector: Detector, net: Path) -> None:
    found = detector.detect(net / "photo.png", thresh=0.3, tiles="2x1")
    chosen = detector.detect(net / "photo.png", thresh=0.3, tiles="2x1", classes="cat")
    assert chosen == found.filter(classes="cat") and 0 < len(chosen) < len(found)


def test_evaluation_video_and_command_line_have_the_same(detector: Detector, net: Path) -> None:
    pixels = load_image(net / "photo.png")
    found = detector.detect(pixels, thresh=0.3, tiles="2x1")
    setting = Setting(0.3, tiles=Tiles(2, 1))
    (other,) = find(detector, [detector.make_ready(pixels, setting.view())], setting)
    assert other.score.tolist() == found.confidence.tolist() and other.class_id.tolist() == found.class_id.tolist()
    view = replace(demo_view(detector, 0.3, nms=0.45), tiles=Tiles(2, 1), suppress=None)
    averager = Averager(detector, 1)
    assert averager.detect(averager.prepare(pixels, view), (90, 60), view) == found
    answer = ask("detect", "photo.png", *OWN, "--tiles", "2x1", "--json", "-", "-q", "--no-picture", cwd=net)
    assert json.loads(answer.out)[0]["objects"] == found.to_json()
    assert "0x0" in failure("detect", "photo.png", *OWN, "--tiles", "0x0", cwd=net)
    assert "--tiles" in failure("detect", "photo.png", *OWN, "--tile-overlap", ".3", cwd=net, code=2)


def test_tree_paths_and_steps_of_time_are_refused(detector: Detector, net: Path, tmp_path: Path) -> None:
    with pytest.raises(DarknetError, match="tree paths"):
        detector.detect(net / "photo.png", tiles="2x2", tree_path=True)
    recurrent = build(
        tmp_path, net_text(3, 8, 8, "crnn output_filters=2 hidden_filters=2", "conv filters=8 activation=linear size=1",
                           "yolo classes=3 num=1 anchors=9,9")
    )  # fmt: skip
    with pytest.raises(DarknetError, match="recurrent"):
        recurrent.detect(np.zeros((90, 90, 3), np.uint8), tiles="2x2")
