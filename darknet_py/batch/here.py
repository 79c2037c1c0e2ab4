"""An archive made by this process alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .archive import Archive

if TYPE_CHECKING:
    from .call import DetectBatch


def detect_here(
    paths: Iterable[str | Path], detect: DetectBatch, folder: str | Path, *, resume: bool = False
) -> Archive:
    """Add a row for each picture to an archive (``darknet-py detect ... --parquet``).

    Args:
        paths: of pictures, or addresses that ``fsspec`` opens.
        detect: the network and how it looks.
        folder: the archive.
        resume: go on with what is there.

    Returns:
        The archive, closed.

    Raises:
        DarknetError: the network cannot be loaded, the archive is of another one, a package is missing.
    """
    worker = detect.worker()
    with Archive(folder, worker.facts, resume) as archive:
        for row in worker.rows(archive.missing(paths)):
            archive.add(row)
    return archive
