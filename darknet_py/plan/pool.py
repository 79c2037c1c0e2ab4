"""Worker threads that run the steps of a plan together.

Our own threads over kernels that release the GIL, because Numba's threading layers each break one thing that users do:
``workqueue`` dies when two Python threads enter it, GNU OpenMP does not survive ``fork``, TBB is one more package.
Here a run takes the pool for itself (other threads wait), and a forked child starts a fresh pool.

Within a run no thread sleeps, nor between two that follow on each other at once (`plan.resting`): each goes through all
steps, and they meet inside of the kernels, see `kernels.runtime.atomic`. Nor do they come back to Python between two
steps: `kernels.runtime.calls` has one after the other.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter

import numpy as np

from ..errors import DarknetError
from ..kernels.runtime.atomic import CELLS, LEFT, SHARES, fill_queue, queue_of
from ..kernels.runtime.calls import Calls
from ..kernels.runtime.denormals import Denormals
from ..kernels.runtime.jit import Kernel
from .cores import current_core, keep_from, usable_cores
from .resting import Rests
from .step import Step

Context = Callable[[], AbstractContextManager[None]]
"""What every thread enters for its part of a run."""


SECONDS = 0.05
"""About how long the calling thread is at most away from Python, which hears of Ctrl-C only there."""


class Schedule:
    """Steps in their order, ready to be run by ``threads`` threads together."""

    def __init__(self, steps: Sequence[Step], threads: int) -> None:
        self.steps = steps
        self.threads = threads
        self._fresh = np.zeros(CELLS * (len(steps) + 1) + threads - 1, np.int64)
        for i, step in enumerate(steps, 1):
            fill_queue(self._fresh[CELLS * i : CELLS * (i + 1)], step.tasks, threads)
        self.counters = self._fresh.copy()
        self.native: Calls | None = None
        """Its steps' calls in machine code, where that can be."""
        self._together = 1
        """How many steps the calling thread makes until it looks at Python; of a first run nothing is known."""

    def prepare(self) -> None:
        """Make it ready for the next run."""
        self.counters[:] = self._fresh
        self.compile()

    def compile(self) -> None:
        """Load its kernels, or compile them; before the first run at the latest."""
        if self.native is None:
            given = [(queue_of(self.counters, i, 0), *step.args) for i, step in enumerate(self.steps)]
            natives = [
                step.kernel.native(arguments) if isinstance(step.kernel, Kernel) else None
                for step, arguments in zip(self.steps, given, strict=True)
            ]
            whole = [native for native in natives if native is not None]
            if whole and len(whole) == len(natives):
                self.native = Calls(whole, given, self.threads)

    def run(self, around: Context, after_step: Callable[[Step], None] | None = None, thread: int = 0) -> None:
        """One thread's part of a run; ``after_step`` is called when it has done its part of each step.

        ``thread``: its number; the first is the one that the run was asked of, which Ctrl-C reaches.
        """
        if after_step is not None or self.native is None or bits_of(around) is None:
            with around():
                for number, step in enumerate(self.steps):
                    step.kernel(queue_of(self.counters, number, thread), *step.args)
                    if after_step is not None:
                        after_step(step)
        elif thread > 0:
            self.make_calls(0, len(self.steps), around, thread)
        else:
            start = perf_counter()
            for first in range(0, len(self.steps), self._together):
                self.make_calls(first, min(first + self._together, len(self.steps)), around)
            parts = int((perf_counter() - start) / SECONDS) + 1
            self._together = max(1, len(self.steps) // parts)

    def make_calls(self, first: int, end: int, around: Context, thread: int = 0) -> None:
        """A thread's part of some steps. Raises RuntimeError if a kernel raised an error."""
        assert self.native is not None
        failed = self.native.run(first, end, thread, bits_of(around) or (0, 0))
        if failed >= 0:
            raise self.error_of(failed)

    def error_of(self, step: int) -> RuntimeError:
        """What to raise when a step's kernel has raised an error."""
        return RuntimeError(f"the kernel {self.steps[step].name} raised an error")

    def abort(self) -> None:
        """Nothing more is to be done: a thread that still runs leaves after the task that it is at."""
        cells = self.counters[: CELLS * (len(self.steps) + 1)].reshape(-1, CELLS)
        cells[:, LEFT] = cells[:, SHARES:] = 2**40


def bits_of(around: Context) -> tuple[int, int] | None:
    """A context as `run_calls` can have it; None: it is more than that."""
    return around.bits if isinstance(around, Denormals) else (0, 0) if around is nullcontext else None


class _Worker(threading.Thread):
    """One thread. Where it does not find its run while it rests, two locks pass the word: ``go`` (there is a schedule)
    and ``done``."""

    def __init__(self, number: int, rests: Rests) -> None:
        super().__init__(name=f"darknet-py-{number}", daemon=True)
        self.number = number
        self.go = threading.Lock()
        self.done = threading.Lock()
        self.go.acquire()
        self.done.acquire()
        self.job: tuple[Schedule, Context] | None = None
        self.barred: int | None = None
        self.error: BaseException | None = None
        self.woken = False
        self.idle = True
        self.rests = rests

    def run(self) -> None:
        while True:
            if self.rests.rest(self.number - 1):
                schedule, _ = self._job()
                schedule.abort()
                self.error = schedule.error_of(self.rests.failed(self.number - 1))
                del schedule
                self.rests.end(self.number - 1)
                continue
            self.go.acquire()
            schedule, around = self._job()
            try:
                schedule.run(around, thread=self.number)
            except BaseException as error:
                schedule.abort()
                self.error = error
            del schedule
            self.rests.end(self.number - 1)
            self.idle = True
            if self.done.locked():  # who waits looks whether it is idle, too
                self.done.release()

    def _job(self) -> tuple[Schedule, Context]:
        assert self.job is not None
        return self.job


class Pool:
    """``threads`` threads, the calling one among them. Use as a context manager around runs.

    Attributes:
        threads: how many run together.
        workers: those besides the calling one that have been needed yet.
    """

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.threads = threads
        self._lock = threading.Lock()
        self._rests = Rests(threads - 1)
        self.workers: list[_Worker] = []
        self._left: tuple[Schedule, list[_Worker], bool] | None = None
        """A run whose end nobody has seen, should a signal have come between two instructions here."""

    def __enter__(self) -> Pool:
        self._lock.acquire()
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def run_step(self, step: Step, around: Context = nullcontext) -> None:
        """Run a single step to its end; otherwise as `run`."""
        self.run(Schedule([step], min(self.threads, step.tasks)), around)

    def run(
        self, schedule: Schedule, around: Context = nullcontext, after_step: Callable[[Step], None] | None = None
    ) -> None:
        """Run all steps to their end. The pool must be held.

        Args:
            schedule: the steps, for no more threads than the pool has.
            around: a context that every thread enters for its part.
            after_step: is called after each step.
        """
        if self._left is not None:
            self.await_end(*self._left)
        schedule.prepare()
        self._hire(schedule.threads - 1)
        workers = self.workers[: schedule.threads - 1]
        core = current_core() if workers else None
        for worker in workers:
            worker.job, worker.idle, worker.woken, worker.error = (schedule, around), False, False, None
            if core != worker.barred and core is not None and worker.native_id is not None:
                keep_from(core, worker.native_id, schedule.threads)
                worker.barred = core
        ended, self._left = False, (schedule, workers, False)
        try:
            bits = bits_of(around)
            if workers and self._rests.begin(len(workers), None if bits is None else schedule.native, bits or (0, 0)):
                self._wake(workers)
            schedule.run(around, after_step)
            ended = True
        except BaseException:
            schedule.abort()
            raise
        finally:
            self.await_end(schedule, workers, ended)
        errors = [worker.error for worker in workers if worker.error is not None]
        for worker in workers:
            worker.error = None
        if errors:
            raise errors[0]

    def _hire(self, count: int) -> None:
        """Have so many workers. Raises `DarknetError` if the system starts no more threads."""
        while len(self.workers) < count:
            self.workers.append(_Worker(len(self.workers) + 1, self._rests))
        for i, worker in enumerate(self.workers[:count]):  # Ctrl-C may have left some that had not started
            if worker.ident is None:
                try:
                    worker.start()
                except RuntimeError as error:
                    if worker.ident is not None:  # it had
                        continue
                    del self.workers[i:]
                    raise DarknetError(
                        f"threads={self.threads}: this system starts no more than {i} besides ({error}); ask for fewer"
                    ) from None

    def _wake(self, workers: list[_Worker]) -> None:
        """Those that are to run in Python get the word."""
        for worker in workers:
            if self._rests.called(worker.number - 1) and not worker.woken:
                worker.woken = True
                worker.go.release()

    def await_end(self, schedule: Schedule, workers: list[_Worker], ended: bool) -> None:
        """Wait for all workers, even when Ctrl-C comes meanwhile, or a signal's handler raises something: they still
        write into the run's buffers. What came is raised then.

        ``ended``: the calling thread's own part did; else nobody is to wait for it.
        """
        came: BaseException | None = None
        waits = bool(workers)
        while waits:
            try:
                if not ended:
                    schedule.abort()
                    self._wake(workers)  # whom Ctrl-C has kept from it
                rested = self._rests.wait(len(workers))
                for worker in workers:
                    while worker.woken and not worker.idle:
                        worker.done.acquire()
                waits = not rested
            except BaseException as error:
                came = error
        for worker in workers:
            worker.job = None
        self._left = None
        if came is not None:
            raise came


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
