"""Objects numbered over the frames of a video, and counted where they cross a line.

A small SORT (Bewley and others, 2016): each object is expected where its speed takes it, and the boxes of the new frame
are assigned by overlap. Numbers are of boxes, not of identities: two people who meet behind a tree may come out
exchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..detect.zones import make_line
from ..errors import DarknetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..detect.detections import Detections
    from ..detect.zones import Line
    from ..typing import Doubles
    from .frames import Result

OVERLAP = 0.3
"""Least IoU of a box and the place where an object was expected (as in SORT)."""

PATIENCE = 30
"""For so many frames an object that is not seen keeps its number."""

POSITION, SPEED = 0.8, 0.3
"""How much of what a new box differs from what was expected is believed: the steady state of a Kalman filter."""

MARGIN = 0.005
"""How far from a line an object must come, as a share of the picture's diagonal: trembling on it counts once."""


@dataclass(eq=False)
class _Track:
    """One object.

    Attributes:
        number: from 1.
        class_id: of its latest box.
        box: float64: centre x, y, width, height, in pixels.
        seen: number of the frame in which it was seen last.
        speed: float64: the change of each, by frame.
    """

    number: int
    class_id: int
    box: Doubles
    seen: int
    speed: Doubles = field(default_factory=lambda: np.zeros(4))

    def expected(self, frame: int) -> Doubles:
        """Where it should be in a frame."""
        return self.box + (frame - self.seen) * self.speed

    def take(self, box: Doubles, class_id: int, frame: int) -> None:
        """It is seen in a frame."""
        expected, steps = self.expected(frame), frame - self.seen
        self.box = expected + POSITION * (box - expected)
        self.speed = self.speed + SPEED * (box - expected) / steps
        self.seen, self.class_id = frame, class_id


class Tracker:
    """Numbers the boxes of one frame after the other.

    Boxes of one class are preferred, others may follow: a car that is a truck for a frame keeps its number.
    """

    def __init__(self, overlap: float = OVERLAP, patience: int = PATIENCE) -> None:
        """Begin.

        Args:
            overlap: least IoU from frame to frame.
            patience: frames after which an object that is not seen is forgotten.

        Raises:
            DarknetError: one of them is out of range.
        """
        if not 0 < overlap <= 1 or patience < 1:
            raise DarknetError(f"overlap={overlap} must be above 0 up to 1, patience={patience} at least 1")
        self._overlap, self._patience = overlap, patience
        self._tracks: list[_Track] = []
        self._count = 0
        self._frame: int | None = None

    def update(self, found: Detections, frame: int) -> Detections:
        """The same rows with their numbers (`Detections.track_ids`); rows of one box have one number.

        Args:
            found: of the next frame.
            frame: its number; for those that were left out in between, objects move on as they moved.

        Raises:
            DarknetError: it does not come after the last one.
        """
        if self._frame is not None and frame <= self._frame:
            raise DarknetError(f"frame {frame} does not come after frame {self._frame}")
        self._frame = frame
        self._tracks = [track for track in self._tracks if frame - track.seen <= self._patience]
        _, first, of_row = np.unique(found.box_id, return_index=True, return_inverse=True)
        box = found.box[first].astype(np.float64) * (found.image_size * 2)
        class_id = found.class_id[first]
        numbers = np.zeros(len(box), np.int64)
        assigned = self._assign(box, class_id, frame)
        for place in np.argsort(first):  # new numbers in the order of the rows
            track = assigned[place]
            if track is None:
                self._count += 1
                track = _Track(self._count, int(class_id[place]), box[place], frame)
                self._tracks.append(track)
            else:
                track.take(box[place], int(class_id[place]), frame)
            numbers[place] = track.number
        return replace(found, track_ids=numbers[of_row.reshape(-1)].tolist())

    def _assign(self, box: Doubles, class_id: NDArray[np.int64], frame: int) -> list[_Track | None]:
        """For each box the track that it continues: the pairs of one class first, by overlap, the greatest first."""
        assigned: list[_Track | None] = [None] * len(box)
        if not self._tracks or not len(box):
            return assigned
        expected = np.array([track.expected(frame) for track in self._tracks])
        overlap = _overlaps(box, expected)
        same = class_id[:, None] == np.array([track.class_id for track in self._tracks])
        rows, columns = np.nonzero(overlap >= self._overlap)
        order = np.lexsort((-overlap[rows, columns], ~same[rows, columns]))
        taken: set[int] = set()
        for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
            if assigned[row] is None and column not in taken:
                assigned[row] = self._tracks[column]
                taken.add(column)
        return assigned


