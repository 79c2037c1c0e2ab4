"""Which range of a layer's values 256 levels are spread over: what is beyond is clipped, what is within is rounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..typing import Doubles
    from .histogram import Histogram

LEVELS = 255
"""Steps between the least and the greatest of 8 bits."""

PERCENTILE = 99.99
"""How many percent of the values are within the range of the method ``percentile``."""

NARROWEST = 0.05
"""The method ``mse`` clips no more than down to this part of a side."""

CANDIDATES = 96
"""How many ends it tries on each side."""


@dataclass(frozen=True)
class Range:
    """From ``low`` (0 or below) to ``high`` (0 or above); 0 itself always has a level of its own."""

    low: float
    high: float

    @property
    def step(self) -> float:
        """The distance of two levels; of a layer that is 0 everywhere, 1."""
        return (self.high - self.low) / LEVELS or 1.0

    @property
    def zero(self) -> int:
        """The level of 0, from 0 to 255."""
        return round(-self.low / self.step)


def min_max(histogram: Histogram) -> Range:
    """Everything: nothing is clipped."""
    return Range(min(histogram.low, 0.0), max(histogram.high, 0.0))


def percentile(histogram: Histogram, percent: float = PERCENTILE) -> Range:
    """All but the farthest values: so many percent stay, what is left out is divided among both sides by distance."""
    centers, counts = histogram.centers, histogram.counts
    distances = np.abs(centers)
    order = np.argsort(distances, kind="stable")
    within = np.cumsum(counts[order])
    last = int(np.searchsorted(within, percent / 100 * within[-1]))
    limit = float(distances[order[min(last, len(order) - 1)]]) + histogram.width / 2
    full = min_max(histogram)
    return Range(max(full.low, -limit), min(full.high, limit))


def least_squares(histogram: Histogram) -> Range:
    """The range whose clipping and rounding together make the least mean squared error."""
    full = min_max(histogram)
    parts = np.linspace(1, NARROWEST, CANDIDATES)
    low, high = full.low, full.high
    for _ in range(2):  # one side, then the other; twice, since the step depends on both
        if high > 0:
            high = _best(histogram, np.full(CANDIDATES, low), full.high * parts).high
        if low < 0:
            low = _best(histogram, full.low * parts, np.full(CANDIDATES, high)).low
    return Range(low, high)


def _best(histogram: Histogram, lows: Doubles, highs: Doubles) -> Range:
    """The pair of ends with the least error; of equals the first, which is the widest."""
    ranges = [Range(float(low), float(high)) for low, high in zip(lows, highs, strict=True)]
    return min(ranges, key=lambda each: squared_error(histogram, each))


METHODS: dict[str, Callable[[Histogram], Range]] = {
    "minmax": min_max,
    "percentile": percentile,
    "mse": least_squares,
}
"""How a range is chosen, by the name that the user gives."""


def squared_error(histogram: Histogram, range: Range) -> float:
    """The sum of the squared errors that 8 bits of this range make of the values."""
    values = histogram.centers
    levels = np.clip(np.rint(values / range.step) + range.zero, 0, LEVELS)
    errors = (levels - range.zero) * range.step - values
    # Within a bin values lie anywhere: what the level's rounding makes of that is known where bins are wide.
    return float((histogram.counts * errors**2).sum())


def clipped(histogram: Histogram, range: Range) -> float:
    """The share of values that the range clips: those more than half a step beyond its ends."""
    if not histogram.total:
        return 0.0
    low, high = (range.step * (level - range.zero) for level in (-0.5, LEVELS + 0.5))
    beyond = (histogram.centers < low) | (histogram.centers > high)
    return float(histogram.counts[beyond].sum()) / histogram.total


def noise_ratio(signal: float, noise: float) -> float:
    """Signal to noise in decibels, of sums of squares; infinite without noise, and where there is no signal either."""
    if noise <= 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")
