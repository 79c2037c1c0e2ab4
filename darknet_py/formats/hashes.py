"""Hashes of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

CHUNK = 1 << 20
"""Bytes that are read at a time."""


def hash_file(path: str | Path, kinds: Iterable[str]) -> dict[str, str]:
    """Hashes of a file's content by kind (``sha256``, ``md5``, ...), in hexadecimal. Raises `OSError`."""
    hashes = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            for hasher in hashes.values():
                hasher.update(chunk)
    return {kind: hasher.hexdigest() for kind, hasher in hashes.items()}


def file_sha256(path: str | Path) -> str:
    """sha256 of a file's content, in hexadecimal. Raises `OSError`."""
    return hash_file(path, ["sha256"])["sha256"]
