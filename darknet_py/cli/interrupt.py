"""Ctrl-C and a termination signal end a command with one line and exit code 130 or 143, wherever they strike."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from types import FrameType


_LATER = 0.05

_struck = 0
"""The signal that came."""

_before = threading.local()
"""``mask``: the signals that this thread blocked before the fork that it is making."""


def watch() -> None:
    """Note interrupts and termination signals, unless the process was started with them ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _strike)
        sys.unraisablehook = _unraisable
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _strike)
    _watch_forks()


@cache
def _watch_forks() -> None:
    """Once: what is registered cannot be taken back."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_unwatch)


def _hold() -> None:
    """Before a fork: a signal for the child waits until it has handlers of its own, or it would be lost."""
    _before.mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before.mask)


def _unwatch() -> None:
    """In a forked process, as a script's pool of workers has them: what ends it is its parent's business."""
    usual: dict[str, Any] = {"SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL, "SIGHUP": signal.SIG_DFL}
    for name, handler in usual.items():
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is _strike:
            signal.signal(number, handler)
    if sys.unraisablehook is _unraisable:
        sys.unraisablehook = sys.__unraisablehook__
    _release()


def has_struck() -> bool:
    """Whether a signal came: what goes wrong afterwards is its fault."""
    return bool(_struck)


def leave() -> NoReturn:
    """Say so and exit: at once, because a compiler that was interrupted can crash when Python takes it apart."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
    with contextlib.suppress(OSError, ValueError):  # a terminal that was closed
        print("Interrupted." if _struck in (0, signal.SIGINT) else "Terminated.", file=sys.stderr)
    atexit._run_exitfuncs()  # temporary folders are removed
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(128 + (_struck or signal.SIGINT))  # as shells have it


def _strike(number: int, frame: FrameType | None) -> None:
    global _struck
    _struck = number
    raise KeyboardInterrupt


def _unraisable(info: Any) -> None:
    """What code called from C must drop: an interrupt comes again; what it left half done is not worth a word."""
    if not _struck:
        sys.__unraisablehook__(info)
    elif issubclass(info.exc_type, KeyboardInterrupt):
        timer = threading.Timer(_LATER, signal.raise_signal, [_struck])
        timer.daemon = True
        timer.start()
