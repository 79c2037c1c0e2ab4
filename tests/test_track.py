"""Objects numbered over frames, and counted at lines."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from darknet_py.detect.detections import Detections
from darknet_py.detect.zones import make_line
from darknet_py.errors import DarknetError
from darknet_py.image.draw import draw_detections
from darknet_py.output.writers import WRITERS
from darknet_py.video.frames import Frame, Result
from darknet_py.video.outputs import JsonLines, Text
from darknet_py.video.track import Follower, LineCounter, Tracker

from .program import ask, failure
from .test_cli import OWN

NAMES = ["car", "person", "truck"]
SIZE = (200, 100)
PIXELS = np.zeros((100, 200, 3), np.uint8)


def seen(*boxes: tuple[float, float, int], side: float = 0.2) -> Detections:
    """Boxes with a centre in fractions of the picture, and a class."""
    box = np.array([(x, y, side, side) for x, y, _ in boxes], np.float32).reshape(-1, 4)
    class_id = np.array([class_id for *_, class_id in boxes], np.int64)
    return Detections(box, np.full(len(boxes), 0.5, np.float32), class_id, np.arange(len(boxes)), SIZE, 3, NAMES)


def numbers(tracker: Tracker, *frames: Detections, first: int = 1) -> list[list[int]]:
    return [list(tracker.update(found, first + number).track_ids) for number, found in enumerate(frames)]


def test_objects_keep_their_numbers_whatever_their_order() -> None:
    frames = [seen((0.1 + 0.03 * i, 0.3, 1), (0.9 - 0.03 * i, 0.7, 1)) for i in range(10)]
    swapped = [found[[1, 0]] if i % 2 else found for i, found in enumerate(frames)]
    assert numbers(Tracker(), *swapped) == [[2, 1] if i % 2 else [1, 2] for i in range(10)]


def test_two_that_pass_each_other_keep_their_numbers_by_their_speed() -> None:
    frames = [seen((0.2 + 0.04 * i, 0.5, 1), (0.8 - 0.04 * i, 0.53, 1)) for i in range(16)]
    assert numbers(Tracker(), *frames) == [[1, 2]] * 16


def test_one_that_is_hidden_for_a_while_is_expected_farther_on() -> None:
    moving = [seen((0.1 + 0.02 * i, 0.5, 1)) if i not in range(10, 20) else seen() for i in range(40)]
    assert {number for frame in numbers(Tracker(), *moving) for number in frame} == {1}
    resting = numbers(Tracker(patience=5), seen((0.1, 0.5, 1)), *[seen()] * 5, seen((0.1, 0.5, 1)))
    assert resting[-1] == [2], "it was forgotten"
    assert numbers(Tracker(patience=6), seen((0.1, 0.5, 1)), *[seen()] * 5, seen((0.1, 0.5, 1)))[-1] == [1]


def test_frames_that_were_left_out_count() -> None:
    tracker = Tracker()
    for number in (1, 2, 3, 4, 8, 9, 15):
        found = tracker.update(seen((0.1 + 0.03 * number, 0.5, 1)), number)
        assert list(found.track_ids) == [1]
    with pytest.raises(DarknetError, match="does not come after frame 15"):
        tracker.update(seen(), 15)


def test_the_same_class_comes_first_and_another_may_follow() -> None:
    tracker = Tracker()
    assert numbers(tracker, seen((0.5, 0.5, 0), (0.52, 0.5, 1))) == [[1, 2]]
    assert numbers(tracker, seen((0.51, 0.5, 1), (0.51, 0.5, 0)), first=2) == [[2, 1]]
    assert numbers(tracker, seen((0.51, 0.5, 2)), first=3)[0][0] in (1, 2), "a car that is a truck for a frame"


def test_rows_of_one_box_have_one_number() -> None:
    found = seen((0.5, 0.5, 0), (0.5, 0.5, 2), (0.1, 0.1, 1))
    one = Detections(found.box, found.confidence, found.class_id, np.array([4, 4, 7]), SIZE, 3, NAMES)
    assert list(Tracker().update(one, 1).track_ids) == [1, 1, 2]


def test_boxes_that_are_not_finite_stay_alone() -> None:
    found = seen((np.nan, 0.5, 0), (0.5, 0.5, 0))
    assert numbers(Tracker(), found, found, seen()) == [[1, 2], [3, 2], []]


def test_what_a_tracker_cannot_be() -> None:
    for words in ({"overlap": 0}, {"overlap": float("nan")}, {"patience": 0}):
        with pytest.raises(DarknetError, match="overlap="):
            Tracker(**words)  # type: ignore[arg-type]


def crossings(line: str, *ways: list[tuple[float, float]], class_id: int = 1) -> tuple[dict[str, int], dict[str, int]]:
    """Counts after objects went from place to place, one after the other."""
    counter = LineCounter(line)
    for number, way in enumerate(ways):
        for place in way:
            found = seen((*place, class_id))
            counter.update(Detections(found.box, found.confidence, found.class_id, found.box_id, SIZE, 3, NAMES,
                                      track_ids=[number]))  # fmt: skip
    return dict(counter.crossings.right), dict(counter.crossings.left)


def test_a_crossing_counts_on_its_way_and_between_the_lines_ends() -> None:
    down, up = [(0.5, 0.3), (0.5, 0.45), (0.5, 0.6)], [(0.4, 0.7), (0.4, 0.2)]
    assert crossings("0.2,.5,.8,.5", down, up, down) == ({"person": 2}, {"person": 1})
    assert crossings("160,50,40,50", down, up) == ({"person": 1}, {"person": 1}), "seen from the other end"
    assert crossings("0.2,.5,.8,.5", [(0.9, 0.3), (0.9, 0.6)]) == ({}, {}), "past its end"
    assert crossings("0.2,.5,.8,.5", [(0.1, 0.3), (0.5, 0.7)], [(0.1, 0.4), (0.1, 0.6), (0.5, 0.7)]) == (
        {"person": 1},
        {},
    )


def test_one_that_trembles_on_a_line_counts_once_and_one_that_comes_back_counts_twice() -> None:
    trembling = [(0.5, 0.3), *[(0.5, 0.499), (0.5, 0.501)] * 10, (0.5, 0.7)]
    assert crossings("0,.5,1,.5", trembling) == ({"person": 1}, {})
    assert crossings("0,.5,1,.5", [(0.5, 0.3), (0.5, 0.7), (0.5, 0.3)]) == ({"person": 1}, {"person": 1})


@pytest.mark.parametrize("line", ["0,0,1", "0,0,0,0", "0,0,1,nan", "0,0,1,1,1,1", "a,0,1,1", "", "0,.5,3,3"])
def test_what_is_no_line(line: str) -> None:
    with pytest.raises(DarknetError, match="line "):
        make_line(line)


def test_text_json_and_picture_have_numbers_and_counts(tmp_path: Path) -> None:
    follow, text = Follower(["0,.5,1,.5", ".5,0,.5,1"]), io.StringIO()
    printed, lines = Text(text, False, WRITERS["darknet"].frame), JsonLines(str(tmp_path / "found.jsonl"), "film")
    for number in range(1, 8):
        found = seen((0.3, 0.2 + 0.1 * number, 0), (0.8, 0.9 - 0.1 * number, 1))
        result = follow(Result(Frame(number, number / 10, PIXELS), found, 10.0))
        printed.put(result)
        lines.put(result)
    lines.close()
    assert text.getvalue().endswith(
        "car: 50% #1\nperson: 50% #2\nLine 1: 1 to the right (car 1), 1 to the left (person 1)\n"
        "Line 2: 0 to the right, 0 to the left\n"
    )
    assert list(WRITERS["alexeyab"].frame(result.found, False)) == ["car: 50% #1", "person: 50% #2"]
    entries = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert [[each["track_id"] for each in entry["objects"]] for entry in entries] == [[1, 2]] * 7
    assert entries[0]["lines"] == [{"right": {}, "left": {}}] * 2
    assert entries[-1]["lines"] == [{"right": {"car": 1}, "left": {"person": 1}}, {"right": {}, "left": {}}]
    assert (draw_detections(PIXELS, result.found) != draw_detections(PIXELS, found)).any()


def test_detections_keep_their_numbers() -> None:
    found = Tracker().update(seen((0.2, 0.2, 0), (0.7, 0.7, 1)), 1)
    assert list(found[[1]].track_ids) == [2] and found != seen((0.2, 0.2, 0), (0.7, 0.7, 1))
    assert list(Detections.merge([found[[1]], found[[0]]]).track_ids) == [2, 1]
    assert [row["track_id"] for row in found.to_records()] == found.to_dict()["track_id"] == [1, 2]
    assert list(found.filter(classes="person").track_ids) == [2]
    with pytest.raises(DarknetError, match="track numbers"):
        Detections.merge([found, seen((0.2, 0.2, 0))])
    with pytest.raises(DarknetError, match="1 track numbers for 2 rows"):
        Detections(found.box, found.confidence, found.class_id, found.box_id, SIZE, 3, NAMES, track_ids=[1])


def test_the_demo_numbers_and_counts(net: Path, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(3):
        shutil.copy(net / "photo.png", tmp_path / "frames" / f"{number}.png")
    words = ["--avg", "1", "--count-line", "0,.5,1,.5", "--classes", "cat", "--json", tmp_path / "found.jsonl"]
    answer = ask("demo", tmp_path / "frames", *OWN, *words, cwd=net)
    assert answer.code == 0, answer.err
    entries = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert len(entries) == 3 and entries[0] == {**entries[2], "frame_id": 1, "time": 0.0}, "nothing moves"
    ids = [each["track_id"] for each in entries[0]["objects"]]
    assert sorted(ids) == list(range(1, len(ids) + 1)) and ids
    assert {each["name"] for each in entries[0]["objects"]} == {"cat"}
    assert entries[2]["lines"] == [{"right": {}, "left": {}}]
    assert answer.out.count("Line 1: 0 to the right, 0 to the left\n") == 3
    assert f"% #{ids[-1]}\n" in answer.out
    for words, message in (
        (["--count-line", "0,0,0,0"], "give x,y of two points"),
        (["--classes", "catt"], "mean cat"),
    ):
        assert message in failure("demo", tmp_path / "frames", *OWN, *words, cwd=net)
