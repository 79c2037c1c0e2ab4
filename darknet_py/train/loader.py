"""Batches, made by threads of their own while the network works on the one before.

All random numbers of a batch are drawn at once, in Darknet's order, before its pictures are made: so the pictures are
the same for any number of threads, and whatever the threads' order is.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from ..typing import Floats
from .random import Drawn, GlibcRandom, RandomState
from .samples import Samples


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures and truths of an iteration. They are overwritten when the batch after the next is begun.

    Attributes:
        x: float32[n, 3, h, w].
        y: float32[n, truths].
        chosen: which pictures of the training set these are.
        before: where the stream of random numbers was before the batch was drawn.
    """

    x: Floats
    y: Floats
    chosen: tuple[int, ...]
    before: RandomState

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return self.x.shape[3], self.x.shape[2]


@dataclass
class _Room:
    """Memory of one batch, made anew when the size changes."""

    x: Floats = field(default_factory=lambda: np.empty((0, 0, 0, 0), np.float32))
    y: Floats = field(default_factory=lambda: np.empty((0, 0), np.float32))

    def fit(self, count: int, samples: Samples) -> None:
        w, h = samples.size
        if self.x.shape != (count, 3, h, w):
            self.x = np.empty((count, 3, h, w), np.float32)
        if self.y.shape != (count, samples.truths):
            self.y = np.empty((count, samples.truths), np.float32)


class Loader:
    """Makes batches of a training set. Use as a context manager; it has threads.

    `start` begins one batch, `take` waits for it. Between the two the network may work on the batch before.
    """

    def __init__(self, samples: Samples, count: int, random: GlibcRandom, workers: int = 2) -> None:
        """
        Args:
            samples: the training set.
            count: pictures of a batch.
            random: the stream that it draws from.
            workers: threads.
        """
        self.samples = samples
        self.count = count
        self.random = random
        self._rooms = _Room(), _Room()
        self._jobs: list[Future[None]] = []
        self._batch: Batch | None = None
        self._pool = ThreadPoolExecutor(workers, "train-loader")

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End its threads; what was begun is dropped."""
        self._pool.shutdown(cancel_futures=True)

    def resize(self, w: int, h: int) -> None:
        """Make pictures of another size from the next batch on."""
        if self.samples.size != (w, h):
            self.samples = self.samples.resized(w, h)

    def start(self) -> None:
        """Draw a batch's random numbers and let the threads make it."""
        assert self._batch is None, "a batch is begun before the one before is taken"
        samples, before = self.samples, self.random.state
        chosen = tuple((self.random.draw(self.count) % len(samples.paths)).tolist())
        self._rooms = self._rooms[::-1]
        room = self._rooms[0]
        room.fit(self.count, samples)
        self._batch = Batch(room.x, room.y, chosen, before)
        numbers = [Drawn(self.random.draw(samples.draws(index))) for index in chosen]
        self._jobs = [
            self._pool.submit(samples.make, index, room.x[place], room.y[place], numbers[place])
            for place, index in enumerate(chosen)
        ]

    def take(self) -> Batch:
        """The batch that was begun.

        Raises:
            ImageError: one of its pictures cannot be read.
        """
        assert self._batch is not None, "no batch was begun"
        batch, self._batch = self._batch, None
        jobs, self._jobs = self._jobs, []
        try:
            for job in jobs:
                job.result()
        finally:
            for job in jobs:
                job.cancel()
        return batch
