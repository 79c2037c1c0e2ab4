"""Histograms of activations: bounded memory, one look at each value, the same whatever order the pictures come in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..typing import Doubles, Floats

BINS = 4096
"""Most bins of a histogram."""

FINEST = -120
"""Bins are at least 2 to this power wide: values are multiplied by powers of two that float32 has."""


class Histogram:
    """How often values occur. Bins are a power of two wide and begin at multiples of that width.

    When the range grows beyond `BINS` bins, neighbours are joined in pairs: so the bins depend on the values only, not
    on their order.

    Attributes:
        low, high: the least and the greatest value; infinite (and low above high) before the first one.
        exponent: bins are 2 to this power wide.
        first: the number of the first bin, which begins at ``first * width``.
        counts: int64, values in each bin from there on.
    """

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf
        self.exponent = FINEST
        self.first = 0
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)

    @property
    def width(self) -> float:
        """How wide a bin is."""
        return math.ldexp(1.0, self.exponent)

    @property
    def total(self) -> int:
        """How many values there are."""
        return int(self.counts.sum())

    @property
    def centers(self) -> Doubles:
        """The middle of each bin, no lower than the least and no higher than the greatest value."""
        middles = (self.first + np.arange(len(self.counts)) + 0.5) * self.width
        return np.clip(middles, self.low, self.high)

    def add(self, values: Floats) -> None:
        """Count values.

        Raises:
            ValueError: one of them is NaN or infinite; nothing is counted.
        """
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError("values are NaN or infinite")
        self.low, self.high = min(low, self.low), max(high, self.high)
        self._make_room()
        places = np.floor(values.reshape(-1) * np.float32(1 / self.width)).astype(np.int32)
        places -= np.int32(self.first)
        self.counts += np.bincount(places, minlength=len(self.counts))

    def _make_room(self) -> None:
        """Bins for all from the least to the greatest value, and for 0, as narrow as `BINS` allow."""
        exponent, low, high = self.exponent, min(self.low, 0.0), max(self.high, 0.0)
        while _bin(high, exponent) - _bin(low, exponent) >= BINS:
            exponent += 1
        first, last = _bin(low, exponent), _bin(high, exponent)
        counts = np.zeros(last - first + 1, np.int64)
        old = (self.first + np.arange(len(self.counts))) >> (exponent - self.exponent)
        np.add.at(counts, old - first, self.counts)
        self.exponent, self.first, self.counts = exponent, first, counts


def _bin(value: float, exponent: int) -> int:
    return math.floor(math.ldexp(value, -exponent))


def united(histograms: list[Histogram]) -> Histogram:
    """One histogram of all their values: of layers that must have the same scale."""
    result = Histogram()
    filled = [each for each in histograms if len(each.counts)]
    if not filled:
        return result
    result.exponent = max(each.exponent for each in filled)
    result.low, result.high = min(each.low for each in filled), max(each.high for each in filled)
    result._make_room()
    for each in filled:
        places = (each.first + np.arange(len(each.counts))) >> (result.exponent - each.exponent)
        np.add.at(result.counts, places - result.first, each.counts)
    return result
