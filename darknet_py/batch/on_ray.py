"""An archive made by actors of a Ray cluster (Ray Data)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DarknetError
from .archive import Archive
from .on_dask import check_batch_size

if TYPE_CHECKING:
    from .call import DetectBatch


def detect_on_ray(
    paths: Iterable[str | Path], detect: DetectBatch, folder: str | Path, *, workers: int, threads: int = 1,
    batch_size: int = 32, resume: bool = False,
) -> Archive:  # fmt: skip
    """Add a row for each picture to an archive.

    A pool of actors detects (``map_batches``); the rows come to this process, which alone writes. Actors read the files
    themselves, so that Ray has nothing to read. One that dies is started anew, and its batch done again.

    Args:
        paths: of pictures, as workers see them; or addresses that ``fsspec`` opens.
        detect: the network and how it looks. The workers need darknet-py, and the network's files at the same paths.
        folder: the archive.
        workers: actors.
        threads: of each; it takes as many of Ray's CPUs.
        batch_size: pictures that an actor gets at a time.
        resume: go on with what is there.

    Returns:
        The archive, closed.

    Raises:
        DarknetError: the network cannot be loaded, the archive is of another one, a package is missing, the cluster has
            fewer CPUs than asked for.
    """
    ray = _ray()
    check_batch_size(batch_size)
    if not ray.is_initialized():
        ray.init()
    check_cluster(workers, threads)
    detect = replace(detect, threads=threads)
    with Archive(folder, detect.facts(), resume) as archive:
        missing = archive.missing(paths)
        if not missing:
            return archive
        blocks = -(-len(missing) // batch_size)
        tables = (
            ray.data.from_items([{"path": path} for path in missing], override_num_blocks=blocks)
            .map_batches(
                Call, fn_constructor_args=(detect,), batch_size=batch_size, batch_format="pyarrow",
                concurrency=min(workers, blocks), num_cpus=threads,
            )
            .iter_batches(batch_size=None, batch_format="pyarrow")
        )  # fmt: skip
        try:
            for table in tables:
                for row in table.to_pylist():
                    archive.add(row)
        except ray.exceptions.RayError as error:
            raise DarknetError(f"Ray: {_cause(error)}") from error
    return archive


class Call:
    """A `DetectBatch` as an actor: Ray Data makes one in each, and calls it with batches."""

    def __init__(self, detect: DetectBatch) -> None:
        self._detect = detect

    def __call__(self, batch: Any) -> Any:
        return self._detect(batch)


def check_cluster(workers: int, threads: int = 1, reading: bool = False) -> None:
    """Raise `DarknetError` if so many actors would wait for ever, which Ray does without an error.

    Args:
        workers: actors.
        threads: CPUs of each.
        reading: Ray Data itself reads (``read_images``, ``read_binary_files``): that needs a CPU beside the actors'.
    """
    ray = _ray()
    for name, value in (("workers", workers), ("threads", threads)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise DarknetError(f"{name}={value!r} must be a whole number from 1 on")
    largest = max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0)
    if threads > largest:
        raise DarknetError(f"threads={threads}: no machine of this Ray cluster has more than {largest:g} CPUs")
    there = ray.cluster_resources().get("CPU", 0)
    if workers * threads + reading > there:
        rest = ", and reading needs one more" if reading else ""
        raise DarknetError(
            f"{workers} actors of {threads} CPUs each{rest}: this Ray cluster has {there:g} CPUs, and Ray would wait "
            f"for ever; take {max(int((there - reading) // threads), 0)} actors, or ray.init(num_cpus=...) for more"
        )


_ERROR = re.compile(r"^(?!ray\.)[\w.]*\w(?:Error|Exception): (.+)$", re.MULTILINE)
"""Python's last line about an error that is none of Ray's own, in the text of one that is."""


def _cause(error: Exception) -> str:
    """What went wrong in a worker: the line of the first error there."""
    found = _ERROR.search(str(error))
    return found[1] if found else (str(error).strip().splitlines() or [type(error).__name__])[0]


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise DarknetError("Ray needs the package ray: install darknet-py's extra [ray]") from error
    return ray
