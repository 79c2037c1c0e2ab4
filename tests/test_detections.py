"""The `Detections` type."""

from __future__ import annotations

import gc
import io
import pickle
import sys
import types
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darknet_py.detect.candidates import Candidates
from darknet_py.detect.detections import DetectedObject, Detections
from darknet_py.detect.nms import Boxes, nms_sort
from darknet_py.detect.thresholds import check_thresholds
from darknet_py.errors import DarknetError
from darknet_py.image.draw import draw_detections

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


def test_equality_is_of_everything_but_the_picture(found: Detections) -> None:
    assert found == Detections.from_boxes(boxes(), 0.3, NAMES, (200, 100)) == found.of("photo.jpg")
    assert found != found[:2] and found != found[::-1] and found != "found"
    assert found != Detections.from_boxes(boxes(), 0.3, (), (200, 100))
    assert found != Detections.from_boxes(boxes(), 0.3, NAMES, (100, 200))
    assert make(confidence=[np.nan, 0.5]) == make(confidence=[np.nan, 0.5]) != make()
    with pytest.raises(TypeError, match="unhashable"):
        hash(found)


def test_empty() -> None:
    assert Detections.empty((200, 100), NAMES) == Detections.from_boxes(boxes(), 0.99, NAMES, (200, 100))
    assert len(Detections.empty()) == 0 and Detections.empty().to_records() == []


def test_merge(found: Detections) -> None:
    both = Detections.merge([found, Detections.empty(), found[1:]])
    assert both.names == ["cat", "person", "dog", "person", "dog"]
    assert both.box_id.tolist() == [7, 7, 5, 15, 13], "never shared between parts"
    assert both[:3].xyxy.tolist() == found.xyxy.tolist()
    assert Detections.merge([found[:0]]) == found[:0]
    for other, what in (
        (Detections.from_boxes(boxes(), 0.3, NAMES, (20, 10)), "image_size"),
        (Detections.from_boxes(boxes(), 0.3, ["a", "b", "c"], (200, 100)), "class_names"),
        (make(image_size=(200, 100)), "classes"),
    ):
        with pytest.raises(DarknetError, match=f"{what} of the parts differ"):
            Detections.merge([found, other])
    with pytest.raises(DarknetError, match="nothing to merge"):
        Detections.merge([])


def test_area_and_clip(found: Detections) -> None:
    assert found.area.tolist() == [2500, 2500, 10000] and found.area.dtype == np.float32
    clipped = found.clip()
    assert clipped.xyxy[2].tolist() == [0, 25, 100, 100] and clipped.area.tolist() == [2500, 2500, 7500]
    assert found.xyxy[2].tolist() == [0, 25, 100, 125], "the boxes themselves stay"
    outside = make(box=[[1.5, 0.5, 0.2, 0.2], [0.5, 0.5, 3, 3]]).clip()
    assert outside.area[0] == 0 and outside.box[1].tolist() == [0.5, 0.5, 1, 1]


def test_with_nms_is_darknets_suppression() -> None:
    random = np.random.RandomState(3)
    n = 60
    prob = np.where(random.rand(n, 3) < 0.3, random.rand(n, 3), 0).astype(f32)
    box = (random.rand(n, 4) * [1, 1, 0.5, 0.5]).astype(f32)
    all_boxes = Candidates(box, np.ones(n, f32), np.arange(n), prob)
    plain = Detections.from_boxes(nms_sort(all_boxes, 0), 0.1, NAMES, (90, 60))
    for threshold in (0.2, 0.45, 1.0):
        wanted = Detections.from_boxes(nms_sort(all_boxes, threshold), 0.1, NAMES, (90, 60))
        left = plain.with_nms(threshold)
        assert sorted(zip(left.box_id, left.class_id, strict=True)) == sorted(
            zip(wanted.box_id, wanted.class_id, strict=True)
        )
        assert (np.diff(left.box_id) >= 0).all(), "in the order that they had"
    assert len(plain.with_nms(0.2)) < len(plain) == len(plain.with_nms(0))
    assert len(plain[:0].with_nms()) == 0


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan"), "0.5", None, True])
def test_thresholds_are_refused_alike(found: Detections, value: Any) -> None:
    with pytest.raises(DarknetError, match="must be a number from 0 to 1"):
        found.with_nms(value)
    for name in ("thresh", "hier_thresh", "nms"):
        with pytest.raises(DarknetError, match=f"^{name}=.* must be a number from 0 to 1$"):
            check_thresholds(**{"thresh": 0.5, "hier_thresh": np.float32(0.5), "nms": 1, name: value})


def test_tables(found: Detections) -> None:
    records = found.to_records()
    assert records[2] == {
        "name": "dog", "class_id": 1, "confidence": float(f32(0.4)), "left": 0, "top": 25, "right": 100, "bottom": 125,
        "center_x": 0.25, "center_y": 0.75, "width": 0.5, "height": 1, "box_id": 5,
    }  # fmt: skip
    columns = found.to_dict()
    assert list(columns) == list(records[0])
    assert [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] == records
    assert set(found[:0].to_dict()) == set(columns) and not any(found[:0].to_dict().values())


def test_pictures(found: Detections, tmp_path: Path) -> None:
    pixels = np.full((100, 200, 3), 90, np.uint8)
    drawn = draw_detections(pixels, found)
    assert (np.asarray(found.plot(pixels)) == drawn).all()
    assert (np.asarray(found.plot(pixels, labels=False)) == draw_detections(pixels, found, labels=False)).all()
    assert (np.asarray(found.of(pixels).plot()) == drawn).all()
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    seen = found.of(tmp_path / "photo.png")
    seen[:2].save(tmp_path / "drawn.png")
    assert (np.asarray(Image.open(tmp_path / "drawn.png")) == draw_detections(pixels, found[:2])).all()
    found.save(tmp_path / "other.png", pixels, percentages=True)
    shown = seen._repr_png_()
    assert shown is not None and (np.asarray(Image.open(io.BytesIO(shown))) == drawn).all()
    with pytest.raises(DarknetError, match="100 x 200 pixels, but these are detections of one of 200 x 100"):
        found.plot(np.zeros((200, 100, 3), np.uint8))
    (tmp_path / "photo.png").unlink()
    assert seen._repr_png_() is None


def test_a_remembered_picture_is_not_kept_alive(found: Detections) -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    alive = weakref.ref(pixels)
    seen = found.of(pixels)
    again = pickle.loads(pickle.dumps(seen))
    assert again == seen
    del pixels
    gc.collect()
    assert alive() is None and seen._repr_png_() is None and again._repr_png_() is None
    with pytest.raises(DarknetError, match=r"give it, as in found.plot\(image\)"):
        seen.plot()
    assert found.of(b"a file's bytes")._repr_png_() is None


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
