"""From boxes to anchors: clusters, their values in a cfg, and how good those are; as text and as a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .clusters import assign, cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..typing import Doubles, JsonObject
    from .target import Target


@dataclass(frozen=True)
class Anchors:
    """Anchors, and how well they fit boxes.

    Attributes:
        values: float64[k, 2], as a cfg has them.
        counts: int64[k], how many boxes are nearest to each.
        each_iou: float64[k], average IoU of those (nan without any).
        average_iou: of all boxes.
    """

    values: Doubles
    counts: NDArray[np.int64]
    each_iou: Doubles
    average_iou: float


@dataclass(frozen=True)
class Search:
    """What was asked for.

    Attributes:
        num: how many anchors.
        target: what they are for.
        seed, tries, centroid: as for `cluster`.
    """

    num: int
    target: Target
    seed: int = 0
    tries: int = 10
    centroid: str = "best"

    def run(self, sizes: Doubles, k: int, report: Callable[[str], None] = lambda text: None) -> Anchors:
        """The best ``k`` anchors for boxes.

        Args:
            sizes: float64[n, 2], widths and heights in fractions of the network's input.
            k: how many.
            report: called with a line about what is being done.

        Raises:
            DarknetError: there are fewer than ``k`` different sizes.
        """
        found = cluster(sizes, k, seed=self.seed, tries=self.tries, centroid=self.centroid, report=report)
        return measure(sizes, found.sizes, self.target)


def measure(sizes: Doubles, anchors: Doubles, target: Target, exact: bool = False) -> Anchors:
    """How well anchors, in fractions, fit boxes: as they are, or (not ``exact``) as a cfg will have them."""
    values = anchors * target.scale if exact else target.rounded(anchors)
    nearest, value = assign(sizes, values / target.scale)
    counts = np.bincount(nearest, minlength=len(values))
    with np.errstate(invalid="ignore"):
        each = np.bincount(nearest, value, len(values)) / counts
    return Anchors(values, counts, each, float(value.mean()))


def anchor_lines(found: Anchors, target: Target) -> Iterator[str]:
    """The line for a cfg, the average IoU, and a table."""
    yield f"anchors = {target.text(found.values)}"
    yield ""
    yield f"average IoU {found.average_iou:.2%} ({target.head}: {target.unit} at {target.width}x{target.height})"
    yield ""
    yield f"{'':>4} {'width':>9} {'height':>9} {'of image':>17} {'boxes':>9} {'share':>7} {'IoU':>7}"
    fractions = found.values / target.scale
    for number, (w, h) in enumerate(found.values.tolist()):
        part = f"{fractions[number, 0]:.1%} x {fractions[number, 1]:.1%}"
        count = int(found.counts[number])
        share = count / int(found.counts.sum())
        own = f"{found.each_iou[number]:.1%}" if count else "-"
        yield f"{number:>4} {w:>9g} {h:>9g} {part:>17} {count:>9} {share:>7.1%} {own:>7}"


def curve_lines(curve: Sequence[tuple[int, float]]) -> Iterator[str]:
    """Average IoU by number of anchors."""
    yield f"{'k':>4} {'average IoU':>12}"
    for k, value in curve:
        yield f"{k:>4} {value:>12.2%}"


def as_document(found: Anchors, target: Target) -> JsonObject:
    """Anchors, for JSON: ``anchors`` in the cfg's units, ``relative`` in fractions of the network's input."""
    return {
        "anchors": found.values.tolist(),
        "relative": (found.values / target.scale).tolist(),
        "counts": found.counts.tolist(),
        "average_iou": found.average_iou,
    }
