"""How far two ways to compute a network agree: which detections are of the same object."""

from __future__ import annotations

import numpy as np
import pytest

from darknet_py.calibrate.agreement import agreement
from darknet_py.evaluate.found import Found


def boxes_of(*rows: tuple[float, int, float]) -> Found:
    """Boxes .2 wide, of so many hundredths from the left, class and probability; in this order."""
    box = np.array([(left, 0.5, 0.2, 0.2) for left, _, _ in rows], np.float32).reshape(-1, 4)
    classes, scores = np.array([row[1] for row in rows], np.int64), np.array([row[2] for row in rows], np.float32)
    return Found((100, 100), box, np.arange(len(rows)), classes, scores)


def test_what_is_lost_and_found_counts_each_object_once() -> None:
    """Suppression can leave boxes that overlap, and the improbable one may come first."""
    exact = boxes_of((0.31, 0, 0.1), (0.3, 0, 0.9), (0.34, 0, 0.3), (0.7, 1, 0.5))
    same = agreement([exact], [exact], 2)
    assert (same.objects, same.lost, same.found) == (3, 0, 0) and same.mean == pytest.approx(1)

    def counts(*rows: tuple[float, int, float]) -> tuple[int, int]:
        other = agreement([exact], [boxes_of(*rows)], 2)
        return other.lost, other.found

    assert counts((0.34, 0, 0.3), (0.3, 0, 0.9), (0.7, 1, 0.2)) == (1, 0)  # below the threshold
    assert counts((0.3, 0, 0.9), (0.34, 0, 0.3), (0.31, 0, 0.3), (0.7, 1, 0.5)) == (0, 1)
    assert counts((0.3, 0, 0.9), (0.34, 0, 0.3), (0.7, 0, 0.5)) == (1, 1)  # of another class
    assert counts((0.3, 0, 0.9), (0.34, 0, 0.3), (0.85, 1, 0.5)) == (1, 1)  # elsewhere
    assert counts((float("inf"), 0, 0.9)) == (3, 1)
    nothing = agreement([boxes_of()], [boxes_of((0.3, 0, 0.9))], 2)
    assert (nothing.objects, nothing.found, nothing.mean) == (0, 1, 0.0)
