"""Who wrote which stretch of memory last."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..typing import Array


Tag = tuple["int | str", "int | None"]
"""Whose values: a layer's number (or a word), and the image's."""


def address_of(array: Array) -> int:
    """Where an array starts."""
    return int(array.__array_interface__["data"][0])


class Regions:
    """Stretches of memory that do not overlap, in order, each with its tag."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._tags: list[Tag] = []

    def write(self, start: int, end: int, tag: Tag) -> None:
        """From now on a stretch has this tag, whatever was there before."""
        if start >= end:
            return
        first, last = self._touched(start, end)
        new = [(start, end, tag)]
        if first < last:
            if self._starts[first] < start:
                new.insert(0, (self._starts[first], start, self._tags[first]))
            if self._ends[last - 1] > end:
                new.append((end, self._ends[last - 1], self._tags[last - 1]))
        self._starts[first:last], self._ends[first:last], self._tags[first:last] = (
            list(column) for column in zip(*new, strict=True)
        )

    def holders(self, start: int, end: int) -> set[Tag | None]:
        """The tags of a stretch; None among them if some of it has none."""
        first, last = self._touched(start, end)
        tags: set[Tag | None] = set(self._tags[first:last])
        at = start
        for i in range(first, last):
            if self._starts[i] > at:
                tags.add(None)
            at = self._ends[i]
        if at < end:
            tags.add(None)
        return tags

    def _touched(self, start: int, end: int) -> tuple[int, int]:
        """The stretches that overlap one: first, and behind the last."""
        return bisect_right(self._ends, start), bisect_left(self._starts, end)
