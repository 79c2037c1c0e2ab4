"""Ctrl-C ends a command with one line and exit code 130, wherever it strikes."""

from __future__ import annotations

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
    """Say so and exit."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    # Python kills itself at its end if an interrupt has come through an exec() of text; any other exec() undoes that.
    exec("")
    print("Interrupted.", file=sys.stderr)
    sys.exit(CODE)


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
