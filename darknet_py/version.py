"""The version of darknet-py, in one place."""

from __future__ import annotations

import sys

__version__ = "0.1.0"


def why_not_here() -> str | None:
    """Why nothing runs on this system; None if it does. (Without a 64-bit Python there is no Numba to say it.)"""
    if sys.maxsize > 2**32:
        return None
    return (
        "this Python is a 32-bit one, and there is no Numba for it; install a 64-bit system and Python"
        " (a Raspberry Pi from 3 on can run one)"
    )
