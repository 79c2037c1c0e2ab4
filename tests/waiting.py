"""Waiting for what another thread or program does: the one place in the tests that looks again and again."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(happened: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as ``happened()`` is true. Raises `AssertionError` if it is not within ``seconds``."""
    limit = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < limit, f"it did not happen within {seconds:g} seconds"
        time.sleep(0.005)
