"""What the values of an array look like, without a copy of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_CHUNK = 1 << 20
_SMALLEST_NORMAL = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Statistics:
    """Counts of all values; ``min``, ``max``, ``mean`` and ``std`` of those that are finite (NaN where none is).

    ``std`` is that of the population (divided by the count); it and ``mean`` are computed in double.
    """

    count: int
    min: float
    max: float
    mean: float
    std: float
    nan: int
    inf: int
    zeros: int
    denormals: int

    @property
    def finite(self) -> int:
        """Values that are neither NaN nor infinite."""
        return self.count - self.nan - self.inf


def measure(values: NDArray[np.float32]) -> Statistics:
    """Statistics of an array of float32, read in pieces."""
    flat = values.reshape(-1)
    return combine(measure_chunk(flat[first : first + _CHUNK]) for first in range(0, flat.size, _CHUNK))


def measure_chunk(values: NDArray[np.float32]) -> Statistics:
    numbers = values[np.isfinite(values)]
    nan = int(np.count_nonzero(np.isnan(values)))
    sizes = np.abs(numbers)
    zeros = int(np.count_nonzero(sizes == 0))
    some = numbers.size > 0
    return Statistics(
        count=values.size, nan=nan, inf=values.size - numbers.size - nan, zeros=zeros,
        denormals=int(np.count_nonzero(sizes < _SMALLEST_NORMAL)) - zeros,
        min=float(numbers.min()) if some else math.nan, max=float(numbers.max()) if some else math.nan,
        mean=float(numbers.mean(dtype=np.float64)) if some else math.nan,
        std=float(numbers.std(dtype=np.float64)) if some else math.nan,
    )  # fmt: skip


def combine(parts: Iterable[Statistics]) -> Statistics:
    """Statistics of several arrays together."""
    everything = list(parts)
    some = [part for part in everything if part.finite]
    finite = sum(part.finite for part in some)
    mean = sum(part.finite * part.mean for part in some) / finite if finite else math.nan
    spread = sum(part.finite * (part.std**2 + (part.mean - mean) ** 2) for part in some)
    return Statistics(
        count=sum(part.count for part in everything), nan=sum(part.nan for part in everything),
        inf=sum(part.inf for part in everything), zeros=sum(part.zeros for part in everything),
        denormals=sum(part.denormals for part in everything), mean=mean,
        min=min((part.min for part in some), default=math.nan),
        max=max((part.max for part in some), default=math.nan),
        std=math.sqrt(spread / finite) if finite else math.nan,
    )  # fmt: skip
