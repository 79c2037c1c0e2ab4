"""Once on each machine: a lock between processes, and kernels that are compiled by one of them and not by all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ..detector import Detector


def warmed(detector: Detector) -> None:
    """Let a network run once, so that its kernels are compiled: while one process does, others of the machine wait.

    What is compiled is kept on disk; a mark beside it says so to those who come later, and they do not wait.
    """
    from ..warmup import cache_folder, read_pictures

    def run() -> None:
        read_pictures()
        pixels = np.random.RandomState(7).randint(0, 256, (60, 80, 3), np.uint8)
        for images in (1, 4):
            detector.detect_batch([pixels] * images, thresh=0.0)

    folder = cache_folder()
    if folder is None:  # nothing is kept: each compiles for itself
        run()
        return
    mark = folder / f"warm-{_name(detector)}"
    if mark.exists():
        return
    with machine_lock("warm"):
        if not mark.exists():
            run()
            with suppress(OSError):
                mark.touch()


def _name(detector: Detector) -> str:
    """What the compiled kernels depend on, besides what Numba knows by itself."""
    from ..formats.hashes import file_sha256
    from ..version import __version__

    text = f"{__version__} {detector.math} {detector.network.dialect.key} {file_sha256(detector.network.path)}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Held by one process of the user on this machine; gone with the process, however it ends. (Not on Windows.)

    Where there is no folder for temporary files, nobody waits: each process compiles for itself.
    """
    user = getattr(os, "getuid", lambda: 0)()
    with ExitStack() as stack:
        with suppress(OSError):
            path = Path(tempfile.gettempdir()) / f"darknet-py-{user}-{name}.lock"
            wait_for(stack.enter_context(path.open("a")).fileno())
        yield


def wait_for(descriptor: int) -> None:
    """Lock an open file, as soon as nobody else has it locked."""
    with suppress(ImportError):
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def try_lock(descriptor: int) -> bool:
    """Lock an open file; False if another process has it locked."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
