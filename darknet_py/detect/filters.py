"""Which detections are reported: classes, sizes, zones. Filters see boxes after suppression, and change no number.

What passes is what a run without filters reports, less the rest; with ``clip``, boxes end at the picture's borders.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DarknetError, warn
from .sizes import Size, make_size
from .zones import Zone, contains, make_zone, share_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..formats.tree import Tree
    from ..typing import Doubles, Floats
    from .detections import Detections
    from .nms import Boxes

OVERLAP = 0.5
"""The share of a box that must lie in a zone, where overlap is asked for and no share is given."""


@dataclass(frozen=True)
class Filter:
    """What is reported of what was found. The default lets everything through.

    Attributes:
        classes: names or numbers; None: all. `for_classes` makes numbers of the names.
        min_size, max_size: least and greatest size of a box.
        zones: polygons; a box must be in one of them. None means everywhere.
        overlap: the share of a box that must lie in a zone, above 0; None: its centre must.
        clip: boxes end at the picture's borders, and one that lies outside of it is left out. Sizes and zones are
            then compared with what is left of a box.
    """

    classes: tuple[str | int, ...] | None = None
    min_size: Size | None = None
    max_size: Size | None = None
    zones: tuple[Zone, ...] = ()
    overlap: float | None = None
    clip: bool = False

    @property
    def active(self) -> bool:
        """Whether it does anything."""
        return self != Filter()

    def for_classes(self, names: Sequence[str], classes: int, tree: Tree | None = None) -> Filter:
        """The same with the numbers of its classes.

        Args:
            names: the class names, or nothing.
            classes: how many classes there are.
            tree: with a WordTree, a class stands for all below it, too.

        Raises:
            DarknetError: there is no such class; the nearest name is in the message.
        """
        if self.classes is None:
            return self
        numbers = {number for entry in self.classes for number in _numbers_of(entry, names, classes)}
        if tree is not None:
            for node in range(len(tree.parent)):  # parents come before their children
                if int(tree.parent[node]) in numbers:
                    numbers.add(node)
        return replace(self, classes=tuple(sorted(numbers)))

    def passes(self, box: Floats, image_size: tuple[int, int], relative: bool = True) -> NDArray[np.bool_]:
        """Which boxes have the size and the place.

        Args:
            box: float32, n x 4: centre x, y, width, height.
            image_size: width and height of the picture.
            relative: boxes are fractions of the picture, else in its pixels.
        """
        scale = np.array(image_size, np.float64) if relative else np.ones(2)
        centre, side = box[:, :2] * scale, box[:, 2:] * scale
        area = side[:, 0] * side[:, 1] / (float(image_size[0]) * image_size[1])
        passed = np.ones(len(box), bool)
        with np.errstate(invalid="ignore"):
            if self.clip:
                passed &= (side > 0).all(axis=1)
            if self.min_size is not None:
                passed &= self.min_size.at_least(side, area)
            if self.max_size is not None:
                passed &= self.max_size.at_most(side, area)
        if self.zones:
            passed &= self._in_zones(centre, side, image_size)
        return passed

    def _in_zones(self, centre: Doubles, side: Doubles, image_size: tuple[int, int]) -> NDArray[np.bool_]:
        inside = np.zeros(len(centre), bool)
        for zone in self.zones:
            corners = zone.corners(image_size)
            if zone.misses(image_size):
                shown = ",".join(f"{value:g}" for point in zone.points for value in point)
                warn(f"zone {shown} lies outside of a picture of {image_size[0]} x {image_size[1]}: nothing is in it")
            elif self.overlap is None:
                inside |= contains(corners, centre)
            else:
                edges = np.concatenate([centre - side / 2, centre + side / 2], axis=1)
                inside |= np.array([share_within(corners, edge) >= self.overlap for edge in edges], bool)
        return inside

    def apply(self, boxes: Boxes, image_size: tuple[int, int], relative: bool = True) -> Boxes:
        """What passes, in the same order: boxes that do not are left out, other classes get probability 0.

        Arguments as for `passes`.
        """
        if not self.active:
            return boxes
        if self.clip:
            boxes = replace(boxes, box=clipped(boxes.box, (1, 1) if relative else image_size))
        prob = boxes.prob
        if self.classes is not None:
            prob = np.where(self._chosen(prob.shape[1]), prob, np.float32(0))
        rows = np.flatnonzero(self.passes(boxes.box, image_size, relative))
        uncertainty = None if boxes.uncertainty is None else boxes.uncertainty[rows]
        return replace(
            boxes, box=boxes.box[rows], objectness=boxes.objectness[rows], prob=prob[rows], index=boxes.index[rows],
            uncertainty=uncertainty,
        )  # fmt: skip

    def select(self, found: Detections) -> Detections:
        """The rows that pass, in the same order."""
        if not self.active:
            return found
        found = found.clip() if self.clip else found
        passed = self.passes(found.box, found.image_size)
        if self.classes is not None:
            passed &= self._chosen(found.classes)[found.class_id]
        return found[passed]

    def _chosen(self, classes: int) -> NDArray[np.bool_]:
        """Which classes are reported."""
        chosen = np.zeros(classes, bool)
        for number in self.classes or ():
            if isinstance(number, str):
                raise DarknetError(f"class '{number}': its number is not known yet (Filter.for_classes)")
            chosen[number] = True
        return chosen


NO_FILTER = Filter()
"""Lets everything through."""


def make_filter(
    classes: str | int | Sequence[str | int] | None = None,
    min_size: str | float | Size | None = None,
    max_size: str | float | Size | None = None,
    zones: Sequence[str | Sequence[float] | Zone] = (),
    zone_by: str = "centre",
    clip: bool = False,
) -> Filter:
    """A filter from what people write.

    Args:
        classes: ``"person,car"``, or a list of names and numbers. None: all classes.
        min_size, max_size: ``"1%"`` or ``.01`` of the picture's area, or ``"20px"``, ``"20x40px"``: both sides.
        zones: each ``"x,y,x,y,..."`` or a list of numbers: opposite corners of a rectangle, or a polygon's corners;
            fractions of the picture if none is above 1, else pixels.
        zone_by: ``centre``: a box is in a zone if its centre is; ``overlap`` or ``overlap:.3``: if at least half of it,
            or that share, is.
        clip: boxes end at the picture's borders.

    Raises:
        DarknetError: something is not like that.
    """
    if isinstance(classes, (str, int)):
        classes = [classes]
    chosen = None if classes is None else tuple(_class_entry(entry) for entry in classes)
    if chosen == ():
        raise DarknetError("classes: none is given; leave the option out for all")
    if isinstance(zones, (str, Zone)):
        zones = [zones]
    filter = Filter(
        chosen,
        None if min_size is None else make_size("min_size", min_size),
        None if max_size is None else make_size("max_size", max_size),
        tuple(make_zone(zone) for zone in zones),
        _overlap(zone_by),
        bool(clip),
    )
    if filter.overlap is not None and not filter.zones:
        raise DarknetError(f"zone_by={zone_by}: there is no zone")
    _check_order(filter)
    return filter


def _class_entry(entry: Any) -> str | int:
    if isinstance(entry, (int, np.integer)) and not isinstance(entry, bool):
        return int(entry)
    if isinstance(entry, str):
        return entry
    raise DarknetError(f"classes: {entry!r} is neither a name nor a number")


def _overlap(zone_by: str) -> float | None:
    """The share that ``zone_by`` asks for. Raises `DarknetError`."""
    word, _, share = str(zone_by).partition(":")
    if word in ("centre", "center") and not share:
        return None
    if word == "overlap":
        try:
            value = float(share or OVERLAP)
        except ValueError:
            value = math.nan
        if 0 < value <= 1:
            return value
    raise DarknetError(f"zone_by={zone_by}: write centre, overlap, or overlap:SHARE with a share above 0 up to 1")


def _check_order(filter: Filter) -> None:
    """Raise `DarknetError` if no box can be between the least and the greatest size."""
    if filter.min_size is not None and filter.max_size is not None and filter.min_size.exceeds(filter.max_size):
        raise DarknetError("min_size is above max_size: no box is of such a size")


@np.errstate(all="ignore")
def clipped(box: Floats, limits: tuple[int, int] = (1, 1)) -> Floats:
    """Boxes (float32, n x 4: centre, width, height) that end at the picture's borders, 0 and ``limits``."""
    half = box[:, 2:].astype(np.float64) / 2
    first = np.clip(box[:, :2] - half, 0, limits)
    last = np.clip(box[:, :2] + half, 0, limits)
    clipped: Floats = np.concatenate([(first + last) / 2, last - first], axis=1).astype(np.float32)
    return clipped


