"""Pictures in, detections out: what waits is bounded, runs together where it can, and never blocks the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..geometry import fitted_size
from ..image.pixels import as_pixels
from ..inference import to_detections
from .limits import Limits, Refused
from .metrics import Metrics

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from ..detect.nms import Boxes
    from ..typing import Floats, Pixels
    from ..view import View
    from .models import Ask, Model

_Value = TypeVar("_Value")

READERS = 2
"""Threads that decode pictures while the network runs others."""


MOST_CANDIDATES = 20_000
"""Classes of boxes before suppression, which compares all with all: a second's work. Pictures have about a hundred."""


@dataclass(frozen=True)
class Found:
    """What is in one picture.

    Attributes:
        detections: the most probable first, clipped to the picture.
        left_out: how many more rows were above the threshold (`Limits.rows`).
        run_seconds: the network's time, its share where several pictures ran together.
        seconds: all of the time, from the request's body to here.
    """

    detections: Detections
    left_out: int
    run_seconds: float
    seconds: float


@dataclass
class _Job:
    """What waits for its turn: a network's input, or a picture that is looked at in tiles (``x`` is None).

    ``done`` gets the outputs of all heads, or the boxes in the picture, and the seconds.
    """

    model: Model
    x: Floats | None
    done: Future[tuple[Any, float]]
    tiled: Callable[[], Boxes] | None = None

    def runs_with(self, other: _Job) -> bool:
        """Whether both can go through the network together."""
        return self is other or (self.model is other.model and self.x is not None and other.x is not None)


class Engine:
    """Runs the models of a server, one after the other, in a thread of its own.

    Attributes:
        models: by name; the first is the one that requests without a name mean.
        limits: of the queue, of pictures, of answers.
        metrics: counters.
    """

    def __init__(self, models: Mapping[str, Model], limits: Limits, metrics: Metrics) -> None:
        self.models, self.limits, self.metrics = dict(models), limits, metrics
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._places = 0
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="serve-read")
        self._finisher = ThreadPoolExecutor(1, thread_name_prefix="serve-finish")
        self._thread = threading.Thread(target=self._work, name="serve-run", daemon=True)
        self._thread.start()

    @property
    def first(self) -> Model:
        """The model that a request without a name means."""
        return next(iter(self.models.values()))

    def model(self, name: str) -> Model:
        """A model by name; an empty name means the first. Raises `Refused` (404)."""
        if name and name not in self.models:
            raise Refused(404, f"there is no model {name!r}; the models are {', '.join(self.models)}")
        return self.models[name] if name else self.first

    async def detect(self, model: Model, picture: bytes | Pixels, ask: Ask, default: float = 0.5) -> Found:
        """What is in a picture.

        Args:
            model: which network.
            picture: a file's bytes, or pixels (height x width x 3 uint8).
            ask: thresholds.
            default: the threshold where neither the request nor the user named one.

        Raises:
            Refused: 503, there is no place in the queue; 400, the threshold lets too many boxes through.
            ImageError: it cannot be read.
        """
        start = perf_counter()
        view = model.view(ask, default)
        with self._place():
            job, size = await self.in_thread(_read, model, picture, view)
            outputs, seconds = await self._run(job)
            found, left_out = await self.finish(_finish, model, outputs, size, view, ask, self.limits.rows)
        self.metrics.picture(model.name, seconds, len(found))
        return Found(found, left_out, seconds, perf_counter() - start)

    async def predict(self, model: Model, inputs: Sequence[Floats]) -> list[list[Floats]]:
        """For each of the network's raw inputs (float32, channels x height x width) the outputs of its heads."""
        with self._place(len(inputs)):
            done = await asyncio.gather(*(self._run(_Job(model, x, Future())) for x in inputs))
        for _, seconds in done:
            self.metrics.picture(model.name, seconds, 0)
        return [outputs for outputs, _ in done]

    async def in_thread(self, function: Callable[..., _Value], *arguments: Any) -> _Value:
        """Work that would hold up the event loop, such as taking a body apart."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, function, *arguments)

    async def finish(self, function: Callable[..., _Value], *arguments: Any) -> _Value:
        """Work on results: many boxes would hold up the event loop, too."""
        return await asyncio.get_running_loop().run_in_executor(self._finisher, function, *arguments)

    def stop(self) -> None:
        """End the threads; what still waits is cancelled. (A server that stops gracefully has nothing waiting then.)"""
        with self._changed:
            self._stopped = True
            for job in self._jobs:
                job.done.cancel()
            self._jobs.clear()
            self._changed.notify()
        self._thread.join()
        self._readers.shutdown(cancel_futures=True)
        self._finisher.shutdown(cancel_futures=True)

    @contextmanager
    def _place(self, count: int = 1) -> Iterator[None]:
        """Places in the queue, as long as pictures are worked on. Raises `Refused` if there are none."""
        if self._places + count > self.limits.queue:
            self.metrics.refused.inc()
            raise Refused(503, f"{self._places} pictures wait already: try again later", {"Retry-After": "1"})
        self._places += count
        self.metrics.waiting.set(self._places)
        try:
            yield
        finally:
            self._places -= count
            self.metrics.waiting.set(self._places)

    async def _run(self, job: _Job) -> tuple[Any, float]:
        with self._changed:
            if self._stopped:
                raise Refused(503, "the server is stopping")
            self._jobs.append(job)
            self._changed.notify()
        return await asyncio.wrap_future(job.done)

    def _work(self) -> None:
        while jobs := self._take():
            start = perf_counter()
            try:
                outputs = [jobs[0].tiled()] if jobs[0].tiled else jobs[0].model.run([job.x for job in jobs])
            except BaseException as error:
                for job in jobs:
                    job.done.set_exception(error)
            else:
                seconds = (perf_counter() - start) / len(jobs)
                self.metrics.batch(jobs[0].model.name, len(jobs))
                for job, values in zip(jobs, outputs, strict=True):
                    job.done.set_result((values, seconds))
            del jobs

    def _take(self) -> list[_Job]:
        """The picture that has waited longest, and others for the same model; none at the end."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._jobs or self._stopped)
                if self._stopped:
                    return []
                first = self._jobs[0]
                chosen = [job for job in self._jobs if first.runs_with(job)][: first.model.together]
                for job in chosen:
                    self._jobs.remove(job)
                # A client that went away has cancelled its job.
                if running := [job for job in chosen if job.done.set_running_or_notify_cancel()]:
                    return running