@np.errstate(all="ignore")
def _overlaps(one: Doubles, two: Doubles) -> Doubles:
    """IoU of each box of ``one`` with each of ``two``; 0 where one has no area or is not finite."""
    low = np.maximum(one[:, None, :2] - one[:, None, 2:] / 2, two[:, :2] - two[:, 2:] / 2)
    high = np.minimum(one[:, None, :2] + one[:, None, 2:] / 2, two[:, :2] + two[:, 2:] / 2)
    common = np.maximum(high - low, 0).prod(axis=2)
    union = one[:, None, 2:].prod(axis=2) + two[:, 2:].prod(axis=1) - common
    overlaps: Doubles = np.where(common > 0, common / union, 0.0)
    return np.nan_to_num(overlaps, nan=0.0, posinf=0.0, neginf=0.0)


@dataclass
class Crossings:
    """How many objects have crossed a line, by class name: to the right and to the left of one who walks along it.

    Of a line from left to right in the picture, the right is below.
    """

    right: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, dict[str, int]]:
        """Plain dicts."""
        return {"right": dict(self.right), "left": dict(self.left)}

    def text(self) -> str:
        """Such as ``3 to the right (person 2, car 1), 0 to the left``."""
        parts = []
        for way, counts in (("right", self.right), ("left", self.left)):
            names = ", ".join(f"{name} {count}" for name, count in counts.items())
            parts.append(f"{counts.total()} to the {way}" + (f" ({names})" if names else ""))
        return ", ".join(parts)


class LineCounter:
    """Counts numbered objects whose centres cross a line between its two points, each time they do."""

    def __init__(self, line: str | Sequence[float] | Line) -> None:
        """Args as for `make_line`."""
        self._line = make_line(line)
        self._last: dict[int, tuple[int, Doubles]] = {}
        """By number of the object: on which side of the line it was last, and where."""
        self.crossings = Crossings()

    def update(self, found: Detections) -> None:
        """Look at the objects of the next frame."""
        first, second = self._line.ends(found.image_size)
        way = (second - first) / np.hypot(*(second - first))
        margin = MARGIN * float(np.hypot(*found.image_size))
        seen: set[int] = set()
        for row, number in enumerate(found.track_ids):
            if number in seen:
                continue
            seen.add(number)
            centre = found.box[row, :2].astype(np.float64) * found.image_size
            distance = float(_cross(way, centre - first))  # above 0 to the right, as y points down
            if not abs(distance) > margin:
                continue
            side = 1 if distance > 0 else -1
            before, place = self._last.get(number, (side, centre))
            if side != before and _between(first, second, place, centre):
                (self.crossings.right if side > 0 else self.crossings.left)[found.names[row]] += 1
            self._last[number] = side, centre


def _cross(one: Doubles, two: Doubles) -> np.float64:
    cross: np.float64 = one[0] * two[1] - one[1] * two[0]
    return cross


def _between(first: Doubles, second: Doubles, one: Doubles, two: Doubles) -> bool:
    """Whether the way from one place to another meets the line between its ends: these lie on both sides of the way."""
    return bool(_cross(two - one, first - one) * _cross(two - one, second - one) <= 0)


class Follower:
    """Numbers the objects of each result of a video, and counts those that cross lines."""

    def __init__(self, lines: Sequence[str | Sequence[float] | Line] = (), tracker: Tracker | None = None) -> None:
        """Args: lines as for `make_line`, and another tracker. Raises `DarknetError` for what is no line."""
        self._tracker = tracker or Tracker()
        self._counters = [LineCounter(line) for line in lines]

    def __call__(self, result: Result) -> Result:
        """The result with the objects' numbers, and the counts up to its frame."""
        found = self._tracker.update(result.found, result.frame.number)
        for counter in self._counters:
            counter.update(found)
        return replace(result, found=found, crossings=[deepcopy(counter.crossings) for counter in self._counters])
