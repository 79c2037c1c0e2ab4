"""A whole training: opened from files, run with its checkpoints, gone on with, ended."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, FileError, ImageError
from ..formats.atomic import check_writable
from ..layers import Detection
from .checkpoint import State, differences, load_state, restore, save_state, state_path
from .curves import new_history, write_curves
from .diagnosis import check_parameters, largest_output
from .samples import Labelled
from .schedule import CLASSIFIER, CLASSIFIER_FILES, DETECTOR, DETECTOR_FILES, Resizing, Saving
from .session import Iteration, Session

if TYPE_CHECKING:
    from ..network import Network
    from .samples import Samples
    from .score import Scorer

EXPLODES = 1000
"""A loss so many times the lowest average is reported."""

SECONDS = 600.0
"""After so long there is a checkpoint, whatever the batch number is."""

CHART_SECONDS = 10.0
"""So often the chart is drawn anew, at most."""


@dataclass(frozen=True)
class Habits:
    """How a training is kept.

    Attributes:
        saving: which weights files are written.
        checkpoint: iterations from one checkpoint to the next; None for Darknet's.
        map_every: iterations from one evaluation to the next; 0 for none.
        chart: the chart's file; None for none.
    """

    saving: Saving = DETECTOR_FILES
    checkpoint: int | None = None
    map_every: int = 0
    chart: Path | None = None


@dataclass
class Training:
    """A session with its files.

    Attributes:
        name: of the weights files: the cfg's, up to its first dot (``basecfg``).
        session: what is run.
        folder: for weights files.
        habits: what is written, and when.
        scorer: evaluates, if that is asked for.
        made_of: what it depends on, for `resume`.
        history: a row for each iteration (`curves.COLUMNS`).
        report: takes a line about each file that is written.
        stopped: `stop` was called.
    """

    name: str
    session: Session
    folder: Path
    habits: Habits = Habits()
    scorer: Scorer | None = None
    made_of: Mapping[str, Any] = field(default_factory=dict)
    history: list[tuple[float, ...]] = field(default_factory=list)
    report: Callable[[str], None] = lambda text: None
    stopped: bool = False
    _lowest: float = field(default=math.inf, init=False)
    _warned: bool = field(default=False, init=False)
    _noted: set[str] = field(default_factory=set, init=False)

    def stop(self) -> None:
        """Let `run` end after this iteration, with a checkpoint."""
        self.stopped = True

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.loader.close()

    @property
    def backup(self) -> Path:
        """The weights file of the last checkpoint."""
        return self.folder / f"{self.name}.backup"

    def prepare(self) -> None:
        """Make the folder, and see that files can be written. Raises `FileError`."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"cannot make this folder: {error.strerror or error}", self.folder) from None
        for path in (self.backup, self.habits.chart):
            if path is not None:
                check_writable(path)

    def resume(self) -> list[str]:
        """Go on from the last checkpoint.

        Returns:
            what of the files is not as it was: the result is then another than that of an unbroken run.

        Raises:
            DataError: there is no checkpoint, or it is of another network.
        """
        state: State = load_state(state_path(self.backup))
        restore(self.session, state)
        if state.history.ndim != 2 or state.history.shape[1] != new_history().shape[1]:
            raise DataError("is no state of a training, or a broken one", state.path)
        self.history = [tuple(row) for row in state.history.tolist()]
        return differences(state, self.made_of)

    def run(self, iterations: int | None = None) -> Iterator[Iteration]:
        """Iterations up to the end, or so many at most, with all that is written after them.

        `stop` ends it early, with a checkpoint, but without the file of a whole training.

        Raises:
            DarknetError: the loss is no number any more, a picture cannot be read, or a file cannot be written.
        """
        saved = drawn = time.monotonic()
        for done in self._iterations(iterations):
            self.watch(done)
            score = self._score(done)
            self.history.append(
                (done.number, float(done.loss), float(done.average), float(done.rate), done.size[0], score)
            )
            every = self.habits.checkpoint or self.habits.saving.backup_every
            if done.number % every == 0 or time.monotonic() - saved > SECONDS:
                self.checkpoint()
                saved = time.monotonic()
            self._snapshot(done)
            if time.monotonic() - drawn > CHART_SECONDS:
                self.draw()
                drawn = time.monotonic()
            yield done
            if self.stopped:
                break
        self.checkpoint()
        if not self.stopped:
            self._save(f"{self.habits.saving.last}.weights")

    def _iterations(self, count: int | None) -> Iterator[Iteration]:
        """Those of the session; before a picture that cannot be read any more ends it, there is a checkpoint."""
        try:
            yield from self.session.run(count)
        except ImageError:
            self.checkpoint()
            raise

    def checkpoint(self) -> None:
        """Write NAME.backup, its state and the chart.

        Raises:
            TrainingError: the parameters are not finite; what was written before stays.
            FileError, WeightsError: a file cannot be written.
        """
        check_parameters(self.session.trainer)
        # The state first: it alone is what a training goes on from.
        save_state(self.session, np.array(self.history or new_history()), self.made_of, state_path(self.backup))
        self._save(".backup")
        self.draw()

    def draw(self) -> None:
        """Write the chart, if there is to be one and something to show."""
        if self.habits.chart is not None and self.history:
            write_curves(np.array(self.history), self.name, self.session.max_batches, self.habits.chart)

    def _snapshot(self, done: Iteration) -> None:
        pictures = len(self.session.loader.samples.paths)
        epochs = (done.images - done.pictures) // pictures, done.images // pictures
        behind = self.habits.saving.snapshot(done.number, epochs)
        if behind is not None:
            self._save(f"{behind}.weights")

    def watch(self, done: Iteration) -> None:
        """Say so, once, if the loss grows out of all proportion."""
        self._lowest = min(self._lowest, float(done.average))
        if not self._warned and float(done.loss) > EXPLODES * self._lowest:
            self._warned = True
            self.report(
                f"Note: the loss of batch {done.number}, {done.loss:.3g}, is more than {EXPLODES} times what it was: "
                f"{largest_output(self.session.trainer)}; learning_rate may be too high"
            )

    def _save(self, behind: str) -> None:
        path = self.folder / (self.name + behind)
        notes = self.session.trainer.save(path)
        self.report(f"Saving weights to {path}")
        for note in set(notes) - self._noted:
            self._noted.add(note)
            self.report(f"Note: {note}")

    def _score(self, done: Iteration) -> float:
        if self.scorer is None or not self.habits.map_every or done.number % self.habits.map_every:
            return float("nan")
        return self.scorer.score(self.session.trainer.arrays)