def _read(model: Model, picture: bytes | Pixels, view: View) -> tuple[_Job, tuple[int, int]]:
    """What is to be run, and the picture's width and height."""
    pixels = as_pixels(picture)
    size = (pixels.shape[1], pixels.shape[0])
    if view.tiles is not None:
        return _Job(model, None, Future(), partial(model.detector.boxes_in, pixels, view)), size
    return _Job(model, model.detector.prepare(pixels, view), Future()), size


def _finish(
    model: Model, outputs: Any, size: tuple[int, int], view: View, ask: Ask, most: int
) -> tuple[Detections, int]:
    """Detections in the order of their confidence, and how many were left out."""
    if view.tiles is not None:
        boxes = outputs
        place = boxes.box
    else:
        candidates = model.detector.candidates(outputs, size, view)
        above = candidates.prob > view.thresh
        if np.count_nonzero(above) > MOST_CANDIDATES:
            raise Refused(400, f"more than {MOST_CANDIDATES} boxes are above {view.thresh:g}: raise the threshold")
        boxes = model.detector.boxes(outputs, size, view)
        place = candidates.box[above.any(axis=1)]
    if not np.isfinite(place).all():
        raise _no_place(model, size)
    found = ask.filter.select(to_detections(boxes, view, model.detector.names, size))
    rows = np.argsort(-found.confidence, kind="stable")
    found = found[rows[:most]]
    if ask.tree_path:
        found = replace(found, tree_paths=model.detector.tree_paths(found, outputs[0]))
    return found.clip(), max(len(rows) - most, 0)


def _no_place(model: Model, size: tuple[int, int]) -> Refused:
    """Why boxes are NaN or infinite: as in Darknet, which then reports objects that are nowhere."""
    shape = model.detector.network.input
    if 0 in fitted_size(*size, shape.w, shape.h):
        return Refused(400, f"a picture of {size[0]} x {size[1]} pixels is too narrow: its boxes have no place")
    return Refused(500, f"boxes of model {model.name} are NaN or infinite: its weights may not belong to its cfg")
