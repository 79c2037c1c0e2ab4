"""What several processes would compile at the same time one of them compiles, and the others wait for it.

Each kernel has a byte of one lock file in the folder of kernels: no file is made or removed for a kernel, and whatever
ends a process ends its turns, too. Where files cannot be locked each process compiles for itself.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from .later import listeners

FILE = "compiling.lock"

PATIENCE = 180.0
"""Seconds after which a process no longer waits for another one, which may have been stopped."""

_LOOK = 0.02
"""Seconds from one look to the next."""

if sys.platform == "win32":
    import msvcrt

    def take(file: int, byte: int) -> bool:
        os.lseek(file, byte, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def give_back(file: int, byte: int) -> None:
        os.lseek(file, byte, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def take(file: int, byte: int) -> bool:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except (BlockingIOError, PermissionError):  # either may say that another process has it
            return False
        return True

    def give_back(file: int, byte: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)


@contextlib.contextmanager
def turn(folders: Sequence[Path], symbol: str) -> Iterator[bool]:
    """Have a kernel for oneself while it is compiled; one thread of a process at a time.

    Args:
        folders: where kernels are kept: the first that can be written to has the lock file.
        symbol: the kernel's.

    Yields:
        Whether another process was waited for, which may have compiled it.
    """
    file, byte = _open(folders), zlib.crc32(symbol.encode()) >> 1
    if file is None:
        yield False
        return
    try:
        yield _wait(file, byte)
    finally:
        with contextlib.suppress(OSError):
            give_back(file, byte)
        os.close(file)


def _open(folders: Sequence[Path]) -> int | None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            return os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o666)
    return None


def _wait(file: int, byte: int) -> bool:
    """Take a lock; whether it was waited for. That counts as compiling for those who listen."""
    try:
        if take(file, byte):
            return False
        for listener in list(listeners):
            listener.on_start()
        end = time.monotonic() + PATIENCE
        while not take(file, byte) and time.monotonic() < end:
            time.sleep(_LOOK)
        for listener in list(listeners):
            listener.on_end()
    except OSError:  # a file system without locks
        return False
    return True
