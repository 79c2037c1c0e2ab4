"""A training, iteration by iteration: the loader, the network, the sizes and the average loss, as Darknet's loops."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .diagnosis import check_loss
from .loader import Batch, Loader
from .random import GlibcRandom, RandomState

if TYPE_CHECKING:
    from .schedule import Resizing
    from .trainer import Trainer

NETWORK_STREAM = 0x5DEECE66
"""What a seed is combined with for the network's own stream of random numbers."""


def streams(seed: int, darknets: bool) -> tuple[GlibcRandom, GlibcRandom]:
    """The streams of random numbers of the loader and of the network; the same one for both if ``darknets``."""
    loader = GlibcRandom(seed)
    return loader, loader if darknets else GlibcRandom(seed ^ NETWORK_STREAM)


@dataclass(frozen=True)
class Iteration:
    """What an iteration gave.

    Attributes:
        number: updates so far, by ``seen`` of the weights file (Darknet's batch number).
        loss: the mean over the iteration's pictures.
        average: running average of the loss.
        rate: learning rate of the update.
        images: how many the network has seen in all.
        pictures: how many the iteration had.
        loading, seconds: time that was waited for pictures, and time of the network.
        size: width and height of the network's input.
        resized: whether the size is a newly drawn one.
        lines: what Darknet's heads print.
    """

    number: int
    loss: np.float32
    average: np.float32
    rate: np.float32
    images: int
    pictures: int
    loading: float
    seconds: float
    size: tuple[int, int]
    resized: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Position:
    """Where a training is between two iterations: what it takes, besides the network's values, to go on.

    Attributes:
        count: iterations so far.
        average: running average of the loss; -1 before the first.
        loader, network: where the streams of random numbers are.
        size: width and height of the network's input, and of pictures that are drawn next unless they change.
    """

    count: int
    average: float
    loader: RandomState
    network: RandomState
    size: tuple[int, int]


class Session:
    """Runs a training.

    Attributes:
        trainer: the network.
        loader: makes its pictures.
        max_batches: updates of the whole training; 0 for no end.
        count: iterations so far.
        average: running average of the loss; -1 before the first.
        resizing: how sizes are drawn; None for one size.
    """

    def __init__(self, trainer: Trainer, loader: Loader, max_batches: int, resizing: Resizing | None = None) -> None:
        """
        Args:
            trainer: the network.
            loader: makes its pictures: as many as an update takes.
            max_batches: updates of the whole training; 0 for no end.
            resizing: how sizes are drawn; None for one size.
        """
        self.trainer = trainer
        self.loader = loader
        self.max_batches = max_batches
        self.count = 0
        self.average = np.float32(-1)
        self.resizing = resizing
        self._begun = 0
        self._before: RandomState | None = None
        self._is_new_size = False
        # Where both draw from one stream, a batch may be drawn ahead only if the network draws nothing in between.
        self._ahead = loader.random is not trainer.random or not draws(trainer)

    @property
    def position(self) -> Position:
        """Where it is."""
        loader = self.loader.random.state if self._before is None else self._before
        network = loader if self.loader.random is self.trainer.random else self.trainer.random.state
        shape = self.trainer.network.input
        return Position(self.count, float(self.average), loader, network, (shape.w, shape.h))

    @position.setter
    def position(self, position: Position) -> None:
        """Go on from there; only before the first iteration."""
        assert self._before is None
        self.count = self._begun = position.count
        self.average = np.float32(position.average)
        self.trainer.random.restore(position.network)
        self.loader.random.restore(position.loader)
        self._resize(position.size)
        self.loader.resize(*position.size)

    def is_done(self) -> bool:
        """Whether all updates are made."""
        return bool(self.max_batches) and self.trainer.batch_number >= self.max_batches

    def run(self, iterations: int | None = None) -> Iterator[Iteration]:
        """Iterations up to the end, or so many at most.

        Raises:
            DarknetError: the loss is no number any more, or a picture cannot be read; `position` is then of no use.
        """
        left = iterations
        while not self.is_done() and left != 0:
            left = None if left is None else left - 1
            yield self._iterate(last=left == 0)

    def _iterate(self, last: bool) -> Iteration:
        start = time.perf_counter()
        if self._before is None:
            self._begin()
        batch, resized = self.loader.take(), self._is_new_size
        self._before = None
        ends = self.max_batches and self.trainer.batch_number + 1 >= self.max_batches
        if self._ahead and not last and not ends:
            self._begin()
        loaded = time.perf_counter()
        self._resize(batch.size)
        loss, rate, lines = self._learn(batch)
        if self.average < 0:
            self.average = loss
        self.average = np.float32(float(self.average) * 0.9 + float(loss) * 0.1)
        self.count += 1
        return Iteration(
            self.trainer.batch_number, loss, self.average, rate, self.trainer.seen, len(batch.chosen), loaded - start,
            time.perf_counter() - loaded, batch.size, resized, lines,
        )  # fmt: skip

    def _begin(self) -> None:
        self._before = self.loader.random.state
        self._is_new_size = self.resizing is not None and self._begun % self.resizing.every == 0
        if self.resizing is not None and self._is_new_size:
            number = self.trainer.batch_number + self._begun - self.count
            size = self.resizing.draw(self.loader.random, number, self.max_batches)
            self.loader.resize(size, size)
        self._begun += 1
        self.loader.start()

    def _resize(self, size: tuple[int, int]) -> None:
        shape = self.trainer.network.input
        if (shape.w, shape.h) != size:
            self.trainer.resize(*size)

    def _learn(self, batch: Batch) -> tuple[np.float32, np.float32, tuple[str, ...]]:
        """Loss, rate and printed lines of the calls of an iteration."""
        images = self.trainer.options.batch
        total = np.float32(0)
        lines: list[str] = []
        rate = np.float32(0)
        for first in range(0, len(batch.chosen), images):
            part = slice(first, first + images)
            result = self.trainer.step(batch.x[part], batch.y[part])
            paths = [self.loader.samples.paths[index] for index in batch.chosen[part]]
            check_loss(self.trainer, result, paths)
            total += result.cost
            rate = result.rate
            lines += result.lines
        loss: np.float32 = total / np.float32(len(batch.chosen))
        return loss, rate, tuple(lines)


def draws(trainer: Trainer) -> bool:
    """Whether the network draws random numbers itself."""
    return trainer.options.rate.policy == "random" or any(passes.draw is not None for passes in trainer.plan.passes)
