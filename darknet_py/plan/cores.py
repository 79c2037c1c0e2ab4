"""How many cores a process may use, and is quick on; which of them the threads of a run are on."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache


def usable_cores() -> int:
    """Number of cores that this process may use; of a Mac with slow cores beside its fast ones, the fast ones.

    The threads of a run wait for each other at each layer, and spin meanwhile: all others would wait for a slow core's
    part, again and again.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    count = getattr(os, "process_cpu_count", os.cpu_count)() or 1
    if sys.platform == "darwin":
        return min(count, fast_cores_of_mac() or count)
    return count


def fast_cores_of_mac() -> int | None:
    """Performance cores of Apple's processors; None where macOS reports no kinds of cores."""
    try:
        ask = ctypes.CDLL(None).sysctlbyname
    except (OSError, AttributeError, TypeError):
        return None
    value, size = ctypes.c_int32(0), ctypes.c_size_t(4)
    failed = ask(b"hw.perflevel0.logicalcpu", ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0))
    return value.value if not failed and value.value > 0 else None


def keep_from(core: int, thread: int, threads: int) -> None:
    """Bar a thread of this process from a core, so that it wakes on another one.

    Linux likes to wake a thread on the core of the one that wakes it, idle cores or not, and parts the two when
    milliseconds have passed: a small network is done by then.

    Args:
        core: the waking thread's.
        thread: the system's number of the other one.
        threads: how many run together: if there are not as many cores, it may be anywhere.
    """
    with suppress(OSError):  # where that is not allowed, the system goes on placing it
        usable = os.sched_getaffinity(0)
        if max(threads, 2) <= len(usable):
            os.sched_setaffinity(thread, usable - {core})


def current_core() -> int | None:
    """The core that the calling thread is on now; None: the system does not say, or places threads itself."""
    ask = _ask()
    return None if ask is None else ask()


@cache
def _ask() -> Callable[[], int] | None:
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:
        ask: Callable[[], int] = ctypes.PyDLL(None).sched_getcpu
    except (OSError, AttributeError):
        return None
    return ask
