"""Names of files that are to be written side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import FileError


def refuse_same(paths: Iterable[Path]) -> None:
    """Raise `FileError` if two of these files would be one, so that only the last were left of them.

    Names that differ by case only are two files on Linux, and one on most disks of Windows and macOS.

    Args:
        paths: files in folders that are there.
    """
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(os.path.normcase(path).casefold(), path)
        if other is path:
            continue
        if other == path:
            raise FileError("two results would be written to this file: give them different names", path)
        if ignores_case(path.parent):
            raise FileError(
                f"would be the same file as {other.name}: this disk does not tell names by their case", path
            )


def ignores_case(folder: Path) -> bool:
    """Whether a disk takes ``a`` and ``A`` for the same name."""
    probe = folder / f"case.{os.getpid()}.part"
    try:
        probe.touch()
        return probe.with_name(probe.name.upper()).exists()
    except OSError:  # writing the files will fail with a clear error
        return False
    finally:
        probe.unlink(missing_ok=True)
