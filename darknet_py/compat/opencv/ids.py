"""Arrays of ids that serve both generations of scripts: ``i - 1`` (OpenCV from 4.5.4 on) and ``i[0] - 1`` (before)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ...typing import Array


class Id(np.int32):
    """An int32 that is its own only element."""

    def __getitem__(self, key: object) -> np.int32:
        if key in (0, -1):
            same: np.int32 = np.int32(self)
            return same
        raise IndexError(f"index {key!r} of a single id: only [0] is there")

    def __iter__(self) -> Iterator[np.int32]:
        yield np.int32(self)  # for (i,) in ids


class Ids(np.ndarray):
    """An int32 array of n ids. Its elements also take ``[0]``, and itself ``[:, 0]``, as an n x 1 array would."""

    def __getitem__(self, key: Any) -> Any:
        if self.ndim == 1 and isinstance(key, tuple) and len(key) == 2:
            key, column = key
            if column not in (0, -1):
                raise IndexError(f"index {column!r} of a column of ids: only [:, 0] is there")
        found: Any = super().__getitem__(key)
        return Id(found) if isinstance(found, np.int32) else found

    def __iter__(self) -> Iterator[Any]:
        return (self[number] for number in range(len(self)))


def make_ids(values: Sequence[int] | Array) -> Ids:
    """Numbers as `Ids`."""
    return np.asarray(values, np.int32).reshape(-1).view(Ids)


def to_ids(values: object) -> object:
    """An array or list of numbers as `Ids`; whatever else (OpenCV's empty tuple) as it is."""
    if isinstance(values, (list, np.ndarray)):
        return make_ids(values)
    return values
