"""Three stages side by side: frames are read while the network runs on the one before and its results are written."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .channel import Channel
from .frames import Frame, Result

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from .source import Source

AHEAD = 2
"""How many frames wait between two stages: enough to even out a slow one, few enough to be near a live source."""

PATIENCE = 1.0
"""Seconds that a source is given to stop. It may hang in a network's time limit; nothing is lost if it is left so."""

STAGES = ("read", "network", "write")


class Rate:
    """Frames per second over the last frames."""

    def __init__(self, over: int = 30) -> None:
        self._times: deque[float] = deque(maxlen=over + 1)

    def tick(self, now: float) -> float:
        """Count a frame; the rate, or 0 at the first one."""
        self._times.append(now)
        span = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span if span > 0 else 0.0


class Pipeline:
    """Runs a video through ``prepare``, ``detect`` and ``write``, each in a thread of its own.

    Order is kept. An error in one stage stops all three; what was detected before it is still written.

    Attributes:
        frames: how many frames were written.
        seconds: how long `run` took from the first frame that was read.
        busy: for each of `STAGES` the seconds that it worked.
    """

    def __init__(
        self,
        source: Source,
        prepare: Callable[[Frame], Any],
        detect: Callable[[Frame, Any], Detections],
        write: Callable[[Result], None],
    ) -> None:
        """Connect the stages.

        Args:
            source: opened, read and closed in the first thread. If it is live, a frame that the network is too slow for
                is left out, so that what is seen is never old.
            prepare: frame -> the network's input, in the same thread.
            detect: frame and input -> what was found.
            write: takes each result.
        """
        self._source = source
        self._prepare, self._detect, self._write = prepare, detect, write
        self._inputs: Channel[tuple[Frame, Any]] = Channel(AHEAD)
        self._results: Channel[Result] = Channel(AHEAD)
        self._stopped = threading.Event()
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._started: float | None = None
        self._rate = Rate()
        self.frames = 0
        self.seconds = 0.0
        self.busy = dict.fromkeys(STAGES, 0.0)

    @property
    def dropped(self) -> int:
        """How many frames of a live source were left out."""
        return self._inputs.dropped

    def run(self, meanwhile: Callable[[], None] | None = None, pause: float = 0.02) -> None:
        """Run until the source ends, a stage fails, or `stop` is called.

        Args:
            meanwhile: called again and again in this thread (windows belong to a program's main thread).
            pause: seconds between two such calls.

        Raises:
            whatever a stage raised first.
        """
        reader, *others = (
            threading.Thread(target=self._guard, args=(stage,), name=f"demo-{stage.__name__.strip('_')}", daemon=True)
            for stage in (self._read, self._run_network, self._write_results)
        )
        for thread in (reader, *others):
            thread.start()
        patience = None
        try:
            while not self._done.wait(pause if meanwhile else None):
                if meanwhile:
                    meanwhile()
        except BaseException:  # the second Ctrl-C: a stage may hang, for one in writing to a pipe that nobody reads
            self.stop()
            self._results.close(drop=True)
            patience = PATIENCE
            raise
        finally:
            for thread in others:
                thread.join(patience)
            reader.join(PATIENCE)
            if self._started is not None:
                self.seconds = perf_counter() - self._started
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Let no further frame begin. May be called from any thread and from a signal handler's."""
        self._stopped.set()
        self._inputs.close(drop=True)  # the main thread, which runs handlers, never holds a channel's lock

    def _guard(self, stage: Callable[[], None]) -> None:
        """Run a stage; note its error. However it ends, its neighbours do not wait for it."""
        try:
            stage()
        except BaseException as error:
            with self._lock:
                self._error = self._error or error
            self._stopped.set()
            self._inputs.close(drop=True)
            if stage == self._write_results:
                self._results.close(drop=True)
        finally:
            if stage == self._read:
                self._inputs.close()
            elif stage == self._run_network:
                self._results.close()
                self._inputs.close(drop=True)
            else:
                self._done.set()

    def _read(self) -> None:
        for frame in self._frames():
            x = None
            if not self._source.live:  # there a frame is prepared when it is known that it is not left out
                with self._working("read"):
                    x = self._prepare(frame)
            if not self._inputs.put((frame, x)):
                return

    def _frames(self) -> Iterator[Frame]:
        """The source's frames; reading them counts as work."""
        with closing(self._source.frames()) as frames:
            while not self._stopped.is_set():
                begin = perf_counter()
                frame = next(frames, None)
                if frame is None:
                    return
                if self._started is None:
                    self._started = begin = perf_counter()  # opening a source is none of its frames' time
                    if self._source.live:
                        self._inputs.drop_oldest(1)
                self.busy["read"] += perf_counter() - begin
                yield frame

    def _run_network(self) -> None:
        while (item := self._inputs.get()) is not None:
            frame, x = item
            with self._working("network"):
                found = self._detect(frame, self._prepare(frame) if x is None else x)
            if not self._results.put(Result(frame, found, self._rate.tick(perf_counter()))):
                return

    def _write_results(self) -> None:
        while (result := self._results.get()) is not None:
            with self._working("write"):
                self._write(result)
            self.frames += 1

    @contextmanager
    def _working(self, stage: str) -> Iterator[None]:
        begin = perf_counter()
        yield
        self.busy[stage] += perf_counter() - begin
