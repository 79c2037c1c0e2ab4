"""The work of ``darknet-py detect``: many files, read ahead and drawn beside the network, told of in their order."""

from __future__ import annotations

import math as maths
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DarknetError, ImageError
from ..inference import Ready
from ..terminal import in_line
from .inputs import read_image

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..detect.detections import Detections
    from ..detect.thresholds import Limits
    from ..detector import Detector
    from ..image.ahead import Crew, Loaded
    from ..looking import Looked
    from ..output.json import FrameEntry
    from ..output.writers import Writers
    from ..view import View

    Item = tuple[int, Path, Path | None]
    """Number, image, and the picture that is to be drawn of it."""

    Failure = DarknetError | MemoryError


@dataclass
class Show:
    """Tells of images. One that cannot be read, or drawn, does not end the run.

    Attributes:
        writers: whose lines are printed.
        quiet: only errors are.
        only_json: nothing but JSON goes to standard output.
        single: there is one image only: its error is raised.
        tree_path: lines tell of the WordTree.
        step: prints lines (`inputs.progress`).
        add: takes the JSON of an image.
        failed: how many images failed.
        undrawn: how many of them only could not be drawn.
        drawn: the pictures that are written.
    """

    writers: Writers
    quiet: bool
    only_json: bool
    single: bool
    tree_path: bool
    step: Callable[..., None]
    add: Callable[[FrameEntry], None]
    failed: int = 0
    undrawn: int = 0

    def __post_init__(self) -> None:
        self.drawn: list[Path] = []

    def found(self, number: int, file: Path, looked: Looked, note: str) -> None:
        """An image that was looked at."""
        from ..output.json import frame

        found = looked.found
        lines = self.writers.tree_lines(found) if self.tree_path else self.writers.lines(found)
        lines = [self.writers.predicted(in_line(str(file)), looked.seconds), *lines]
        self.add(frame(found, number, str(file)))
        self.step([] if self.quiet else lines, error=self.only_json, note=note)

    def fail(self, file: Path, error: Failure) -> None:
        """An image that was not, or whose picture was not drawn."""
        if isinstance(error, MemoryError):
            error = ImageError("needs more memory than there is", file)
        if self.single or not isinstance(error, ImageError):
            raise error
        self.failed += 1
        self.step([f"Error: {error}"], error=True)


@dataclass(eq=False)
class _Entry:
    """An image that is worked on, until it is told of."""

    item: Item
    warn: Callable[[], None]
    looked: Looked | Failure
    note: str = ""
    written: Future[None] | None = None
    told: bool = False


def detect_files(
    detector: Detector, files: Sequence[Path], pictures: Sequence[Path | None], limits: Limits, show: Show,
    percentages: bool,
) -> None:  # fmt: skip
    """Detect in files, draw pictures, tell of all of it in the order of the files.

    Args:
        detector: the network.
        files: the images.
        pictures: the picture of each, if it is to be drawn.
        limits: thresholds.
        show: is told.
        percentages: whether pictures have probabilities.

    Raises:
        DarknetError: the network cannot run, or the single image cannot be read.
    """
    from ..image.ahead import Crew

    items = [*zip(range(1, len(files) + 1), files, pictures, strict=True)]
    with Crew(detector.threads) as crew:
        work = _Work(detector, detector.view_of(**limits), limits, crew, show, percentages)
        try:
            work.run(items, keep=any(pictures) or detector.view.tiles is not None)
        except DarknetError:
            work.finish()  # those before it are told of first
            raise
        work.finish()


