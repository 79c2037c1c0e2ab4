"""How many cores a process may use, and is quick on."""

from __future__ import annotations

import ctypes
import os
import sys


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
