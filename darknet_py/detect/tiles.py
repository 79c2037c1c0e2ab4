"""A picture looked at in overlapping tiles, for objects that are small in it, and as a whole, for those that are not.

Detections of the tiles are joined in the picture's coordinates, where one object was found more than once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import DarknetError
from .nms import Boxes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..typing import Doubles, Floats, Ints

OVERLAP = 0.2
"""What share of its width two tiles side by side have in common: an object up to that size is whole in one of them."""

MOST = 32
"""Tiles across, and down."""

LEAST_SIDE = 32
"""Pixels of a tile's side; in a picture too small for that there are fewer tiles."""

CONTAINED = 0.5
"""Of two boxes, one of which a seam cuts: what share of the smaller must lie in the larger to be the same object."""

CUT = 0.01
"""A box is cut by a seam if it ends so near to it, as a share of the tile's side, or beyond it."""

ALIGNED = 0.5
"""Two boxes that a seam cut, one on either side: the IoU of their extents along the seam from which on they are one."""


class Region(NamedTuple):
    """A part of a picture, in its pixels."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Tiles:
    """How many tiles there are, and how much they overlap; 1 x 1 is the picture as a whole.

    Attributes:
        across, down: how many, 1 to `MOST`.
        overlap: share of a tile's width (and height) that it has in common with the next one, 0 to below 1.
    """

    across: int
    down: int
    overlap: float = OVERLAP

    def __post_init__(self) -> None:
        for count in (self.across, self.down):
            if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST:
                raise DarknetError(f"tiles={self.across}x{self.down}: there can be 1x1 to {MOST}x{MOST} tiles")
        if not 0 <= self.overlap <= 0.9:  # NaN is not, either
            raise DarknetError(f"tile_overlap={self.overlap} must be a number from 0 to 0.9")

    def regions(self, image_size: tuple[int, int]) -> list[Region]:
        """The whole picture first; then the tiles, row by row, unless there is but one.

        Args:
            image_size: width and height of the picture.
        """
        width, height = image_size
        columns, rows = self._places(width, self.across), self._places(height, self.down)
        whole = Region(0, 0, width, height)
        if len(columns) == len(rows) == 1:
            return [whole]
        return [whole, *(Region(x, y, w, h) for y, h in rows for x, w in columns)]

    def _places(self, length: int, count: int) -> list[tuple[int, int]]:
        """Start and length of each tile along a side."""
        count = min(count, max(1, length // LEAST_SIDE))
        if count == 1:
            return [(0, length)]
        side = min(length, int(np.ceil(length / (count - (count - 1) * self.overlap))))
        return [(round(i * (length - side) / (count - 1)), side) for i in range(count)]


def make_tiles(tiles: str | Sequence[int] | Tiles, overlap: float | None = None) -> Tiles:
    """``2x2``, or the two numbers (across, down). Raises `DarknetError`."""
    share = OVERLAP if overlap is None else overlap
    if isinstance(tiles, Tiles):
        return tiles
    if isinstance(tiles, str):
        found = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", tiles.strip(), re.ASCII)
        if found:
            return Tiles(int(found[1]), int(found[2]), share)
    elif len(tiles) == 2:
        return Tiles(tiles[0], tiles[1], share)
    raise DarknetError(f"tiles={tiles}: write how many there are across and down, such as 2x2")


@dataclass
class _Rows:
    """Classes of boxes of regions: a row for each class of each box.

    Attributes:
        edges: float64, n x 4: left, top, right, bottom, in pixels of the picture.
        cut: n x 4: at which of these edges a seam cuts the box.
        region: number of the region.
        box: number of the box among those of all regions.
        class_id, score: of the row.
        grown: whether the box is a union of several.
    """

    edges: Doubles
    cut: NDArray[np.bool_]
    region: Ints
    box: Ints
    class_id: Ints
    score: Floats
    grown: NDArray[np.bool_]


def join(parts: Sequence[Boxes], regions: Sequence[Region], nms: float) -> Boxes:
    """The boxes of all regions of a picture as boxes of the picture.

    Class by class, the most probable first: a box of another region is the same object if both overlap by more than
    ``nms`` (intersection over union); or if a seam cuts one of them and half of the smaller lies in the larger; or if
    a seam cuts both, one on either side, and they continue each other. A box that no seam cuts then stands for one
    that is cut, and two that are cut for their union, with the greater probability.

    Args:
        parts: for each region its boxes after suppression, in fractions of the region.
        regions: in pixels; the first is the whole picture.
        nms: greatest overlap; 0 joins nothing.
    """
    whole = regions[0]
    moved = np.concatenate([_moved(part.box, region, whole) for part, region in zip(parts, regions, strict=True)])
    rows = _rows_of(parts, regions, moved)
    order = np.arange(len(rows.box))
    if nms:
        order = np.sort(
            np.concatenate([order[:0], *(_joined(rows, class_id, nms) for class_id in np.unique(rows.class_id))])
        )
    return _as_boxes(rows, order, moved, parts, whole)


def _moved(box: Floats, region: Region, whole: Region) -> Floats:
    """Boxes of a region in fractions of the whole picture."""
    if region == whole:
        return box
    scale = np.array([region.w, region.h] * 2, np.float64)
    shift = np.array([region.x, region.y, 0, 0], np.float64)
    moved: Floats = ((box * scale + shift) / ([whole.w, whole.h] * 2)).astype(np.float32)
    return moved


def _rows_of(parts: Sequence[Boxes], regions: Sequence[Region], moved: Floats) -> _Rows:
    whole = regions[0]
    pixels = moved * np.array([whole.w, whole.h] * 2, np.float64)
    edges = np.concatenate([pixels[:, :2] - pixels[:, 2:] / 2, pixels[:, :2] + pixels[:, 2:] / 2], axis=1)
    region = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    ends = np.array([(each.x, each.y, each.x + each.w, each.y + each.h) for each in regions])
    near = np.array([(each.w, each.h) * 2 for each in regions]) * CUT
    beyond = (edges - ends[region]) * [1, 1, -1, -1] <= near[region]
    cut = beyond & (ends != ends[0])[region]
    found = [np.nonzero(part.prob) for part in parts]
    starts = np.cumsum([0, *(len(part) for part in parts)])
    box = np.concatenate([rows + start for (rows, _), start in zip(found, starts, strict=False)])
    class_id = np.concatenate([classes for _, classes in found])
    score = np.concatenate([part.prob[place] for part, place in zip(parts, found, strict=True)])
    return _Rows(edges[box], cut[box], region[box], box, class_id, score, np.zeros(len(box), bool))


def _joined(rows: _Rows, class_id: int, nms: float) -> Ints:
    """The rows of a class that are left, one for each object; where some were joined, they have changed."""
    left = np.flatnonzero(rows.class_id == class_id)
    left = left[np.argsort(-rows.score[left], kind="stable")]
    while True:
        kept = np.empty_like(left)
        count = 0
        for row in left:
            same = np.flatnonzero(_same(rows, kept[:count], row, nms))
            if same.size:
                kept[same[0]] = _union(rows, kept[same[0]], row)
            else:
                kept[count] = row
                count += 1
        if count == len(left):
            return kept
        left = kept[:count]


@np.errstate(all="ignore")
def _same(rows: _Rows, others: Ints, row: np.int64, nms: float) -> NDArray[np.bool_]:
    """Which others are the same object as a row."""
    one, two = rows.edges[others], rows.edges[row]
    sides = np.maximum(np.minimum(one[:, 2:], two[2:]) - np.maximum(one[:, :2], two[:2]), 0)
    common = sides[:, 0] * sides[:, 1]
    area, own = (one[:, 2:] - one[:, :2]).prod(axis=1), float((two[2:] - two[:2]).prod())
    cut = rows.cut[others].any(axis=1) | rows.cut[row].any()
    same: NDArray[np.bool_] = common > nms * (area + own - common)
    same |= cut & (common >= CONTAINED * np.minimum(area, own)) & (common > 0)
    for axis in (0, 1):  # one ends where the other begins
        facing = (rows.cut[others, 2 + axis] & rows.cut[row, axis]) | (rows.cut[others, axis] & rows.cut[row, 2 + axis])
        along = 1 - axis
        union = np.maximum(one[:, 2 + along], two[2 + along]) - np.minimum(one[:, along], two[along])
        same |= facing & (sides[:, axis] > 0) & (sides[:, along] >= ALIGNED * union)
    same &= rows.region[others] != rows.region[row]
    return same


def _union(rows: _Rows, best: np.int64, other: np.int64) -> np.int64:
    """The row that stands for both, the first of which is the more probable one."""
    if not rows.cut[best].any():
        return best
    if not rows.cut[other].any():
        rows.score[other] = rows.score[best]
        return other
    one, two = rows.edges[best], rows.edges[other]
    signs = np.array([1, 1, -1, -1])
    farther = (two - one) * signs < 0
    rows.edges[best] = np.where(farther, two, one)
    rows.cut[best] = np.where(farther, rows.cut[other], rows.cut[best])  # still cut where no box reaches farther
    rows.grown[best] = True
    return best


def _as_boxes(rows: _Rows, order: Ints, moved: Floats, parts: Sequence[Boxes], whole: Region) -> Boxes:
    """Rows of one box are one box again, unless it has grown."""
    count = len(moved)
    key = np.where(rows.grown, count + np.arange(len(rows.box)), rows.box)[order]
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))  # boxes in the order of their first rows
    place = rank[place.reshape(-1)]
    row = order[np.sort(first)]
    size = np.array([whole.w, whole.h] * 2, np.float64)
    low, high = np.split(rows.edges[row] / size, 2, axis=1)
    grown = np.concatenate([(low + high) / 2, high - low], axis=1).astype(np.float32)
    prob = np.zeros((len(row), parts[0].prob.shape[1]), np.float32)
    prob[place, rows.class_id[order]] = rows.score[order]
    objectness = np.concatenate([part.objectness for part in parts])
    box = np.where(rows.grown[row, None], grown, moved[rows.box[row]])
    return Boxes(box, objectness[rows.box[row]], prob, key[np.sort(first)])
