"""How the other threads of a pool wait for their next run, and the calling one for their end: not put to sleep at once.

The system takes 30 to 90 microseconds to wake a thread that sleeps: a twentieth of a small network's run, at its start
and again at its end. So a worker first looks for a run for a while, longer than two in turn are apart, and the calling
thread for the sign that the worker rests, both in machine code (`kernels.runtime.team`). Each gives its core to whoever
asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..kernels.runtime.calls import Prepared
from ..kernels.runtime.team import AWAY, CALLED, FAILED, SIGNS, STATE, await_rest, hand_out, rest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.runtime.calls import Calls

LOOKS = 2500
"""How often one looks before it sleeps: for about a fifth of a millisecond."""


class Rests:
    """The rests of a pool's workers between their runs."""

    def __init__(self, workers: int) -> None:
        self._signs: NDArray[np.int64] = np.zeros(SIGNS * workers, np.int64)
        self._states = self._signs[STATE::SIGNS]
        self._native = workers > 0 and rest.native((self._signs, 0, 0)) is not None
        if self._native:
            self._rest = [Prepared(rest, self._signs, 0, 0) for _ in range(workers)]
            self._hand_out = Prepared(hand_out, self._signs, 0, 0, 0, 0, 0)
            self._await = Prepared(await_rest, self._signs, 0, 0)

    def rest(self, worker: int) -> bool:
        """A worker's rest. Returns whether a call of a run that it was given raised an error: see `failed`."""
        return self._native and self._rest[worker](worker, LOOKS) != 0

    def failed(self, worker: int) -> int:
        """Which one did."""
        return int(self._signs[SIGNS * worker + FAILED])

    def end(self, worker: int) -> None:
        """A worker ends a run in Python."""
        self._states[worker] = AWAY

    def begin(self, workers: int, calls: Calls | None, bits: tuple[int, int]) -> bool:
        """Give a run to the workers. Returns whether some must be woken, as all must be without ``calls``: `called`."""
        if not self._native:
            self._states[:workers] = CALLED
            return True
        tables, count = (0, 0) if calls is None else (calls.tables.ctypes.data, calls.count)
        return self._hand_out(tables, workers, count, *bits) > 0

    def called(self, worker: int) -> bool:
        """Whether a worker is to run in Python."""
        return bool(self._states[worker] == CALLED)

    def wait(self, workers: int) -> bool:
        """Wait until the workers rest, or for as long as one looks. Returns whether all have made their calls."""
        return not self._native or self._await(workers, LOOKS) == 0
