"""A loaded network that makes rows of pictures; what fails for one picture is its row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING

from ..detect.filters import make_filter
from ..detect.tiles import make_tiles
from ..errors import DarknetError, ImageError
from ..image.ahead import read_ahead
from ..image.load import load_image
from ..loading import load
from ..plan.runner import in_groups
from .facts import Facts, facts_of
from .node import warmed
from .rows import failed_row, found_row

if TYPE_CHECKING:
    from ..detector import Detector
    from ..typing import Pixels
    from .call import DetectBatch
    from .rows import Row

    Item = tuple[str, bytes | None]
    """A path, and the file's content if it is at hand."""


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
        self._detect = partial(detector.detect_batch, thresh=thresh, hier_thresh=hier_thresh, nms=nms)
        self._decoder, self._exif = decoder, exif
        self.facts: Facts = facts_of(detector, thresh, hier_thresh, nms, decoder, exif)
        self._hashes = self.facts.hashes

    def rows(self, paths: Iterable[str], contents: Sequence[bytes] | None = None) -> Iterator[Row]:
        """The row of each picture, in order; the next pictures are read while the network runs.

        Args:
            paths: of files, or addresses that ``fsspec`` opens.
            contents: of the files, where they are at hand.
        """
        items = zip(map(str, paths), repeat(None) if contents is None else contents, strict=False)
        for group, pictures in read_ahead(in_groups(items), self._read):
            yield from self._found(group, pictures)

    def _read(self, item: Item) -> Pixels | Exception:
        """The pixels of a picture, or why there are none."""
        path, content = item
        try:
            if content is None and "://" in path:
                content = _fetch(path)
            return load_image(path if content is None else content, self._decoder, exif=self._exif)
        except ImageError as error:
            return error if content is None else ImageError(error.message, path)
        except MemoryError:
            return ImageError("does not fit into memory", path)
        except (OSError, ValueError) as error:
            return ImageError(f"cannot be read: {error}", path)

    def _found(self, group: Sequence[Item], pictures: Sequence[Pixels | Exception]) -> list[Row]:
        """The rows of pictures that run together, and of those that could not be read."""
        whole = [picture for picture in pictures if not isinstance(picture, Exception)]
        try:
            found = iter(self._detect(whole))
        except (ImageError, MemoryError):  # one of them, but which?
            return [self._alone(path, picture) for (path, _), picture in zip(group, pictures, strict=True)]
        return [
            failed_row(path, picture, self._hashes)
            if isinstance(picture, Exception)
            else found_row(path, next(found), self._hashes)
            for (path, _), picture in zip(group, pictures, strict=True)
        ]

    def _alone(self, path: str, picture: Pixels | Exception) -> Row:
        if isinstance(picture, Exception):
            return failed_row(path, picture, self._hashes)
        try:
            return found_row(path, self._detect([picture])[0], self._hashes)
        except ImageError as error:
            return failed_row(path, error, self._hashes)
        except MemoryError:
            return failed_row(path, ImageError("needs more memory than there is", path), self._hashes)


def load_worker(batch: DetectBatch, warm: bool = False) -> Worker:
    """Load a batch's network; ``warm``: its kernels are compiled, once on each machine. Raises `DarknetError`."""
    filter = make_filter(batch.classes, batch.min_size, batch.max_size, batch.zones, batch.zone_by, batch.clip)
    tiles = None if batch.tiles is None else make_tiles(batch.tiles, batch.tile_overlap)
    detector = load(
        batch.model, batch.weights, names=batch.names, data=batch.data, map=batch.map, dialect=batch.dialect,
        math=batch.math, threads=batch.threads, size=batch.size, stretch=batch.stretch,
    )  # fmt: skip
    detector.view = replace(detector.view, filter=detector.filter_of(filter), tiles=tiles)
    worker = Worker(detector, batch.thresh, batch.hier_thresh, batch.nms, batch.decoder, batch.exif or None)
    if warm:
        warmed(detector)
    return worker


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
