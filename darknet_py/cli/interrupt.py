"""Ctrl-C ends a command with one line and exit code 130, wherever it strikes."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from typing import Any, NoReturn

CODE = 130
"""Exit code of a program that was interrupted, as shells have it."""

_LATER = 0.05

_struck = False


def watch() -> None:
    """Note interrupts, unless the process was started with them ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _strike)
        sys.unraisablehook = _unraisable


def has_struck() -> bool:
    """Whether an interrupt came: what goes wrong afterwards is its fault."""
    return _struck


def leave() -> NoReturn:
    """Say so and exit: at once, because a compiler that was interrupted can crash when Python takes it apart."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    print("Interrupted.", file=sys.stderr)
    atexit._run_exitfuncs()  # temporary folders are removed
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(CODE)


def _strike(number: int, frame: Any) -> None:
    global _struck
    _struck = True
    raise KeyboardInterrupt


def _unraisable(info: Any) -> None:
    """What code called from C must drop: an interrupt comes again; what it left half done is not worth a word."""
    if not _struck:
        sys.__unraisablehook__(info)
    elif issubclass(info.exc_type, KeyboardInterrupt):
        timer = threading.Timer(_LATER, signal.raise_signal, [signal.SIGINT])
        timer.daemon = True
        timer.start()
