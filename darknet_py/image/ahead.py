"""Pictures read, and written, by several threads between the runs of a network, a few ahead of their use.

Decoding and the network both keep all cores busy. If they ran at the same time they would take the cores from each
other, and the network's threads, which wait for each other in every layer, would lose more than decoding gains. So
they take turns: while the caller waits for pictures all threads read and write, several pictures ahead of it; while it
works none of them starts.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from ..errors import DarknetError
from ..plan.room import free_memory
from .reading import Ahead, reading_ahead, warn_of_orientation

Item = TypeVar("Item")
Picture = TypeVar("Picture")
Result = TypeVar("Result")

TOGETHER = 4
"""So many pictures are handed over at a time, a power of two."""

AHEAD = 2 * TOGETHER
"""So many pictures are read in one turn; more if there are more threads."""

PIXELS, LEAST_PIXELS = 1 << 25, 1 << 27
"""So many pixels for each thread, or in all if that is more, may be in memory; and the next picture in any case."""

BYTES = 16
"""Memory for a pixel: a decoded one has 3 bytes, while it is decoded up to 12. No more than is free is planned with."""

PATIENCE = 0.5
"""Seconds that a picture which is ready waits for those that are read with it: one of them may hang."""


@dataclass(eq=False)
class Share:
    """What one picture takes of the pixels that may be in memory.

    Attributes:
        number: the picture's place in the order.
        pixels: how many it takes now.
        written: they stay in memory until the picture is written (`Crew.write`).
        warnings: orientations that `warn` warns of.
    """

    number: int
    pixels: int = 0
    written: bool = False
    warnings: list[tuple[int, str | None]] = field(default_factory=list)

    def warn(self) -> None:
        """Warn of what was seen when the picture was loaded, as if it was loaded now."""
        for warning in self.warnings:
            warn_of_orientation(*warning)


@dataclass(frozen=True, eq=False)
class Loaded(Generic[Item, Picture]):
    """An item, what was loaded for it, and its share of the memory."""

    item: Item
    picture: Picture
    share: Share


@dataclass(frozen=True, eq=False)
class _Job:
    run: Callable[[], object]
    future: Future[Any]
    writes: bool = False

    def __call__(self) -> None:
        try:
            result = self.run()
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Crew:
    """Threads that read and write pictures; a context manager.

    At its end what is not done is dropped, but a file that is being written is written. Nobody waits for a file that
    is being read: it may hang.
    """

    def __init__(self, threads: int, most_pixels: int | None = None) -> None:
        """So many threads; so many pixels in memory (see `PIXELS`)."""
        self._changed = threading.Condition()
        self._size = threads
        self._most = _most_pixels(threads) if most_pixels is None else most_pixels
        self._threads: list[threading.Thread] = []
        self._reads: deque[_Job] = deque()
        self._writes: deque[_Job] = deque()
        self._running = self._writing = 0
        self._stalled: dict[Share, int] = {}  # they wait until so many pixels are free
        self._holding: set[Share] = set()  # those that have pixels
        self._next = 0
        self._open = self._closed = False

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._closed = True
            self._reads.clear()
            self._writes.clear()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._writing)

    def read(
        self, items: Iterable[Item], load: Callable[[Item], Picture], keep: bool = False
    ) -> Iterator[list[Loaded[Item, Picture]]]:
        """What ``load`` gives for each item, in order; 4, 2 or 1 at a time, so that a network needs few plans.

        Args:
            items: are taken a few ahead of their use.
            load: is called in several threads. What it raises is raised here, at the item's place in the order.
            keep: what it gives holds the picture's pixels; else they are free when it returns.

        A list that was handed over is empty when the next one is asked for, so that its pictures do not stay.
        """
        self._next, numbered = 0, enumerate(items)
        waiting: deque[tuple[Item, Share, Future[Picture]]] = deque()
        window = -(-max(AHEAD, self._size) // TOGETHER) * TOGETHER
        while True:
            for number, item in islice(numbered, window - len(waiting)):
                share = Share(number)
                waiting.append((item, share, self._add(partial(self._load, load, item, share, keep))))
            if not waiting:
                return
            self.wait(waiting[0][2])
            yield from self._hand_over(waiting)

    def _hand_over(self, waiting: deque[tuple[Item, Share, Future[Picture]]]) -> Iterator[list[Loaded[Item, Picture]]]:
        """Those at the front that are ready."""
        ready = 0
        while ready < len(waiting) and waiting[ready][2].done() and waiting[ready][2].exception() is None:
            ready += 1
        if not ready:
            waiting[0][2].result()  # raises
        size = TOGETHER
        while ready:
            while size > ready:
                size //= 2
            ready -= size
            part = [Loaded(item, future.result(), share) for item, share, future in islice(waiting, size)]
            for _ in part:
                waiting.popleft()
            shares = [loaded.share for loaded in part]
            self._next = shares[-1].number + 1
            yield part
            part.clear()
            for share in shares:
                if not share.written:
                    self._take(share, 0)

    def write(self, job: Callable[[], Result], share: Share) -> Future[Result]:
        """Do something with a picture that was handed over, in the next turn, beside reading."""
        share.written = True
        return self._add(partial(self._write, job, share), writes=True)

    def wait(self, first: Future[Any] | None = None) -> None:
        """Let all threads work until nothing is left to do, or memory has no room for another picture.

        Args:
            first: once it is done, what still runs gets `PATIENCE` only.
        """
        with self._changed:
            self._open = True
            self._changed.notify_all()
            try:
                if first is not None:
                    self._changed.wait_for(lambda: first.done() or self._is_over())
                self._changed.wait_for(self._is_over, PATIENCE if first is not None else None)
            finally:
                self._open = False

    def _is_over(self) -> bool:
        reads = self._reads and len(self._threads) > len(self._stalled)
        return not (self._running or reads or self._writes or any(map(self._fits, self._stalled)))

    def _fits(self, share: Share) -> bool:
        held = sum(other.pixels for other in self._holding)
        # The next picture must not wait for those after it, which nobody takes before it.
        next_one = share.number == self._next and all(other.number > share.number for other in self._holding)
        return next_one or held + self._stalled[share] <= self._most

    def _add(self, run: Callable[[], Result], writes: bool = False) -> Future[Result]:
        future: Future[Result] = Future()
        with self._changed:
            (self._writes if writes else self._reads).append(_Job(run, future, writes))
            if len(self._threads) < self._size:
                thread = threading.Thread(target=self._work, name="darknet-py-pictures", daemon=True)
                try:
                    thread.start()
                    self._threads.append(thread)
                except RuntimeError:  # the system starts no more
                    if not self._threads:
                        raise DarknetError("this system starts no thread to read pictures with") from None
        return future

    def _work(self) -> None:
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._closed or (self._open and (self._reads or self._writes)))
                if self._closed:
                    return
                # Writing first, which frees memory; but not by all threads, for Pillow's JPEG encoder keeps the GIL.
                writes = self._writes and (not self._reads or self._writing < (self._size + 1) // 2)
                self._do((self._writes if writes else self._reads).popleft())

    def _do(self, job: _Job) -> None:
        """Do a job, without the lock that the thread holds."""
        self._running += 1
        self._writing += job.writes
        self._changed.release()
        try:
            job()
        finally:
            self._changed.acquire()
            self._running -= 1
            self._writing -= job.writes
            self._changed.notify_all()

    def _load(self, load: Callable[[Item], Picture], item: Item, share: Share, keep: bool) -> Picture:
        kept = False
        try:
            with reading_ahead(Ahead(partial(self._admit, share), share.warnings)):
                picture = load(item)
            kept = keep
            return picture
        finally:
            if not kept:
                self._take(share, 0)

    def _write(self, job: Callable[[], Result], share: Share) -> Result:
        try:
            return job()
        finally:
            self._take(share, 0)

    def _admit(self, share: Share, pixels: int) -> None:
        """Wait until a picture of so many pixels may be in memory besides the others; write some meanwhile."""
        self._take(share, 0)
        with self._changed:
            self._stalled[share] = pixels
            self._running -= 1
            self._changed.notify_all()
            while not (self._closed or (self._open and self._fits(share))):
                if self._open and self._writes:
                    self._do(self._writes.popleft())
                else:
                    self._changed.wait()
            self._running += 1
            del self._stalled[share]
            if self._closed:
                raise InterruptedError("nobody waits for this picture")
            self._take(share, pixels)

    def _take(self, share: Share, pixels: int) -> None:
        with self._changed:
            share.pixels = pixels
            (self._holding.add if pixels else self._holding.discard)(share)
            self._changed.notify_all()


def _most_pixels(threads: int) -> int:
    most, free = max(LEAST_PIXELS, threads * PIXELS), free_memory()
    return most if free is None else min(most, free // BYTES)
