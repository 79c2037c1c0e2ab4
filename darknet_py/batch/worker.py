"""A loaded network that makes rows of pictures; what fails for one picture is its row."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING

from ..detect.filters import make_filter
from ..detect.thresholds import check_thresholds
from ..detect.tiles import make_tiles
from ..errors import DarknetError, ImageError
from ..image.ahead import AHEAD, Crew
from ..image.load import load_image
from ..inference import Ready
from ..loading import load
from ..looking import Looked
from ..plan.runner import in_groups
from .facts import Facts, facts_of
from .node import warmed
from .rows import failed_row, found_row

if TYPE_CHECKING:
    from ..detector import Detector
    from .call import DetectBatch
    from .rows import Row

    Item = tuple[str, bytes | Exception | None]
    """A path, and the file's content if it is at hand, or why it cannot be had."""


class Worker:
    """A detector, and how it looks at pictures.

    Attributes:
        facts: what the rows depend on.
    """

    def __init__(
        self, detector: Detector, thresh: float, hier_thresh: float, nms: float, decoder: str | None = None,
        exif: bool | None = None,
    ) -> None:  # fmt: skip
        """Take a detector.

        Args:
            detector: with its fit, filter and tiles.
            thresh, hier_thresh, nms: thresholds.
            decoder, exif: as for `load_image`.

        Raises:
            DarknetError: the network is not for detecting in pictures.
        """
        detector.check_detects()
        detector.network.check_picture()
        if detector.view.tiles is not None:
            detector.check_tiles()
        check_thresholds(thresh=thresh, hier_thresh=hier_thresh, nms=nms)
        self._detector = detector
        self._view = replace(detector.view, thresh=thresh, hier_thresh=hier_thresh, nms=nms)
        self._decoder, self._exif = decoder, exif
        self.facts: Facts = facts_of(detector, thresh, hier_thresh, nms, decoder, exif)
        self._hashes = self.facts.hashes

    def rows(self, paths: Iterable[str], contents: Sequence[bytes] | None = None) -> Iterator[Row]:
        """The row of each picture, in order; the next pictures are read while the network runs.

        Args:
            paths: of files, or addresses that ``fsspec`` opens.
            contents: of the files, where they are at hand.
        """
        given = zip(map(str, paths), repeat(None) if contents is None else contents, strict=False)
        with _Fetcher() as fetcher, Crew(self._detector.threads) as crew:
            for group in crew.read(fetcher.fetched(given), self._read, keep=self._view.tiles is not None):
                for loaded in group:
                    loaded.share.warn()
                yield from self._found([(loaded.item[0], loaded.picture) for loaded in group])

    def _read(self, item: Item) -> Ready | Exception:
        """A picture as the network takes it, or why there is none."""
        path, content = item
        if isinstance(content, Exception):
            return content
        try:
            pixels = load_image(path if content is None else content, self._decoder, exif=self._exif)
            return self._detector.make_ready(pixels, self._view)
        except ImageError as error:
            return error if content is None else ImageError(error.message, path)
        except MemoryError:
            return ImageError("does not fit into memory", path)
        except (OSError, ValueError) as error:
            return ImageError(f"cannot be read: {error}", path)

    def _found(self, group: Sequence[tuple[str, Ready | Exception]]) -> list[Row]:
        """The rows of pictures that run together, and of those that could not be read."""
        whole = [ready for _, ready in group if isinstance(ready, Ready)]
        looked = iter([one for part in in_groups(whole) for one in self._detector.look(part, self._view)])
        return [self._row(path, next(looked) if isinstance(ready, Ready) else ready) for path, ready in group]

    def _row(self, path: str, looked: Looked | Exception) -> Row:
        if isinstance(looked, Looked):
            return found_row(path, looked.found, self._hashes)
        if isinstance(looked, MemoryError):
            looked = ImageError("needs more memory than there is", path)
        if isinstance(looked, DarknetError) and not isinstance(looked, ImageError):
            raise looked  # the network's, not the picture's
        return failed_row(path, looked, self._hashes)


def load_worker(batch: DetectBatch, warm: bool = False) -> Worker:
    """Load a batch's network; ``warm``: its kernels are compiled, once on each machine. Raises `DarknetError`."""
    filter = make_filter(batch.classes, batch.min_size, batch.max_size, batch.zones, batch.zone_by, batch.clip)
    tiles = None if batch.tiles is None else make_tiles(batch.tiles, batch.tile_overlap)
    detector = load(
        batch.model, batch.weights, names=batch.names, data=batch.data, map=batch.map, dialect=batch.dialect,
        math=batch.math, calibration=batch.calibration, threads=batch.threads, size=batch.size, stretch=batch.stretch,
    )  # fmt: skip
    detector.view = replace(detector.view, filter=detector.filter_of(filter), tiles=tiles)
    worker = Worker(detector, batch.thresh, batch.hier_thresh, batch.nms, batch.decoder, batch.exif or None)
    if warm:
        warmed(detector)
    return worker


class _Fetcher:
    """Threads that fetch the files of addresses while the network runs, too; a context manager."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AHEAD, "darknet-py-fetch")

    def __enter__(self) -> _Fetcher:
        return self

    def __exit__(self, *exc: object) -> None:  # an interrupt does not wait for a server that hangs
        self._threads.shutdown(wait=False, cancel_futures=True)

    def fetched(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, those of addresses with their content or why there is none."""
        waiting: deque[Future[Item]] = deque()
        for item in items:
            waiting.append(self._threads.submit(self._fetched, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        for future in waiting:
            yield future.result()

    @staticmethod
    def _fetched(item: Item) -> Item:
        path, content = item
        if content is not None or "://" not in path:
            return item
        try:
            return path, _fetch(path)
        except (ImageError, MemoryError) as error:
            return path, error if isinstance(error, ImageError) else ImageError("does not fit into memory", path)


def _fetch(address: str) -> bytes:
    """A file of an object store. Raises `DarknetError` without ``fsspec``; whatever that raises is an `ImageError`."""
    try:
        import fsspec
    except ImportError as error:
        raise DarknetError(
            f"{address}: addresses need the package fsspec, and one for their kind (s3fs, gcsfs, ...)"
        ) from error
    try:
        with fsspec.open(address, "rb") as file:
            content: bytes = file.read()
    except Exception as error:  # each store has its own
        raise ImageError(f"cannot be read: {error or type(error).__name__}", address) from error
    return content
