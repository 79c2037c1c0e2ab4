"""Sizes of boxes as people write them: shares of the picture, or pixels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..typing import Doubles

_SIZE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:x(\d+(?:\.\d*)?|\.\d+))?(%|px)?", re.ASCII)


@dataclass(frozen=True)
class Size:
    """A least or greatest size of boxes.

    Attributes:
        share: the box's area as a share of the picture's, 0 to 1; None where pixels are meant.
        width, height: of both sides, in pixels.
    """

    share: float | None = None
    width: float = 0.0
    height: float = 0.0

    def at_least(self, side: Doubles, area: Doubles) -> NDArray[np.bool_]:
        """Which boxes are so large or larger: n x 2 sides in pixels, and n shares of the picture's area."""
        if self.share is not None:
            return area >= self.share
        return (side[:, 0] >= self.width) & (side[:, 1] >= self.height)

    def at_most(self, side: Doubles, area: Doubles) -> NDArray[np.bool_]:
        """Which boxes are so large or smaller; arguments as for `at_least`."""
        if self.share is not None:
            return area <= self.share
        return (side[:, 0] <= self.width) & (side[:, 1] <= self.height)

    def exceeds(self, other: Size) -> bool:
        """Whether no box is of this size or larger, and of the other one or smaller."""
        if self.share is not None and other.share is not None:
            return self.share > other.share
        same_unit = self.share is None and other.share is None
        return same_unit and (self.width > other.width or self.height > other.height)


def make_size(name: str, size: str | float | Size) -> Size:
    """A size from ``1%`` or ``.01`` (share of the picture's area), ``20px`` or ``20x40px`` (width and height).

    Args:
        name: of the option, for messages.
        size: text; a number is a share.

    Raises:
        DarknetError: it is something else.
    """
    if isinstance(size, Size):
        return size
    found = None if isinstance(size, bool) else _SIZE.fullmatch(str(size).strip())
    if found:
        width, height, unit = float(found[1]), float(found[2] or found[1]), found[3]
        if unit == "px":
            return Size(None, width, height)
        share = width / 100 if unit == "%" else width
        if found[2] is None and 0 <= share <= 1:
            return Size(share)
    raise DarknetError(
        f"{name}={size}: is no size: write 1% or .01 for a share of the picture's area, 20px for both sides, or 20x40px"
    )
