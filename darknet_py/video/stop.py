"""Ctrl-C and a service manager's stop signal end a run in good order: what was found is written, files are finished."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


ENOUGH = 1.0
"""Seconds within which a second signal is the same one again (shells and `timeout` send it twice), not impatience."""


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """While inside, an interrupt or a termination signal calls ``stop``.

    Afterwards the program ends as after such a signal: with KeyboardInterrupt, or with exit code 143. A second signal
    ends it without order. Signals that were ignored before still are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, float]] = []

    def strike(number: int, frame: FrameType | None) -> None:
        if came and monotonic() - came[0][1] > ENOUGH:
            raise KeyboardInterrupt
        came.append((number, monotonic()))
        stop()

    wanted = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in wanted}
    for number in wanted:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, strike)
    try:
        yield
    finally:
        for number in wanted:
            signal.signal(number, before[number])
    if came and came[0][0] == signal.SIGINT:
        raise KeyboardInterrupt
    if came:
        sys.exit(128 + signal.SIGTERM)