def base_name(cfg: Path) -> str:
    """The name of weights files: the cfg's up to its first dot (``basecfg``)."""
    return cfg.name.partition(".")[0] or cfg.name


def resizing_of(network: Network, sizes: tuple[int, int] | None) -> Resizing | None:
    """How sizes change: ``random=1`` of the last layer, of a classifier ``random=1`` of ``[net]``.

    Args:
        network: the graph.
        sizes: other sizes than Darknet's, from the smallest to the largest.

    Raises:
        CfgError: the network cannot be resized.
    """
    assert network.cfg is not None
    section = network.sections[-1] if network.heads else network.cfg.net
    if not section.find_int("random", 0) or isinstance(network.layers[-1], Detection):  # of [detection] it is another
        return None
    usual = DETECTOR if network.heads else CLASSIFIER
    found = usual if sizes is None else Resizing(*sizes, usual.every, usual.ends_large)
    network.resized(found.high, found.high)
    return found


def saving_of(network: Network) -> Saving:
    """Which files Darknet's program for such a network writes."""
    return DETECTOR_FILES if network.heads else CLASSIFIER_FILES


def contents(samples: Samples) -> str:
    """A hash of a training set's paths and labels."""
    digest = hashlib.sha256("\0".join(samples.paths).encode("utf-8", "surrogatepass"))
    if isinstance(samples, Labelled):
        for labels in samples.labels:
            digest.update(len(labels).to_bytes(8, "little") + labels.class_id.tobytes() + labels.box.tobytes())
    return digest.hexdigest()