class _Work:
    """Images on their way from the file to what is told of them."""

    def __init__(
        self, detector: Detector, view: View, limits: Limits, crew: Crew, show: Show, percentages: bool
    ) -> None:
        self._detector, self._view, self._limits = detector, view, limits
        self._crew, self._show, self._percentages = crew, show, percentages
        self._entries: deque[_Entry] = deque()

    def run(self, items: Sequence[Item], keep: bool) -> None:
        """Work on all images; the last ones are told of by `finish`."""
        from ..plan.runner import in_groups

        for group in self._crew.read(items, self._load, keep):
            looked: list[Looked | Failure] = []
            whole = [loaded.picture for loaded in group if not isinstance(loaded.picture, (DarknetError, MemoryError))]
            for part in in_groups(whole):
                looked += self._detector.look(part, self._view, self._show.tree_path, missed=not self._show.quiet)
            results = iter(looked)
            for loaded in group:
                picture = loaded.picture
                self._enter(loaded, picture if isinstance(picture, (DarknetError, MemoryError)) else next(results))
            self._tell()

    def finish(self) -> None:
        """Write and tell of what is left."""
        self._crew.wait()
        self._tell()

    def _load(self, item: Item) -> Ready | Failure:
        try:
            return self._detector.make_ready(read_image(item[1]), self._view, keep=item[2] is not None)
        except (ImageError, MemoryError) as error:
            return error

    def _enter(self, loaded: Loaded[Item, Ready | Failure], looked: Looked | Failure) -> None:
        """Have the picture of an image drawn, and wait for its turn to be told of."""
        ready = loaded.picture
        if isinstance(looked, (DarknetError, MemoryError)):
            self._entries.append(_Entry(loaded.item, loaded.share.warn, looked))
            return
        _, file, picture = loaded.item
        missed = not self._show.quiet and not len(looked.found)
        note = nothing_found(self._detector, looked, file, self._limits) if missed else ""
        written = None
        if picture is not None and isinstance(ready, Ready):
            draw = partial(_draw, picture, ready, looked.found, self._percentages)
            written = self._crew.write(draw, loaded.share)
        self._entries.append(_Entry(loaded.item, loaded.share.warn, replace(looked, outputs=[]), note, written))

    def _tell(self) -> None:
        """Tell of images in their order: one whose picture is not written yet keeps those behind it waiting."""
        while self._entries:
            entry = self._entries[0]
            number, file, picture = entry.item
            if isinstance(entry.looked, (DarknetError, MemoryError)):
                self._entries.popleft()
                self._show.fail(file, entry.looked)
                continue
            if not entry.told:
                entry.told = True
                entry.warn()
                self._show.found(number, file, entry.looked, entry.note)
            if entry.written is not None and not entry.written.done():
                return
            self._entries.popleft()
            if entry.written is not None and picture is not None:
                self._conclude(entry.written, file, picture)

    def _conclude(self, written: Future[None], file: Path, picture: Path) -> None:
        try:
            written.result()
        except (ImageError, MemoryError) as error:
            self._show.fail(file, error)
            self._show.undrawn += 1
        else:
            self._show.drawn.append(picture)


def _draw(picture: Path, ready: Ready, found: Detections, percentages: bool) -> None:
    from ..image.draw import draw_detections, save_image

    assert ready.pixels is not None
    save_image(picture, draw_detections(ready.pixels, found, percentages=percentages, copy=False))


def nothing_found(detector: Detector, looked: Looked, file: Path, limits: Limits) -> str:
    """That an image has no detections, and what came closest.

    Args:
        detector: the network.
        looked: the image, with the outputs.
        file: its name.
        limits: thresholds.
    """
    import numpy as np

    found = looked.found
    if detector.view.tiles is not None or detector.view.filter.active:
        return f"{in_line(str(file))}: nothing above {100 * limits['thresh']:.3g}% that the filters let through"
    view = replace(detector.view, thresh=0.0, hier_thresh=limits["hier_thresh"])
    candidates = detector.candidates(looked.outputs, found.image_size, view)
    prob = candidates.prob[:, : found.classes]
    scores = np.where(np.isfinite(prob), prob, 0)
    best = scores.max(initial=0)
    begin = f"{in_line(str(file))}: nothing above {100 * limits['thresh']:.3g}%"
    if best <= 0:
        return f"{begin}, and nothing below"
    name = found.class_name(int(scores.max(axis=0).argmax()))
    lower = (maths.ceil(best * 100) - 1) / 100
    hint = f"; --thresh {lower:.2f} shows it" if 0 < lower < best else ""
    return f"{begin}; closest is {name} with {100 * best:.3g}%{hint}"
