"""One process at a time."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def take_lock(lock: int, wait: bool) -> bool:
        """Lock an open file; whether that worked."""
        while True:
            try:
                msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not wait:
                    return False
                time.sleep(0.2)
else:
    import fcntl

    def take_lock(lock: int, wait: bool) -> bool:
        """Lock an open file; whether that worked. OSError where the file system knows no locks."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
        except BlockingIOError:
            return False


@contextmanager
def exclusive(path: Path, waiting: Callable[[], None]) -> Iterator[bool]:
    """Hold a lock file; where another process has it, wait for that one's end. The file is removed afterwards.

    Yields whether there is a lock: on a file system without locks (some network drives) the caller is not alone.
    """
    lock = _open_locked(path, waiting)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            if sys.platform != "win32":  # where an open file cannot be removed
                path.unlink(missing_ok=True)
            os.close(lock)


def _open_locked(path: Path, waiting: Callable[[], None]) -> int | None:
    announced = False
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            while not take_lock(lock, wait=announced):
                waiting()
                announced = True
            if sys.platform == "win32" or _same(lock, path):
                return lock
        except OSError:
            os.close(lock)
            return None
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # its last holder has removed the file: what is locked is no longer the one that others see


def _same(lock: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False
