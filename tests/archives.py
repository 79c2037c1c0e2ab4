"""Pictures for an archive, and its rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="archives need pyarrow")

from darknet_py.batch.archive import read_archive

NAMES = ["ant", "bee", "cat"]


def make_photos(net: Path) -> Path:
    """A folder of its own in that of the fixture ``net``, with 9 pictures, of which two cannot be read."""
    folder = net / "photos"
    folder.mkdir()
    for number in range(7):
        shutil.copy(net / "photo.png", folder / f"{number}.png")
    (folder / "3x.png").write_bytes(b"\x89PNG\r\n\x1a\n garbage")
    (folder / "9.jpg").write_bytes(b"")
    return folder


def all_paths(photos: Path) -> list[str]:
    """What `make_photos` has put there, in order."""
    return [str(path) for path in sorted(photos.iterdir())]


def archived(folder: Path) -> list[dict[str, Any]]:
    """The rows of an archive, by path."""
    return sorted(read_archive(folder).to_pylist(), key=lambda row: str(row["path"]))
