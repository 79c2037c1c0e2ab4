"""`DetectBatch`: a detector as a value that can be sent to other processes, where it loads its network when called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..locks import ForkLock

if TYPE_CHECKING:
    from .facts import Facts
    from .rows import Row
    from .worker import Worker


@dataclass(frozen=True)
class DetectBatch:
    """Detects in batches of pictures; `Ray Data`'s ``map_batches`` takes it, Dask's ``map``, or any pool of processes.

    It holds settings only. The network is loaded at the first call, once in each process, and kernels are compiled once
    on each machine. Each picture gets the same bits, whatever batch it is in and whoever runs it.

    Attributes:
        model, weights, names, data, map, dialect, math, calibration, threads, size, stretch: as for `darknet_py.load`.
            Paths must be there on each machine.
        thresh, hier_thresh, nms: as for `Detector.detect`.
        classes, min_size, max_size, zones, zone_by, clip: as for `detect.filters.make_filter`.
        tiles, tile_overlap: as for `detect.tiles.make_tiles`.
        exif, decoder: as for `image.load.load_image`.
    """

    model: str
    weights: str | None = None
    names: str | Sequence[str] | None = None
    data: str | None = None
    map: str | None = None
    dialect: str = "auto"
    math: str = "ieee"
    threads: int | None = None
    size: tuple[int, int] | None = None
    stretch: bool | None = None
    thresh: float = 0.5
    hier_thresh: float = 0.5
    nms: float = 0.45
    classes: str | Sequence[str | int] | None = None
    min_size: str | float | None = None
    max_size: str | float | None = None
    zones: Sequence[str | Sequence[float]] = ()
    zone_by: str = "centre"
    clip: bool = False
    tiles: str | None = None
    tile_overlap: float | None = None
    exif: bool = False
    decoder: str | None = None
    calibration: str | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _frozen(getattr(self, each.name)))

    def __call__(self, batch: Any) -> Any:
        """What is found in a batch of pictures.

        Args:
            batch: paths; or a table with a column ``path`` (a dict of columns, as Ray has it, or a ``pyarrow.Table``),
                and perhaps a column ``bytes`` with the files' content. A path may be an address that ``fsspec`` opens.

        Returns:
            A row for each picture, in order: a list of dicts for paths, else a ``pyarrow.Table`` (`batch.rows`). A
            picture that cannot be read is a row, too, with its error.

        Raises:
            DarknetError: the network cannot be loaded.
        """
        columns = _columns(batch)
        if columns is None:
            return self.rows(batch)
        from .rows import to_table

        paths, contents = columns
        return to_table(self.rows(paths, contents))

    def rows(self, paths: Iterable[str], contents: Sequence[bytes] | None = None) -> list[Row]:
        """The rows of pictures, whose files' contents may be given. Raises `DarknetError`: no network."""
        return list(self.worker().rows(paths, contents))

    def facts(self) -> Facts:
        """What the rows depend on; the network is loaded for it, and let go. Raises `DarknetError` if it cannot be."""
        from .worker import load_worker

        with _LOCK:
            return (_WORKERS.get(self) or load_worker(self)).facts

    def worker(self) -> Worker:
        """The loaded network of this process. Raises `DarknetError` if it cannot be loaded."""
        from .worker import load_worker

        with _LOCK:
            if self not in _WORKERS:
                _WORKERS.clear()  # one network at a time: who alternates between two keeps two processes
                _WORKERS[self] = load_worker(self, warm=True)
            return _WORKERS[self]


_WORKERS: dict[DetectBatch, Worker] = {}
"""The network of this process: what is unpickled for each task finds it here."""

_LOCK = ForkLock()


def _frozen(value: Any) -> Any:
    """Lists as tuples, paths as text: what can be hashed, compared and pickled everywhere."""
    if hasattr(value, "__fspath__"):
        return value.__fspath__()
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


def _columns(batch: Any) -> tuple[list[str], list[bytes] | None] | None:
    """The columns ``path`` and ``bytes`` of a table; None if it is none."""
    if hasattr(batch, "to_pydict"):  # a pyarrow.Table
        batch = batch.to_pydict()
    if not isinstance(batch, Mapping):
        return None
    contents = batch.get("bytes")
    return [str(path) for path in batch["path"]], None if contents is None else [bytes(each) for each in contents]
