"""Non-maximum suppression: small cases by hand, random ones against the plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darknet_py.detect.candidates import Candidates
from darknet_py.detect.nms import nms_obj, nms_sort
from darknet_py.errors import DarknetError

from . import naive_detect as naive

f32 = np.float32
LEFT, RIGHT = (0.25, 0.5, 0.5, 1), (0.75, 0.5, 0.5, 1)
NEARLY_LEFT = (0.25, 0.5, 0.5, 0.75)  # overlaps LEFT by .75


def candidates(*rows: tuple[tuple[float, ...], float, list[float]]) -> Candidates:
    box, objectness, prob = (np.array([row[i] for row in rows], f32) for i in range(3))
    kept = np.flatnonzero(objectness)
    return Candidates(box, objectness, kept, prob[kept])


def test_the_better_box_of_each_class_stays() -> None:
    found = candidates((LEFT, 0.9, [0.5, 0.75]), (NEARLY_LEFT, 0.8, [0.625, 0.5]), (RIGHT, 0.7, [0.25, 0.125]))
    result = nms_sort(found, 0.5)
    # class 0 sorts them 1 0 2 and drops box 0; class 1 sorts them 0 1 2 and drops box 1
    assert result.index.tolist() == [0, 1, 2]
    assert result.prob.tolist() == [[0, 0.75], [0.625, 0], [0.25, 0.125]]
    assert result.box.tolist() == [list(LEFT), list(NEARLY_LEFT), list(RIGHT)]
    assert result.objectness.tolist() == [f32(0.9), f32(0.8), f32(0.7)]


def test_an_overlap_of_just_the_threshold_is_allowed() -> None:
    found = candidates((LEFT, 0.9, [0.5]), (NEARLY_LEFT, 0.8, [0.25]))
    assert nms_sort(found, 0.75).prob.tolist() == [[0.5], [0.25]]
    assert nms_sort(found, 0.7499).prob.tolist() == [[0.5], [0]]


def test_a_dropped_box_drops_no_other() -> None:
    middle = (0.25, 0.5, 0.5, 0.5)
    found = candidates((LEFT, 1, [0.9]), (NEARLY_LEFT, 1, [0.8]), (middle, 1, [0.7]))
    # LEFT drops NEARLY_LEFT (.75), not middle (.5); NEARLY_LEFT would drop middle (.67)
    assert nms_sort(found, 0.6).prob.tolist() == [[f32(0.9)], [0], [f32(0.7)]]


def test_boxes_without_objectness_are_swapped_to_the_back() -> None:
    no = (RIGHT, 0, [0])
    rows = [no, (LEFT, 0.1, [0]), no, no, (LEFT, 0.4, [0]), (LEFT, 0.5, [0])]
    # 0 changes places with 5, 2 with 4: 5 1 4, and 3 is among the last
    assert nms_sort(candidates(*rows), 0.5).index.tolist() == [5, 1, 4]


def test_zero_suppresses_and_sorts_nothing() -> None:
    found = candidates((RIGHT, 0, [0]), (LEFT, 0.5, [0.25]), (LEFT, 0.9, [0.5]))
    for method in (nms_sort, nms_obj):
        result = method(found, 0)
        assert result.index.tolist() == [1, 2]
        assert result.prob.tolist() == [[0.25], [0.5]]


def test_nms_obj_drops_whole_boxes() -> None:
    found = candidates((NEARLY_LEFT, 0.5, [0.5, 0]), (LEFT, 0.75, [0, 0.75]), (RIGHT, 0.25, [0.25, 0]))
    result = nms_obj(found, 0.5)
    assert result.index.tolist() == [1, 0, 2]
    assert result.objectness.tolist() == [0.75, 0, 0.25]
    assert result.prob.tolist() == [[0, 0.75], [0, 0], [0.25, 0]]


def test_with_flushed_denormals_close_tiny_scores_are_equal() -> None:
    scores = [2e-38, 2.5e-38, 3e-38]  # their differences are denormal numbers
    rows = [(LEFT, 1, [score]) for score in scores]
    plain = candidates(*rows)
    flushed = Candidates(plain.box, plain.objectness, plain.kept, plain.prob, flushed=True)
    assert nms_sort(plain, 1).index.tolist() == [2, 1, 0]
    assert nms_sort(flushed, 1).index.tolist() == [0, 1, 2]


def test_nothing_at_all() -> None:
    empty = Candidates(np.zeros((0, 4), f32), np.zeros(0, f32), np.zeros(0, np.int64), np.zeros((0, 3), f32))
    for method in (nms_sort, nms_obj):
        assert len(method(empty, 0.5)) == 0
        assert method(empty, 0.5).prob.shape == (0, 3)


@pytest.mark.parametrize("nms", [-0.1, float("nan")])
def test_bad_thresholds(nms: float) -> None:
    with pytest.raises(DarknetError, match="nms="):
        nms_sort(candidates((LEFT, 1, [1])), nms)


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6), count=st.integers(1, 40), classes=st.integers(1, 4),
    nms=st.sampled_from([0.1, 0.45, 0.9]), share=st.sampled_from([0.1, 0.5, 1.0]),
    by_class=st.booleans(),
)  # fmt: skip
def test_nms_is_its_twin(seed: int, count: int, classes: int, nms: float, share: float, by_class: bool) -> None:
    rng = np.random.default_rng(seed)
    box = np.concatenate([rng.random((count, 2)), 0.1 + rng.random((count, 2)) * 0.5], axis=1).astype(f32)
    steps = rng.choice([3, 1000])  # few steps: many ties
    objectness = (rng.integers(0, steps, count) / f32(steps)).astype(f32)
    kept = np.flatnonzero(objectness)
    prob = (rng.integers(0, steps, (len(kept), classes)) / f32(steps)).astype(f32)
    prob[rng.random(prob.shape) > share] = 0
    found = Candidates(box, objectness, kept, prob)
    before = prob.copy()
    twin = [naive.Found(i, tuple(box[i]), objectness[i]) for i in range(count)]
    for row, index in enumerate(kept):
        twin[index].prob = {k: prob[row, k] for k in range(classes) if prob[row, k]}
    result = nms_sort(found, nms) if by_class else nms_obj(found, nms)
    expected = naive.nms_sort(twin, classes, nms) if by_class else naive.nms_obj(twin, nms)
    assert result.index.tolist() == [row.index for row in expected]
    assert result.objectness.tolist() == [row.objectness for row in expected]
    assert result.prob.tolist() == [[row.get(k) for k in range(classes)] for row in expected]
    np.testing.assert_array_equal(found.prob, before)