def _numbers_of(entry: str | int, names: Sequence[str], classes: int) -> list[int]:
    """The numbers of a class; of several, where a text has commas that no name has. Raises `DarknetError`."""
    if isinstance(entry, int):
        if not 0 <= entry < classes:
            raise DarknetError(f"class {entry}: there are classes 0 to {classes - 1}")
        return [entry]
    found = _named(entry.strip(), names)
    if found:
        return found
    words = [word.strip() for word in entry.split(",")]
    if len(words) > 1:
        return [number for word in words if word for number in _numbers_of(word, names, classes)] or _unknown("", names)
    if re.fullmatch(r"[0-9]{1,9}", words[0]):
        return _numbers_of(int(words[0]), names, classes)
    return _unknown(words[0], names)


def _named(word: str, names: Sequence[str]) -> list[int]:
    """All classes of a name: as it is written, else in whatever case."""
    exact = [number for number, name in enumerate(names) if name == word]
    return exact or [number for number, name in enumerate(names) if name.casefold() == word.casefold()]


def _unknown(word: str, names: Sequence[str]) -> list[int]:
    if not names:
        raise DarknetError(f"class '{word}': no class names are known; give numbers, or the names")
    shown: Collection[str] = difflib.get_close_matches(word, names, 3, 0.6)
    if not shown:
        shown = difflib.get_close_matches(word.casefold(), [name.casefold() for name in names], 3, 0.6)
    hint = f"Did you mean {' or '.join(shown)}?" if shown else f"There are {', '.join(names[:5])}, ..."
    raise DarknetError(f"class '{word}': the network knows none of that name. {hint}")
