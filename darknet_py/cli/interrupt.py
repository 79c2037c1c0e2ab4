"""Ctrl-C ends a command with one line and exit code 130, wherever it strikes."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any, NoReturn

CODE = 130
"""Exit code of a program that was interrupted, as shells have it."""

_LATER = 0.05

_dropped = False


def watch() -> None:
    """An interrupt that strikes inside a callback from C, which can only drop it, comes again. (Compiling has some.)"""
    sys.unraisablehook = _again


def was_dropped() -> bool:
    """Whether an interrupt was dropped: what goes wrong afterwards is its fault."""
    return _dropped


def leave() -> NoReturn:
    """Say so and exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    # Python kills itself at its end if an interrupt has come through an exec() of text; any other exec() undoes that.
    exec("")
    print("Interrupted.", file=sys.stderr)
    sys.exit(CODE)


def _again(info: Any) -> None:
    global _dropped
    if not issubclass(info.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(info)
        return
    _dropped = True
    timer = threading.Timer(_LATER, signal.raise_signal, [signal.SIGINT])
    timer.daemon = True
    timer.start()
