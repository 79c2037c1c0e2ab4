"""How a worker thread waits for its next run, and a run for its workers' end: without being put to sleep at once.

The system takes 30 to 90 microseconds to wake a thread that sleeps: a twentieth of a small network's run, at its start
and again at its end. So a worker first looks for a bell for a while, longer than two runs in turn are apart, and the
calling thread for the worker's sign that it rests, both without Python's lock. Each gives its core to whoever asks.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.runtime.atomic import AWAIT, REST, RING, RUNS, SEEN, SIGNS, meet
from ..kernels.runtime.calls import Calls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.runtime.jit import Native

LOOKS = 2500
"""How often one looks before it sleeps: for about a fifth of a millisecond."""

BELL = np.zeros(SIGNS, np.int64)
"""Rung at the start of each run of several threads: all workers that rest look whether the run is theirs."""


def ring() -> tuple[Native | None, tuple[object, ...]]:
    """The bell, as a call: the kernel's code, and its arguments."""
    arguments = (BELL, BELL, RING, 0)
    return meet.native(arguments), arguments


def ring_now() -> None:
    """The same from Python."""
    meet(BELL, BELL, RING, 0)


class Rest:
    """A worker's rests between its runs."""

    def __init__(self) -> None:
        self._signs: NDArray[np.int64] = np.zeros(SIGNS, np.int64)
        resting = (BELL, self._signs, REST, LOOKS)
        awaiting = (BELL, self._signs, AWAIT, LOOKS)
        natives = [native for native in map(meet.native, (resting, awaiting)) if native is not None]
        self._calls = Calls(natives, [resting, awaiting]) if len(natives) == 2 else None

    def begin(self) -> None:
        """A run of the worker's is to be waited for by `wait_for_end`; the thread that asks for it says so before."""
        self._signs[RUNS] += 1

    def wait_for(self, go: threading.Lock) -> None:
        """The worker's wait: until it gets the lock."""
        while self._calls is not None:
            before = int(BELL[RUNS])
            self._signs[SEEN] = before
            if go.acquire(blocking=False):
                return
            self._calls.run(0, 1)
            if int(BELL[RUNS]) == before:  # nothing for as long as one looks
                break
        go.acquire()

    def wait_for_end(self) -> None:
        """The calling thread's wait: until the worker rests, or for as long as one looks."""
        if self._calls is not None:
            self._calls.run(1, 2)
