"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's root."""
    return REPOSITORY


@pytest.fixture(scope="session")
def oracle() -> Path:
    """Folder of goldens that the real Darknet made; tests that need it are skipped where it is absent."""
    path = Path(os.environ.get("DARKNET_PY_ORACLE", REPOSITORY.parent / "shared" / "oracle"))
    if not path.is_dir():
        pytest.skip("Darknet's goldens are not on this machine (set DARKNET_PY_ORACLE to their folder)")
    return path
