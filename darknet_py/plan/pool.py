"""Worker threads that run the steps of a plan together.

Our own threads over kernels that release the GIL, because Numba's threading layers each break one thing that users do:
``workqueue`` dies when two Python threads enter it, GNU OpenMP does not survive ``fork``, TBB is one more package.
Here a run takes the pool for itself (other threads wait), and a forked child starts a fresh pool.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from .step import Step

QUEUE_COUNTERS = 8


def usable_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Worker(threading.Thread):
    """One thread; two locks pass the word: ``go`` (there is a step) and ``done``."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"darknet-py-{number}", daemon=True)
        self.go = threading.Lock()
        self.done = threading.Lock()
        self.go.acquire()
        self.done.acquire()
        self.job: tuple[Any, tuple[Any, ...]] | None = None
        self.error: BaseException | None = None
        self.idle = True
        self.start()

    def run(self) -> None:
        while True:
            self.go.acquire()
            if self.job is None:
                return
            kernel, args = self.job
            try:
                kernel(*args)
            except BaseException as error:
                self.error = error
            self.idle = True
            self.done.release()


class Pool:
    """``threads`` threads, the calling one among them. Use as a context manager around a run."""

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.threads = threads
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._queue = np.zeros(QUEUE_COUNTERS, np.int64)

    def __enter__(self) -> Pool:
        self._lock.acquire()
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def run(self, step: Step, around: Callable[[], AbstractContextManager[None]] | None = None) -> None:
        """Run one step to its end. The pool must be held.

        Args:
            step: what to run.
            around: a context that every thread enters for its part of the step.
        """
        self._queue[:] = 0
        kernel, args = step.kernel, (self._queue, *step.args)
        if around is not None:
            kernel, args = _inside, (around, step.kernel, args)
        if self.threads == 1 or step.tasks == 1:
            kernel(*args)
        else:
            self._together(kernel, args, min(self.threads, step.tasks))

    def _together(self, function: Any, args: tuple[Any, ...], threads: int) -> None:
        while len(self._workers) < threads - 1:
            self._workers.append(_Worker(len(self._workers) + 1))
        workers = self._workers[: threads - 1]
        for worker in workers:
            worker.job, worker.idle = (function, args), False
        starting = iter(workers)
        try:
            for worker in starting:
                worker.go.release()
            function(*args)
        finally:
            for worker in starting:  # Ctrl-C came before all had the word: they get it, and find little left to do
                worker.go.release()
            self._wait(workers)
        for worker in workers:
            if worker.error is not None:
                error, worker.error = worker.error, None
                raise error

    @staticmethod
    def _wait(workers: list[_Worker]) -> None:
        """Wait for all workers, even when Ctrl-C comes meanwhile: they still write into the run's buffers."""
        interrupt: BaseException | None = None
        for worker in workers:
            while True:
                try:
                    worker.done.acquire()
                    break
                except KeyboardInterrupt as error:
                    interrupt = error
                    if worker.idle:  # it came when the word had been passed, or just before
                        worker.done.acquire(timeout=0.1)
                        break
        if interrupt is not None:
            raise interrupt


def _inside(around: Callable[[], AbstractContextManager[None]], kernel: Any, args: tuple[Any, ...]) -> None:
    with around():
        kernel(*args)


_pools: dict[int, Pool] = {}
_pools_lock = threading.Lock()


def get_pool(threads: int | None = None) -> Pool:
    """The process's pool of that many threads (default: all usable cores), shared by all networks."""
    count = threads or usable_cores()
    with _pools_lock:
        if count not in _pools:
            _pools[count] = Pool(count)
        return _pools[count]


def _forget_after_fork() -> None:
    """A forked child has no threads but the forking one: its pools start anew."""
    global _pools_lock
    _pools.clear()
    _pools_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
