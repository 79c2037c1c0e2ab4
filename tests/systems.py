"""Tests that need what some systems have not."""

from __future__ import annotations

import os
import sys

import pytest

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals, scripts and links as POSIX has them")

ANY_BYTES = pytest.mark.skipif(
    os.name != "posix" or sys.platform == "darwin", reason="names of files are text on this system"
)


def need_posix() -> None:
    """Skip what asks for it (a fixture, too) elsewhere."""
    if os.name != "posix":
        pytest.skip("scripts that are programs, and links, are POSIX's")
