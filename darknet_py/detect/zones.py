"""Zones of a picture, as polygons: whether a box's centre lies in one, and what share of a box does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import DarknetError

if TYPE_CHECKING:
    from ..typing import Doubles

Point = tuple[float, float]

FARTHEST = 1e6
"""No picture is so wide."""

MOST_POINTS = 500
"""Of one zone: its edges are compared pair by pair."""


@dataclass(frozen=True)
class Zone:
    """A polygon whose edges do not cross.

    Attributes:
        points: its corners, in order; three or more.
        fractions: whether they are fractions of the picture; else its pixels.
    """

    points: tuple[Point, ...]
    fractions: bool

    def corners(self, image_size: tuple[int, int]) -> Doubles:
        """float64, n x 2: in pixels of a picture of that width and height."""
        return np.array(self.points, np.float64) * (image_size if self.fractions else (1, 1))

    def misses(self, image_size: tuple[int, int]) -> bool:
        """Whether it lies outside of a picture of that size."""
        low = self.corners(image_size).min(axis=0)
        return bool((low >= image_size).any())


@dataclass(frozen=True)
class Line:
    """From one point to another.

    Attributes:
        first, second: the points.
        fractions: whether they are fractions of the picture; else its pixels.
    """

    first: Point
    second: Point
    fractions: bool

    def ends(self, image_size: tuple[int, int]) -> Doubles:
        """float64, 2 x 2: in pixels of a picture of that width and height."""
        return np.array([self.first, self.second], np.float64) * (image_size if self.fractions else (1, 1))


def make_line(line: str | Sequence[float] | Line) -> Line:
    """A line from ``x,y,x,y``: fractions of the picture if none is above 1, else pixels. Raises `DarknetError`."""
    if isinstance(line, Line):
        return line
    numbers, shown = _numbers(line, "line")
    if len(numbers) != 4 or numbers[:2] == numbers[2:]:
        raise DarknetError(f"line {shown}: is no line: give x,y of two points")
    return Line((numbers[0], numbers[1]), (numbers[2], numbers[3]), max(numbers) <= 1)


def make_zone(zone: str | Sequence[float] | Zone) -> Zone:
    """A zone from ``x,y,x,y,...`` (text or numbers): two opposite corners of a rectangle, or a polygon's corners.

    Numbers are fractions of the picture if none is above 1, else pixels.

    Raises:
        DarknetError: this is no polygon: too few numbers, an odd count, NaN, negative, without area, edges that cross.
    """
    if isinstance(zone, Zone):
        return zone
    numbers, shown = _numbers(zone, "zone")
    if len(numbers) < 4 or len(numbers) % 2:
        raise DarknetError(
            f"zone {shown}: {len(numbers)} numbers are no zone: give x,y of two opposite corners, or of three or more"
        )
    fractions = max(numbers) <= 1
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    if len(points) == 2:
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    points = [point for number, point in enumerate(points) if point != points[number - 1]]
    if len(points) > MOST_POINTS:
        raise DarknetError(f"zone {shown}: has {len(points)} corners; {MOST_POINTS} are the most")
    crossing = _crossing(points)
    if crossing is not None:
        one, two = (f"{a[0]:g},{a[1]:g} to {b[0]:g},{b[1]:g}" for a, b in crossing)
        raise DarknetError(f"zone {shown}: its edges {one} and {two} cross or touch; give the corners in order")
    if len(points) < 3 or not abs(_area(np.array(points, np.float64))):
        raise DarknetError(f"zone {shown}: has no area")
    return Zone(tuple(points), fractions)


def _numbers(given: str | Sequence[float], what: str) -> tuple[list[float], str]:
    """The coordinates of a zone or a line, and how to show them. Raises `DarknetError`."""
    words: Iterable[object] = given.split(",") if isinstance(given, str) else np.ravel(np.asarray(given, object))
    numbers = []
    for word in words:
        try:
            number = math.nan if isinstance(word, bool) else float(word)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = math.nan
        if not 0 <= number <= FARTHEST:
            raise DarknetError(
                f"{what} {given}: '{word}' must be a number from 0 to {FARTHEST:,.0f} (x,y,x,y,... from the upper left)"
            )
        numbers.append(number)
    shown = given if isinstance(given, str) else ",".join(f"{value:g}" for value in numbers)
    if not numbers:
        raise DarknetError(f"{what}: has no points")
    if max(numbers) > 1 and any(0 < value < 1 for value in numbers):
        raise DarknetError(
            f"{what} {shown}: {min(value for value in numbers if value > 0):g} is a fraction of the picture and "
            f"{max(numbers):g} a pixel: write fractions from 0 to 1 only, or pixels only"
        )
    return numbers, shown


def _crossing(points: Sequence[Point]) -> tuple[tuple[Point, Point], tuple[Point, Point]] | None:
    """Two edges that have a point in common but are no neighbours, or that run back over each other."""
    edges = [(points[number - 1], point) for number, point in enumerate(points)]
    for (i, one), (k, two) in combinations(enumerate(edges), 2):
        neighbours = k - i == 1 or (i == 0 and k == len(edges) - 1)
        if neighbours and len(edges) > 2:
            first, last = (one, two) if one[1] == two[0] else (two, one)
            turn, along = _turn(*first, last[1]), _along(first[0], first[1], last[1])
            if turn == 0 and along < 0:
                return one, two
        elif not neighbours and _meet(one, two):
            return one, two
    return None


def _turn(a: Point, b: Point, c: Point) -> float:
    """Above 0 where the way from a over b to c turns one way, below 0 the other, 0 straight on or back."""
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _along(a: Point, b: Point, c: Point) -> float:
    """Below 0 where the way from a over b to c goes back."""
    return (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])


def _meet(one: tuple[Point, Point], two: tuple[Point, Point]) -> bool:
    """Whether two line segments have a point in common."""
    (a, b), (c, d) = one, two
    turns = [np.sign(turn) for turn in (_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b))]
    if turns[0] != turns[1] and turns[2] != turns[3]:
        return True
    ends = ((turns[0], one, c), (turns[1], one, d), (turns[2], two, a), (turns[3], two, b))
    return any(turn == 0 and _within(edge, point) for turn, edge, point in ends)


def _within(edge: tuple[Point, Point], point: Point) -> bool:
    return all(min(edge[0][i], edge[1][i]) <= point[i] <= max(edge[0][i], edge[1][i]) for i in (0, 1))


def _area(corners: Doubles) -> float:
    """Area of a polygon, with a sign."""
    x, y = corners.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def contains(corners: Doubles, points: Doubles) -> NDArray[np.bool_]:
    """Which points (float64, n x 2) lie in a polygon; of its border the left and the upper part belong to it."""
    x, y = points[:, :1], points[:, 1:]
    x1, y1 = corners.T
    x2, y2 = np.roll(corners, -1, axis=0).T
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = ((y1 <= y) != (y2 <= y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    inside: NDArray[np.bool_] = crossed.sum(axis=1) % 2 == 1
    return inside


def share_within(corners: Doubles, rectangle: Doubles) -> float:
    """What share of a rectangle (left, top, right, bottom) lies in a polygon; of one without area nothing does."""
    left, top, right, bottom = rectangle
    whole = (right - left) * (bottom - top)
    if not 0 < whole < math.inf:
        return 0.0
    part = corners
    for axis, limit, sign in ((0, left, 1), (0, right, -1), (1, top, 1), (1, bottom, -1)):
        part = _cut(part, axis, limit, sign)
    return min(abs(_area(part)) / whole, 1.0) if len(part) else 0.0


def _cut(corners: Doubles, axis: int, limit: float, sign: int) -> Doubles:
    """The part of a polygon beyond a line across an axis (Sutherland and Hodgman); of a right area, if not a shape."""
    kept = []
    for before, here in zip(np.roll(corners, 1, axis=0), corners, strict=True):
        was, now = sign * (before[axis] - limit), sign * (here[axis] - limit)
        if (was < 0) != (now < 0):
            crossing = before + (here - before) * (was / (was - now))
            crossing[axis] = limit
            kept.append(crossing)
        if now >= 0:
            kept.append(here)
    return np.array(kept, np.float64).reshape(-1, 2)
