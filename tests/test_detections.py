"""The `Detections` type."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest

from darknet_py.detect.detections import DetectedObject, Detections
from darknet_py.detect.nms import Boxes
from darknet_py.errors import DarknetError

f32 = np.float32
NAMES = ["cat", "dog", "person"]


def boxes() -> Boxes:
    """Two boxes in an image of 200 x 100, the first with two classes above .3, and one without any."""
    return Boxes(
        box=np.array([[0.5, 0.5, 0.25, 0.5], [0.1, 0.2, 0.1, 0.1], [0.25, 0.75, 0.5, 1.0]], f32),
        objectness=np.array([0.9, 0.5, 0.8], f32),
        prob=np.array([[0.5, 0, 0.75], [0.3, 0.1, 0], [0, 0.4, 0]], f32),
        index=np.array([7, 3, 5]),
    )


@pytest.fixture
def found() -> Detections:
    return Detections.from_boxes(boxes(), 0.3, NAMES, (200, 100))


def test_a_row_for_each_class_above_the_threshold_box_after_box(found: Detections) -> None:
    assert found.names == ["cat", "person", "dog"]
    assert found.class_id.tolist() == [0, 2, 1]
    assert found.box_id.tolist() == [7, 7, 5]
    assert found.confidence.tolist() == [0.5, 0.75, f32(0.4)]
    assert found.xyxy.tolist() == [[75, 25, 125, 75], [75, 25, 125, 75], [0, 25, 100, 125]]
    assert found.xyxy.dtype == found.confidence.dtype == found.box.dtype == np.float32


def test_a_probability_of_just_the_threshold_is_not_above_it(found: Detections) -> None:
    """.3 in float32 is more than .3 in float64: the comparison is Darknet's, in float32."""
    assert float(f32(0.3)) > 0.3
    assert 3 not in found.box_id
    assert 3 in Detections.from_boxes(boxes(), 0.29, NAMES, (200, 100)).box_id


def test_iteration_and_numbers_give_named_tuples(found: Detections) -> None:
    assert len(found) == 3
    assert list(found)[2] == found[2] == found[-1] == found[np.int64(2)]
    assert found[0] == DetectedObject("cat", 0.5, 0, (75, 25, 125, 75), (0.5, 0.5, 0.25, 0.5), 7)
    name, confidence, *_ = found[1]
    assert (name, confidence) == ("person", 0.75)
    with pytest.raises(IndexError):
        found[3]


@pytest.mark.parametrize(
    ("index", "names"),
    [
        (slice(1, None), ["person", "dog"]),
        (slice(None, None, -1), ["dog", "person", "cat"]),
        ([2, 0], ["dog", "cat"]),
        ([True, False, True], ["cat", "dog"]),
        (np.array([False, True, False]), ["person"]),
        ([], []),
    ],
)
def test_rows_by_slice_list_and_mask(found: Detections, index: Any, names: list[str]) -> None:
    part = found[index]
    assert part.names == names
    assert part.xyxy.shape == part.box.shape == (len(names), 4)
    assert part.image_size == (200, 100)
    assert part.class_names == tuple(NAMES)


def test_confident_ones(found: Detections) -> None:
    assert found[found.confidence > 0.45].names == ["cat", "person"]


@pytest.mark.parametrize("index", ["cat", 1.5, np.zeros((2, 2), int), None])
def test_other_indices_are_refused(found: Detections, index: Any) -> None:
    with pytest.raises(TypeError, match="indexed by a number"):
        found[index]
    with pytest.raises(IndexError):
        found[[True, False]]


def test_without_names_numbers_stand_for_them() -> None:
    found = Detections.from_boxes(boxes(), 0.3, image_size=(200, 100))
    assert found.names == ["0", "2", "1"]
    assert found.to_json()[1]["name"] == "2"


def test_nothing_found() -> None:
    nothing = Detections.from_boxes(boxes(), 0.99, NAMES, (200, 100))
    assert len(nothing) == 0
    assert nothing.xyxy.shape == (0, 4)
    assert list(nothing) == nothing.names == nothing.to_json() == []
    assert repr(nothing) == "Detections(0: )"


def test_repr_shows_the_first_rows(found: Detections) -> None:
    assert repr(found) == "Detections(3: cat 0.50, person 0.75, dog 0.40)"


def test_to_json(found: Detections) -> None:
    assert found.to_json()[2] == {
        "class_id": 1,
        "name": "dog",
        "relative_coordinates": {"center_x": 0.25, "center_y": 0.75, "width": 0.5, "height": 1.0},
        "confidence": 0.4,  # the shortest number whose float32 is the same; exactly it is 0.4000000059604645
    }


def make(**changes: Any) -> Detections:
    fields: dict[str, Any] = {
        "box": np.zeros((2, 4)), "confidence": [0.5, 0.5], "class_id": [0, 1], "box_id": [0, 1], "image_size": (2, 2),
        "classes": 2, "class_names": ["a", "b"],
    }  # fmt: skip
    return Detections(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"box": np.zeros((3, 4))}, r"box has shape \(3, 4\) instead of \(2, 4\)"),
        ({"class_id": [0]}, "class_id has shape"),
        ({"confidence": [[0.5], [0.5]]}, "confidence has shape"),
        ({"class_id": [0, 2]}, "class_id must be from 0 to 1"),
        ({"class_id": [0, -1]}, "class_id must be from 0 to 1"),
        ({"class_names": ["a"]}, "1 names for 2 classes"),
        ({"image_size": (0, 2)}, "no size 0 x 2"),
    ],
)
def test_arrays_that_do_not_fit_together(changes: dict[str, Any], message: str) -> None:
    assert len(make()) == 2
    with pytest.raises(DarknetError, match=message):
        make(**changes)


def test_to_supervision(found: Detections) -> None:
    supervision = pytest.importorskip("supervision")
    theirs = found.to_supervision()
    assert isinstance(theirs, supervision.Detections)
    assert theirs.class_id.tolist() == [0, 2, 1]
    assert theirs["class_name"].tolist() == ["cat", "person", "dog"]
    np.testing.assert_array_equal(theirs.xyxy, found.xyxy)


def test_what_supervision_is_given(found: Detections, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = types.SimpleNamespace(Detections=lambda **arrays: arrays)
    monkeypatch.setitem(sys.modules, "supervision", stand_in)  # type: ignore[arg-type]
    arrays = found.to_supervision()
    assert arrays["xyxy"].tolist() == found.xyxy.tolist()
    assert arrays["confidence"].tolist() == [0.5, 0.75, f32(0.4)]
    assert arrays["data"]["class_name"].tolist() == ["cat", "person", "dog"]
    arrays["xyxy"][:] = 0
    assert found.xyxy.any(), "the arrays are copies"


def test_supervision_is_not_there(found: Detections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(DarknetError, match="pip install supervision"):
        found.to_supervision()
