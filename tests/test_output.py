"""Darknet's lines, and the JSON array."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darknet_py.detect.detections import Detections
from darknet_py.errors import DarknetError
from darknet_py.formats.atomic import whole_file
from darknet_py.output.json import frame, to_text, write_json
from darknet_py.output.text import darknet_lines, predicted_line

f32 = np.float32


def with_confidence(*values: float, names: tuple[str, ...] = ("dog",)) -> Detections:
    count = len(values)
    box = np.tile(np.array([0.1, 0.5, 0.25, 1.0], f32), (count, 1))
    return Detections(box, np.array(values, f32), np.zeros(count, int), np.arange(count), (100, 50), 1, names)


@pytest.mark.parametrize(
    ("confidence", "line"),
    [
        (0.57, "dog: 57%"),
        (1.0, "dog: 100%"),
        (0.004, "dog: 0%"),
        (0.125, "dog: 12%"),  # exactly 12.5: to even
        (0.375, "dog: 38%"),  # exactly 37.5: to even
        (0.565, "dog: 56%"),  # the float32 is .56499999761...
        (0.505, "dog: 50%"),  # .50499999523..., and times 100 in float32 50.5: to even
        (0.585, "dog: 58%"),  # .58499997854..., times 100 in float32 58.5 less 2**-18
    ],
)
def test_lines_round_as_c_does(confidence: float, line: str) -> None:
    assert darknet_lines(with_confidence(confidence)) == [line]


def test_names_may_hold_anything() -> None:
    assert darknet_lines(with_confidence(0.5, names=("100% {wool}",))) == ["100% {wool}: 50%"]
    assert darknet_lines(with_confidence(0.5, 0.25, names=())) == ["0: 50%", "0: 25%"]


def test_predicted_line() -> None:
    assert predicted_line("dog.jpg", 0.1234564) == "dog.jpg: Predicted in 0.123456 seconds."


def test_json_text() -> None:
    frames = [frame(with_confidence(0.5, 0.25), 1, 'a "b".jpg'), frame(with_confidence(), 2, "ä.jpg")]
    text = to_text(frames)
    place = '"relative_coordinates": {"center_x": 0.1, "center_y": 0.5, "width": 0.25, "height": 1.0}'
    assert text == (
        "[\n"
        ' {"frame_id": 1, "filename": "a \\"b\\".jpg", "objects": [\n'
        f'  {{"class_id": 0, "name": "dog", {place}, "confidence": 0.5}},\n'
        f'  {{"class_id": 0, "name": "dog", {place}, "confidence": 0.25}}\n'
        " ]},\n"
        ' {"frame_id": 2, "filename": "\\u00e4.jpg", "objects": []}\n'
        "]\n"
    )
    assert json.loads(text) == frames
    assert json.loads(to_text([])) == []


@given(st.floats(0, 1, width=32))
def test_json_numbers_give_every_bit_back(value: float) -> None:
    (found,) = json.loads(to_text([frame(with_confidence(value), 1, "x")]))[0]["objects"]
    assert f32(found["confidence"]).tobytes() == f32(value).tobytes()


def test_a_box_that_is_not_finite_is_null() -> None:
    found = Detections(np.array([[np.inf, np.nan, 0, 1]]), [0.5], [0], [0], (1, 1), 1)
    place = json.loads(to_text([frame(found, 1, "x")]))[0]["objects"][0]["relative_coordinates"]
    assert place == {"center_x": None, "center_y": None, "width": 0, "height": 1}


def test_write_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [frame(with_confidence(0.5), 1, "x.jpg")]
    write_json(tmp_path / "out.json", frames)
    assert json.loads((tmp_path / "out.json").read_text()) == frames
    assert os.listdir(tmp_path) == ["out.json"]
    write_json("-", frames)
    assert json.loads(capsys.readouterr().out) == frames
    with pytest.raises(DarknetError, match="cannot be written: No such file or directory"):
        write_json(tmp_path / "nowhere" / "out.json", frames)


def test_a_failing_write_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("before")
    with pytest.raises(ZeroDivisionError), whole_file(target) as part:
        part.write_text("half")
        assert target.read_text() == "before"
        raise ZeroDivisionError
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_links_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("before")
    (tmp_path / "link").symlink_to("target")
    with whole_file(tmp_path / "link") as part:
        part.write_text("after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "after"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-c", f"print(open({str(pipe)!r}).read())"], stdout=subprocess.PIPE
    ) as reader:
        write_json(pipe, [])
        assert reader.communicate(timeout=30)[0].strip() == b"[\n\n]"
    assert pipe.is_fifo()
