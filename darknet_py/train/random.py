"""Random numbers as Darknet draws them: glibc's ``rand()``, with its state in sight.

Darknet has one such stream for everything. Here a stream is an object: the loader and the network may share one, as
Darknet's do, or have one each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.train import random as kernels
from ..typing import Floats

_HALF = np.float32(2**31)


class RandomState(NamedTuple):
    """Where a stream is: what `GlibcRandom.state` gives and `GlibcRandom.restore` takes.

    Attributes:
        ring: 31 values of the recurrence, and the place of the oldest.
        spare: Darknet's second normal number: whether there is one (1 or 0), and the two numbers that it is made of.
    """

    ring: tuple[int, ...]
    spare: tuple[float, ...]


class Numbers:
    """Darknet's functions on top of whatever gives the numbers of ``rand()``; all results are float32 as Darknet's."""

    def rand(self) -> int:
        """The next number, from 0 to 2**31 - 1."""
        raise NotImplementedError

    def uniform(self, low: float, high: float) -> np.float32:
        """A number from ``low`` to ``high``, which may stand the other way round (``rand_uniform``); one draw."""
        first, last = np.float32(low), np.float32(high)
        if last < first:
            first, last = last, first
        number: np.float32 = np.float32(self.rand()) / _HALF * (last - first) + first
        return number

    def scale(self, most: float) -> np.float32:
        """A factor from 1 / ``most`` to ``most`` (``rand_scale``); two draws."""
        factor = self.uniform(1, most)
        return factor if self.rand() % 2 else np.float32(1.0 / float(factor))

    def integer(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included (``rand_int``); one draw."""
        low, high = min(low, high), max(low, high)
        return self.rand() % (high - low + 1) + low


class Drawn(Numbers):
    """Numbers that were drawn before, for who works on them elsewhere."""

    def __init__(self, numbers: NDArray[np.int32]) -> None:
        self._numbers: Iterator[int] = iter(numbers.tolist())

    def rand(self) -> int:
        return next(self._numbers)


class GlibcRandom(Numbers):
    """glibc's ``srand`` and ``rand`` (its default, TYPE_3), and Darknet's functions on top of it.

    Attributes:
        ring: uint32[32], the state, for kernels that draw (`kernels.train.random`).
        spare: float64[3], the state of `normal`, for kernels.
    """

    def __init__(self, seed: int) -> None:
        self.ring: NDArray[np.uint32] = np.empty(32, np.uint32)
        self.spare: NDArray[np.float64] = np.zeros(3)
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start anew, as ``srand(seed)`` does; the spare normal number stays, as Darknet's does."""
        kernels.start(self.ring, seed & 0xFFFFFFFF)

    def rand(self) -> int:
        return int(kernels.rand(self.ring))

    def normal(self) -> np.float32:
        """A number from the normal distribution (Box-Muller, as Darknet); two draws each second time."""
        number: np.float32 = np.float32(kernels.normal(self.ring, self.spare))
        return number

    def draw(self, count: int) -> NDArray[np.int32]:
        """The next ``count`` numbers, int32[count]."""
        out = np.empty(count, np.int32)
        kernels.draw(out, self.ring)
        return out

    def uniforms(self, out: Floats, low: float, high: float, scale: float = 1) -> None:
        """Fill ``out`` with ``scale`` times a number from ``low`` to ``high``."""
        kernels.uniforms(out, self.ring, np.float32(low), np.float32(high), np.float32(scale))

    def normals(self, out: Floats, scale: float = 1) -> None:
        """Fill ``out`` with ``scale`` times a number from the normal distribution."""
        kernels.normals(out, self.ring, self.spare, np.float32(scale))

    def skip(self, count: int) -> None:
        """Leave out the next ``count`` numbers."""
        kernels.skip(self.ring, count)

    def copy(self) -> GlibcRandom:
        """A stream of its own that goes on from here."""
        other = GlibcRandom.__new__(GlibcRandom)
        other.ring, other.spare = self.ring.copy(), self.spare.copy()
        return other

    @property
    def state(self) -> RandomState:
        """Where the stream is."""
        return RandomState(tuple(self.ring.tolist()), tuple(self.spare.tolist()))

    def restore(self, state: RandomState) -> None:
        """Go on from a `state`. Raises ValueError if it is none."""
        ring, spare = np.array(state.ring, np.uint32), np.array(state.spare, np.float64)
        if ring.shape != (32,) or ring[31] > 30 or spare.shape != (3,):
            raise ValueError("this is no state of rand(): 31 numbers and a place from 0 to 30, and 3 numbers")
        self.ring[:], self.spare[:] = ring, spare
