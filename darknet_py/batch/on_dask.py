"""An archive made by the workers of a Dask cluster (``dask.distributed``)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DarknetError
from .archive import Archive
from .rows import failed_row

if TYPE_CHECKING:
    from .call import DetectBatch
    from .rows import Row

AHEAD = 2
"""Batches that wait for each worker: it need not wait for the next one, and few are lost with it."""


def detect_on_dask(
    client: Any, paths: Iterable[str | Path], detect: DetectBatch, folder: str | Path, *, batch_size: int = 32,
    resume: bool = False,
) -> Archive:  # fmt: skip
    """Add a row for each picture to an archive.

    The rows come to this process, which alone writes. Where a worker dies, its batches go to others; a batch with which
    more workers died than Dask allows (``distributed.scheduler.allowed-failures``) becomes rows with that error.

    Args:
        client: a ``dask.distributed.Client``. Its workers need darknet-py, and the network's files at the same paths.
        paths: of pictures, as workers see them; or addresses that ``fsspec`` opens.
        detect: the network and how it looks; its ``threads`` as many as a worker's processor gives.
        folder: the archive.
        batch_size: pictures that a worker gets at a time.
        resume: go on with what is there.

    Returns:
        The archive, closed.

    Raises:
        DarknetError: the network cannot be loaded, the archive is of another one, a package is missing.
    """
    try:
        from distributed import as_completed
    except ImportError as error:
        raise DarknetError("Dask needs the package distributed: install darknet-py's extra [dask]") from error
    check_batch_size(batch_size)
    if not client.scheduler_info()["workers"]:
        raise DarknetError("this Dask cluster has no workers")
    with Archive(folder, detect.facts(), resume) as archive:
        chunks = in_chunks(archive.missing(paths), batch_size)
        workers = sum(each["nthreads"] for each in client.scheduler_info()["workers"].values())
        batches: dict[str, list[str]] = {}

        def submit(chunk: list[str]) -> Any:
            future = client.submit(detect, chunk, pure=False)
            batches[future.key] = chunk
            return future

        waiting = as_completed([submit(chunk) for chunk in islice(chunks, AHEAD * workers)])
        try:
            for future in waiting:
                for row in _rows(future, batches.pop(future.key), archive):
                    archive.add(row)
                for chunk in islice(chunks, 1):
                    waiting.add(submit(chunk))
        finally:
            client.cancel([*waiting.futures])
    return archive


def in_chunks(paths: Sequence[str], size: int) -> Iterator[list[str]]:
    """Lists of so many paths; the last may be shorter."""
    return ([*paths[start : start + size]] for start in range(0, len(paths), size))


def check_batch_size(size: int) -> None:
    """Raise `DarknetError` if it is no size of batches."""
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise DarknetError(f"batch_size={size!r} must be a whole number from 1 on")


def _rows(future: Any, chunk: Sequence[str], archive: Archive) -> list[Row]:
    """What a batch gave; of one that killed its workers, rows that say so. Other errors are raised."""
    from distributed import KilledWorker

    try:
        rows: list[Row] = future.result()
    except KilledWorker:
        error = DarknetError("workers died with this picture, or with another of its batch: see the workers' logs")
        return [failed_row(path, error, archive.facts.hashes) for path in chunk]
    return rows
