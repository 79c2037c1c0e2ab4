"""Filters: classes, sizes, zones, clipping; the same wherever they are asked for, and no number changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darknet_py.detect.detections import Detections
from darknet_py.detect.filters import NO_FILTER, Filter, make_filter
from darknet_py.detect.sizes import Size, make_size
from darknet_py.detect.zones import contains, make_zone, share_within
from darknet_py.detector import Detector
from darknet_py.errors import DarknetError, DarknetWarning
from darknet_py.evaluate.average_precision import evaluate
from darknet_py.evaluate.found import Found
from darknet_py.evaluate.truth import Truth
from darknet_py.loading import load
from darknet_py.synth import write_synth
from darknet_py.video.average import Averager, demo_view

from .nets import write_cfg
from .program import ask, failure
from .test_cli import OWN
from .test_wordtree import TEXT as TREE_CFG
from .test_wordtree import TREE

NAMES = ["ant", "bee", "cat"]


def some() -> Detections:
    """Four rows in a picture of 200 x 100."""
    box = [[0.1, 0.1, 0.1, 0.1], [0.5, 0.5, 0.4, 0.4], [0.9, 0.9, 0.4, 0.2], [1.2, 0.5, 0.2, 0.2]]
    return Detections(np.array(box, np.float32), np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.array([0, 1, 2, 1]),
                      np.arange(4), (200, 100), 3, NAMES)  # fmt: skip


def ids(found: Detections) -> list[int]:
    return found.box_id.tolist()


@pytest.fixture(scope="module")
def detector(net: Path) -> Detector:
    return load(net / "net.cfg", net / "net.weights", names=NAMES)


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ({}, [0, 1, 2, 3]),
        ({"classes": "bee"}, [1, 3]),
        ({"classes": "BEE, cat"}, [1, 2, 3]),
        ({"classes": [0, "cat"]}, [0, 2]),
        ({"classes": "0,2"}, [0, 2]),
        ({"min_size": "8%"}, [1, 2]),
        ({"min_size": 0.1}, [1]),
        ({"max_size": "4.1%"}, [0, 3]),
        ({"min_size": "20px"}, [1, 2, 3]),
        ({"min_size": "50x30px"}, [1]),
        ({"min_size": "19x9px", "max_size": "21x11px"}, [0]),
        ({"max_size": "81x21px"}, [0, 2, 3]),
        ({"zones": ["0,0,.5,1"]}, [0]),
        ({"zones": ["0,0,100,100"]}, [0]),
        ({"zones": ["0,0,.2,.2", ".8,.8,1,1"]}, [0, 2]),
        ({"zones": [[0.4, 0.4, 0.6, 0.4, 0.5, 0.7]]}, [1]),
        ({"zones": ["0,0,.51,1"], "zone_by": "overlap"}, [0, 1]),
        ({"zones": ["0,0,.5,1"], "zone_by": "overlap:.51"}, [0]),
        ({"zones": [".9,0,1,1"], "zone_by": "overlap:.24"}, [2]),
        ({"clip": True}, [0, 1, 2]),
        ({"clip": True, "min_size": "5%"}, [1, 2]),
        ({"clip": True, "min_size": "7%"}, [1]),
        ({"classes": "cat", "zones": ["0,0,.5,1"]}, []),
    ],
)  # fmt: skip
def test_what_passes(words: dict[str, Any], left: list[int]) -> None:
    found = some().filter(**words)
    assert ids(found) == left
    if not words.get("clip"):
        assert found == some()[left], "nothing but rows goes away"
    else:
        assert found.box.max(initial=0) <= 1 and found == some().clip()[left]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"classes": "cta"}, "class 'cta': the network knows none of that name. Did you mean cat?"),
        ({"classes": "ANTS"}, "Did you mean ant?"),
        ({"classes": "ant,zebra"}, "There are ant, bee, cat"),
        ({"classes": 3}, "class 3: there are classes 0 to 2"),
        ({"classes": [-1]}, "class -1"),
        ({"classes": []}, "none is given"),
        ({"classes": ","}, "none of that name"),
        ({"classes": [None]}, "neither a name nor a number"),
        ({"min_size": "20"}, "20px"),
        ({"min_size": "nan"}, "is no size"),
        ({"max_size": -0.1}, "is no size"),
        ({"max_size": "1x1%"}, "is no size"),
        ({"min_size": "9%", "max_size": "8%"}, "min_size is above max_size"),
        ({"min_size": "9px", "max_size": "10x8px"}, "min_size is above max_size"),
        ({"zones": ["0,0,1"]}, "3 numbers are no zone"),
        ({"zones": ["0,0,1,nan"]}, "'nan' must be a number from 0"),
        ({"zones": ["0,0,1,inf"]}, "'inf' must be a number from 0"),
        ({"zones": ["-1,0,1,1"]}, "'-1' must be a number from 0"),
        ({"zones": ["0,0,1,1e300"]}, "'1e300' must be a number"),
        ({"zones": ["0,0,x,1"]}, "'x' must be a number"),
        ({"zones": [[True, 0, 1, 1]]}, "'True' must be a number"),
        ({"zones": ["0,0,.5,2"]}, "write fractions from 0 to 1 only, or pixels only"),
        ({"zones": ["0,0,0,1"]}, "has no area"),
        ({"zones": ["1,1,1,1,1,1"]}, "has no area"),
        ({"zones": ["0,0,1,1,1,0,0,1"]}, "cross or touch"),
        ({"zones": ["0,0,4,0,2,0,2,4"]}, "cross or touch"),
        ({"zones": ["0,0,8,0,8,8,4,0,0,8"]}, "cross or touch"),
        ({"zones": [list(range(2, 2006))]}, "500 are the most"),
        ({"zones": ["0,0,1,1"], "zone_by": "middle"}, "write centre, overlap"),
        ({"zones": ["0,0,1,1"], "zone_by": "overlap:0"}, "above 0"),
        ({"zones": ["0,0,1,1"], "zone_by": "overlap:nan"}, "above 0"),
        ({"zone_by": "overlap"}, "there is no zone"),
    ],
)  # fmt: skip
def test_what_is_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(DarknetError) as error:
        some().filter(**words)
    assert message in str(error.value)


def test_without_names_a_name_is_refused_and_a_number_is_not() -> None:
    found = Detections(some().box, some().confidence, some().class_id, some().box_id, (200, 100), 3)
    assert ids(found.filter(classes="1")) == [1, 3]
    with pytest.raises(DarknetError, match="no class names are known"):
        found.filter(classes="bee")
    with pytest.raises(DarknetError, match="not known yet"):
        make_filter("bee").select(found)


def test_names_with_commas_and_names_that_are_numbers() -> None:
    filter = make_filter(["a, b"]).for_classes(["a", "a, b", "b"], 3)
    assert filter.classes == (1,)
    assert make_filter("7").for_classes(["7", "x"], 2).classes == (0,), "a name comes before a number"
    assert make_filter("x").for_classes(["x", "y", "x"], 3).classes == (0, 2), "all of that name"


def test_a_box_that_is_not_finite_is_in_no_zone_and_of_no_size() -> None:
    box = np.array([[np.nan, 0.5, 0.1, 0.1], [0.5, 0.5, np.inf, 0.1], [0.5, 0.5, 0.1, 0.1]], np.float32)
    for words in ({"zones": ["0,0,1,1"], "zone_by": "overlap"}, {"max_size": 1}):
        passed = make_filter(**words).passes(box, (10, 10))  # type: ignore[arg-type]
        assert passed.tolist() == ([False, False, True] if "zones" in words else [True, False, True])


def test_a_zone_outside_of_the_picture_is_empty_and_said_to_be() -> None:
    with pytest.warns(DarknetWarning, match="lies outside of a picture of 200 x 100: nothing is in it"):
        assert not len(some().filter(zones=["300,0,400,100"]))


corner = st.tuples(st.integers(0, 40), st.integers(0, 40))


@settings(max_examples=150, deadline=None)
@given(st.lists(corner, min_size=3, max_size=7), corner, corner)
def test_the_share_within_a_polygon_is_that_of_its_points(
    points: list[tuple[int, int]], one: tuple[int, int], two: tuple[int, int]
) -> None:
    left, right = sorted((one[0], two[0]))
    top, bottom = sorted((one[1], two[1]))
    try:
        zone = make_zone([2 + value for point in points for value in point])
    except DarknetError:
        return
    corners = zone.corners((100, 100))
    rectangle = np.array([left, top, right, bottom], np.float64) + 2
    grid = (np.indices((160, 160)).reshape(2, -1).T + 0.5) / 160 * [right - left, bottom - top] + [left + 2, top + 2]
    expected = contains(corners, grid).mean() if right > left and bottom > top else 0
    assert share_within(corners, rectangle) == pytest.approx(expected, abs=0.02)


def test_contains_agrees_with_what_is_known_of_shapes() -> None:
    arrow = make_zone("0,0,8,4,0,8,2,4").corners((10, 10))
    points = np.array([[3, 4], [1, 4], [7, 4], [1, 1], [1, 0.4], [9, 9], [-1, 4]], np.float64)
    assert contains(arrow, points).tolist() == [True, False, True, True, False, False, False]


def test_detect_reports_what_it_found_without_a_filter_less_the_rest(detector: Detector, net: Path) -> None:
    everything = detector.detect(net / "photo.png", thresh=0.3)
    assert len(set(everything.class_id.tolist())) > 1
    for filter in (
        make_filter(min_size="3%"), make_filter(zones=["0,0,.5,.6"]), make_filter("cat", max_size="40%"),
        make_filter(zones=["0,0,60,60"], zone_by="overlap:.8"), make_filter(clip=True), NO_FILTER,
    ):  # fmt: skip
        found = detector.detect(net / "photo.png", thresh=0.3, filter=filter)
        assert found == everything.filter(filter)
        assert [found] == detector.detect_batch([net / "photo.png"], thresh=0.3, filter=filter)
        assert filter == NO_FILTER or 0 < len(found) <= len(everything)
    chosen = detector.detect(net / "photo.png", thresh=0.3, classes="cat,ant")
    assert chosen == everything.filter(classes=["ant", "cat"]) and len(chosen) < len(everything)


def test_classes_are_given_once_and_are_known(detector: Detector, net: Path) -> None:
    with pytest.raises(DarknetError, match="and by the filter, too"):
        detector.detect(net / "photo.png", classes="cat", filter=make_filter("ant"))
    with pytest.raises(DarknetError, match="Did you mean bee"):
        detector.detect(net / "photo.png", classes="beee")


def test_with_a_wordtree_a_class_stands_for_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "small.tree").write_text(TREE)
    cfg = write_cfg(tmp_path, TREE_CFG)
    write_synth(cfg, tmp_path / "net.weights")
    detector = load(cfg, tmp_path / "net.weights")
    (tree,) = detector.trees.values()
    inner = next(node for node in range(tree.n) if tree.parent[node] < 0 and not tree.leaf[node])
    below = {node for node in range(tree.n) if inner in tree.path(node)}
    assert len(below) > 1
    assert set(detector.filter_of(make_filter(inner)).classes or ()) == below
    assert set(detector.filter_of(make_filter(tree.names[inner])).classes or ()) == below


def test_the_command_line_has_the_same(detector: Detector, net: Path) -> None:
    options = ["--no-picture", "--json", "-", "--quiet"]
    words = ["--classes", "cat,ant", "--min-size", "1%", "--zone", "0,0,.7,1", "--zone-by", "overlap:.5", "--clip"]
    answer = ask("detect", "photo.png", *OWN, *words, *options, cwd=net)
    assert answer.code == 0, answer.err
    filter = make_filter("cat,ant", "1%", zones=["0,0,.7,1"], zone_by="overlap:.5", clip=True)
    expected = detector.detect(net / "photo.png", thresh=0.3, filter=filter)
    assert json.loads(answer.out)[0]["objects"] == expected.to_json() and len(expected)
    for words, message in (
        (["--classes", "ca"], "Did you mean cat?"), (["--zone", "0,0,0,0"], "has no area"),
        (["--min-size", "5"], "is no size"), (["--zone-by", "overlap"], "there is no zone"),
    ):  # fmt: skip
        assert message in failure("detect", "photo.png", *OWN, *words, cwd=net)
    nothing = ask("detect", "photo.png", *OWN, "--max-size", "0px", "--no-picture", cwd=net)
    assert nothing.err == "photo.png: nothing above 30% that the filters let through\n"


def test_a_video_has_the_same(detector: Detector, net: Path) -> None:
    pixels = np.asarray(Image.open(net / "photo.png").convert("RGB"))
    view = demo_view(detector, 0.3)
    plain = Averager(detector, 1).detect(detector.prepare(pixels, view), (90, 60), view)
    filter = detector.filter_of(make_filter("cat", zones=["0,0,.9,1"]))
    detector.view, before = demo_view(detector, 0.3, nms=0.4), detector.view
    try:
        detector.view = type(view)(fit=view.fit, filter=filter)
        looking = demo_view(detector, 0.3)
        found = Averager(detector, 1).detect(detector.prepare(pixels, looking), (90, 60), looking)
    finally:
        detector.view = before
    assert found == plain.filter(filter) and 0 < len(found) < len(plain)


def test_an_evaluation_of_some_classes_and_a_zone() -> None:
    box = np.array([[0.2, 0.5, 0.2, 0.2], [0.8, 0.5, 0.2, 0.2], [0.49, 0.5, 0.2, 0.2]], np.float32)
    truth = Truth(np.array([0, 0, 0]), box + np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0.02, 0, 0, 0]], np.float32))
    other = Truth(np.array([1, 1, 1]), box)
    score = np.array([0.9, 0.8, 0.7], np.float32)
    everything = Found((100, 100), box, np.arange(3), np.zeros(3, np.int64), score)
    filter = make_filter([0], zones=["0,0,.5,1"])
    left = np.array([True, False, True])
    found = Found((100, 100), box[left], np.arange(2), np.zeros(2, np.int64), score[left])
    plain = evaluate([everything, everything], [truth, other], 2)
    assert (plain.truths, plain.tp, plain.fp) == (6, 3, 3)
    chosen = evaluate([found, found], [truth, other], 2, filter=filter)
    # One object lies in the zone, and is found; the detection of the one beyond the border is no mistake.
    assert (chosen.truths, chosen.tp, chosen.fp, chosen.detections) == (1, 1, 2, 3)
    assert chosen.mean == chosen.mean_of_present == chosen.curves[0].average
    assert evaluate([found], [truth], 2, filter=filter).mean == 1


def test_sizes_and_filters_are_values() -> None:
    assert make_size("min_size", "1%") == Size(0.01) and make_filter() == NO_FILTER and not NO_FILTER.active
    assert hash(make_filter("a", "1%", zones=["0,0,1,1"])) == hash(make_filter(["a"], 0.01, zones=[[0, 0, 1, 1]]))
    assert Filter(classes=(1,)).active
