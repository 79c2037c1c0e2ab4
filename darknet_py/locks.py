"""A lock that a forked child finds free, even if another thread of its parent had it.

A child has the forking thread alone: whoever else held a lock is not there to let go of it, and the child would wait
for ever.
"""

from __future__ import annotations

import os
import threading
from weakref import WeakSet


class ForkLock:
    """A lock for one thread at a time, which may take it several times: a context manager."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _all.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """In a forked child: a new lock, unless the thread that is left has this one, or nobody."""
        if self._lock.acquire(blocking=False):
            self._lock.release()
        else:
            self._lock = threading.RLock()


_all: WeakSet[ForkLock] = WeakSet()


def _renew_all() -> None:
    for lock in list(_all):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
