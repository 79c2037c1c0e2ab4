"""Running steps on several threads: counts that must agree, errors, and who waits for whom."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darknet_py import warmup_samples as samples
from darknet_py.errors import DarknetError
from darknet_py.kernels.runtime.atomic import (
    CELLS,
    COUNT,
    LEFT,
    PARTS,
    SHARES,
    THREADS,
    begin,
    fill_queue,
    new_queue,
    next_task,
    queue_of,
)
from darknet_py.kernels.runtime.work import plan_kernel
from darknet_py.loading import load_trees
from darknet_py.numeric.arithmetic import PROFILES
from darknet_py.parameters import load_parameters
from darknet_py.plan.build import Plan
from darknet_py.plan.cores import current_core, keep_from, usable_cores
from darknet_py.plan.pool import Pool, Schedule
from darknet_py.plan.resting import Rests
from darknet_py.plan.step import Step
from darknet_py.synth import write_synth
from darknet_py.warmup import usable_profiles
from tests.nets import net, write_cfg

RECURRENT = ["rnn output=8 hidden=8", "gru output=8", "lstm output=8"]

MORE = [
    net(3, 16, 16, "convolutional filters=8 size=3 pad=1 xnor=1 activation=leaky"),
    "[net]\ninputs=8\n" + "".join("[{}]\n{}\n".format(*text.replace(" ", "\n").split("\n", 1)) for text in RECURRENT),
    net(4, 8, 8, "crnn output_filters=4 hidden_filters=4"),
]


@pytest.mark.parametrize("text", [*samples.DETECTORS, *samples.ONLY_IEEE, *MORE])
@pytest.mark.parametrize("math", [name for name in PROFILES if name in usable_profiles()])
def test_a_step_has_as_many_tasks_as_its_kernel_takes(text: str, math: str, tmp_path: Path) -> None:
    """The threads of a run wait for that number: one too many, and they would wait for ever."""
    (tmp_path / "warmup.tree").write_text(samples.TREE, encoding="utf-8")
    cfg = write_cfg(tmp_path, text)
    network = write_synth(cfg, tmp_path / "net.weights")
    if (not PROFILES[math].covers_all) and text not in samples.DETECTORS:
        return
    parameters = load_parameters(network, tmp_path / "net.weights")
    plan = Plan(network, parameters, PROFILES[math].filled_in(network), 3, load_trees(network))
    for step in plan.steps:
        queue = new_queue(step.tasks)
        step.kernel(queue, *step.args)
        taken = queue[CELLS + SHARES], queue[CELLS + LEFT]
        assert taken == (step.tasks, 1), (network.layers[step.layer].kind, step.kernel)


@plan_kernel(tasks=lambda tasks: tasks)
def note(queue, order, number, tasks):
    # order: the first of its values counts; then, task by task, the number of the step
    while next_task(queue) >= 0:
        order[1 + number] += 1
        for earlier in range(number):
            if order[1 + earlier] != tasks:
                order[0] += 1


def test_a_step_begins_when_all_have_left_the_one_before() -> None:
    order = np.zeros(51, np.int64)
    # One task each: the only one who may be in it is who got it, so that nothing but the order can go wrong.
    schedule = Schedule([Step.of(note, order=order, number=number, tasks=1) for number in range(50)], 4)
    with Pool(4) as pool:
        for _ in range(200):
            order[:] = 0
            pool.run(schedule)
            assert order.tolist() == [0, *[1] * 50]


class Around:
    """A context that notes which threads enter and leave it."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.left: list[int] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        self.threads.append(threading.get_ident())
        yield
        self.left.append(threading.get_ident())


def test_threads_that_the_system_does_not_start_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.zeros(2, np.int64)
    schedule = Schedule([Step.of(note, order=order, number=0, tasks=1)], 4)
    pool, start = Pool(4), threading.Thread.start

    def no_more(thread: threading.Thread) -> None:
        if thread.name == "darknet-py-2":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch, pool:
        patch.setattr(threading.Thread, "start", no_more)
        with pytest.raises(DarknetError, match="threads=4: this system starts no more than 1 besides"):
            pool.run(schedule)
    with pool:
        pool.run(schedule)
    assert order.tolist() == [0, 1]


@pytest.mark.skipif(current_core() is None or usable_cores() < 2, reason="takes two cores, and a system that places")
def test_workers_wake_on_other_cores_than_the_caller() -> None:
    pool, usable = Pool(2), os.sched_getaffinity(0)
    for _ in range(3):
        with pool:
            pool.run_step(Step.of(note, order=np.zeros(9, np.int64), number=1, tasks=8))
        (worker,) = pool.workers
        assert worker.barred in usable and worker.native_id is not None
        assert os.sched_getaffinity(worker.native_id) == usable - {worker.barred}
    assert os.sched_getaffinity(0) == usable


@pytest.mark.skipif(current_core() is None, reason="takes a system that places threads where it is told")
def test_more_threads_than_cores_may_be_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    usable = os.sched_getaffinity(0)
    keep_from(min(usable), 0, len(usable) + 1)
    assert os.sched_getaffinity(0) == usable

    def refuse(*args: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse)
    keep_from(min(usable), 0, len(usable))  # and where nobody may tell it, it goes on


def test_an_error_in_any_thread_ends_the_run_of_all() -> None:
    def fail(queue: Any, thread: int) -> None:
        if threading.get_ident() == thread:
            raise ZeroDivisionError
        begin(queue)

    order = np.zeros(4, np.int64)
    pool = Pool(3)
    for _ in range(20):
        around = Around()
        with pool:
            pool.run(Schedule([Step.of(note, order=order, number=0, tasks=3)], 3), around)
        threads = around.threads
        for thread in threads:
            steps = [
                Step.of(note, order=order, number=0, tasks=3),
                Step(fail, {"thread": thread}, 0),
                Step.of(note, order=order, number=1, tasks=3),
            ]
            with pool, pytest.raises(ZeroDivisionError):
                pool.run(Schedule(steps, 3))
    with pool:
        order[:] = 0
        pool.run(Schedule([Step.of(note, order=order, number=0, tasks=3)], 3))
        assert order[1] == 3, "the pool works on"


def native_calls(threads: int, takers: list[Any]) -> Schedule:
    """A schedule of two steps that is ready to be run by its threads' machine code."""
    schedule = Schedule([Step.of(note_taker, takers=each) for each in takers], threads)
    schedule.prepare()
    assert schedule.native is not None
    return schedule


def test_a_worker_that_rests_makes_the_calls_of_runs_without_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darknet_py.plan.resting.LOOKS", 10**12)  # nothing else ends its rest
    rests, takers = Rests(1), [np.zeros(tasks, np.int64) for tasks in (7, 5)]
    returned: list[bool] = []
    resting = threading.Thread(target=lambda: returned.append(rests.rest(0)), daemon=True)
    resting.start()
    schedule = native_calls(2, takers)
    while rests.begin(1, schedule.native, (0, 0)):  # it had not begun to rest
        assert rests.called(0)
        resting.join(60)
        rests.end(0)
        resting = threading.Thread(target=lambda: returned.append(rests.rest(0)), daemon=True)
        resting.start()
    returned.clear()
    for count in (1, 2, 3):
        if count > 1:
            schedule.prepare()
            assert not rests.begin(1, schedule.native, (0, 0))
        schedule.make_calls(0, 2, nullcontext)
        assert rests.wait(1)
        assert all((each // 100 == count).all() for each in takers)
    assert rests.begin(1, None, (0, 0)) and rests.called(0)
    resting.join(60)
    assert not resting.is_alive() and returned == [False], "it goes on in Python"


def test_a_worker_that_finds_no_run_goes_to_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darknet_py.plan.resting.LOOKS", 0)
    rests = Rests(2)
    assert not rests.rest(1)
    assert not rests.called(1)
    assert rests.begin(2, None, (0, 0)) and rests.called(0) and rests.called(1)
    assert not rests.rest(1), "it does not rest before it has run"


def test_every_thread_enters_the_context() -> None:
    around = Around()
    order = np.zeros(4, np.int64)
    with Pool(3) as pool:
        pool.run(Schedule([Step.of(note, order=order, number=0, tasks=3)], 3), around)
    assert len(set(around.threads)) == 3 and sorted(around.left) == sorted(around.threads)


def test_expected_counts() -> None:
    schedule = Schedule([Step(note, {}, tasks=5), Step(note, {}, tasks=1)], 2)
    cells = schedule.counters[: 3 * CELLS].reshape(3, CELLS)
    assert cells[:, THREADS].tolist() == [0, 2, 2]
    assert cells[:, COUNT].tolist() == [0, 5, 1]
    assert cells[:, PARTS].tolist() == [0, 2, 1]


@plan_kernel(tasks=lambda takers: takers.size)
def note_taker(queue, takers):
    # takers: task by task, the thread that took it first, and 100 if it was taken
    thread = queue.size - 2 * CELLS
    while True:
        task = next_task(queue)
        if task < 0:
            return
        takers[task] += 100 + thread


def test_runs_in_turn_with_and_without_python() -> None:
    """However the workers hear of a run: each task is done once."""
    takers = [np.zeros(tasks, np.int64) for tasks in (7, 5)]
    steps = [Step.of(note_taker, takers=each) for each in takers]
    schedule, pool, after = Schedule(steps, 3), Pool(3), []
    for number in range(60):
        for each in takers:
            each[:] = 0
        with pool:
            pool.run(schedule, Around() if number % 3 == 1 else nullcontext, after.append if number % 4 == 3 else None)
        assert all((each // 100 == 1).all() for each in takers)
    assert after == steps * 15


class Held:
    """A context that workers do not leave until they are let go."""

    def __init__(self) -> None:
        self.caller = threading.get_ident()
        self.go = threading.Event()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        yield
        if threading.get_ident() != self.caller:
            assert self.go.wait(60)


class Interrupted:
    """A worker's lock: whoever waits for it first is interrupted; then the worker is let go."""

    def __init__(self, lock: Any, error: type[BaseException], held: Held) -> None:
        self.lock, self.error, self.held = lock, error, held
        self.waits = 0
        self.locked, self.release = lock.locked, lock.release

    def acquire(self) -> None:
        self.waits += 1
        if self.waits == 1:
            raise self.error
        self.held.go.set()
        self.lock.acquire()


def seven(pool: Pool) -> tuple[Schedule, Any]:
    """A schedule of one step of seven tasks, and a check that a run of it does each once."""
    takers = np.zeros(7, np.int64)
    schedule = Schedule([Step.of(note_taker, takers=takers)], pool.threads)

    def check() -> None:
        takers[:] = 0
        pool.run(schedule)
        assert (takers // 100 == 1).all()

    return schedule, check


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_whatever_comes_while_it_waits_the_workers_end_first(error: type[BaseException]) -> None:
    with Pool(2) as pool:
        schedule, check = seven(pool)
        check()
        held, worker = Held(), pool.workers[0]
        worker.done = lock = Interrupted(worker.done, error, held)  # type: ignore[assignment]
        with pytest.raises(error):
            pool.run(schedule, held)
        assert lock.waits > 1 and worker.idle
        check()


def test_an_interrupt_while_a_run_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool(2) as pool:
        schedule, check = seven(pool)
        abort, calls = schedule.abort, []

        def interrupted(*step: Step) -> None:
            calls.append(1)
            if len(calls) < 3:
                raise KeyboardInterrupt
            abort()

        monkeypatch.setattr(schedule, "abort", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.run(schedule, nullcontext, interrupted)
        assert len(calls) >= 3
        check()


def test_a_run_whose_end_nobody_saw_ends_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with Pool(2) as pool:
        schedule, check = seven(pool)
        check()
        held, waited = Held(), []

        def interrupted(*run: Any) -> None:
            waited.append(run)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(pool, "await_end", interrupted)
            pool.run(schedule, held)
        assert len(waited) == 1 and not pool.workers[0].idle
        threading.Timer(0.05, held.go.set).start()
        check()
        assert held.go.is_set()


@pytest.mark.parametrize(("tasks", "threads"), [(1, 3), (2, 3), (7, 2), (30, 3), (100, 12)])
def test_each_task_is_taken_once_and_a_thread_begins_in_its_own_share(tasks: int, threads: int) -> None:
    for alone in range(threads):  # a thread whom nobody helps takes all
        takers = np.zeros(tasks, np.int64)
        queue = np.zeros(2 * CELLS + threads, np.int64)
        fill_queue(queue[CELLS : 2 * CELLS], tasks, threads)
        first = -1
        while (task := next_task(queue_of(queue, 0, alone))) >= 0:
            first = task if first < 0 else first
            takers[task] += 1
        assert (takers == 1).all() and queue[CELLS + LEFT] == 1
        parts = min(threads, SHARES, tasks)
        assert first == tasks * (alone * parts // threads) // parts
    takers = np.zeros(tasks, np.int64)
    schedule = Schedule([Step.of(note_taker, takers=takers)], threads)
    with Pool(threads) as pool:
        pool.run(schedule)
    assert ((takers >= 100) & (takers < 100 + threads)).all()


@pytest.fixture(scope="module")
def small_plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A plan of several kernels, for two threads, that has run once."""
    folder = tmp_path_factory.mktemp("small")
    cfg = write_cfg(folder, samples.DETECTORS[0])
    network = write_synth(cfg, folder / "net.weights")
    plan = Plan(network, load_parameters(network, folder / "net.weights"), PROFILES["ieee"], 2, load_trees(network))
    plan.input()[:] = np.random.RandomState(3).rand(plan.input().size)
    plan.run()
    return plan


def test_step_by_step_gives_the_same_bits(small_plan: Plan) -> None:
    small_plan.run()
    together = small_plan.output(small_plan.network.output_layer.index).copy()
    small_plan.output(small_plan.network.output_layer.index)[:] = 0
    seen: list[Step] = []
    small_plan.run(seen.append)
    assert seen == small_plan.steps
    assert together.any()
    assert (small_plan.output(small_plan.network.output_layer.index).view(np.int32) == together.view(np.int32)).all()


def test_a_run_makes_no_python_call_for_a_step(small_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many steps it has: what is called from Python is counted in the thread that the run is asked of."""
    called: list[object] = []
    monkeypatch.setattr("darknet_py.plan.pool.SECONDS", 1e9)
    schedule = Schedule(small_plan.steps * 20, 1)

    def count(frame: Any, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            called.append(argument if event == "c_call" else frame.f_code)

    with Pool(1) as pool:
        pool.run(schedule)
        pool.run(schedule)
        sys.setprofile(count)
        try:
            pool.run(schedule)
        finally:
            sys.setprofile(None)
    assert len(called) < 100 < len(schedule.steps)


def test_the_calling_thread_comes_back_to_python_often_enough(
    small_plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is heard only there: in a first run after each step, then at most so many seconds later."""
    parts: list[tuple[int, int]] = []
    schedule = Schedule(small_plan.steps, 1)
    make = schedule.make_calls

    def note(first: int, end: int, around: Any) -> None:
        parts.append((first, end))
        make(first, end, around)

    monkeypatch.setattr(schedule, "make_calls", note)
    monkeypatch.setattr("darknet_py.plan.pool.SECONDS", 1e-9)
    count = len(schedule.steps)
    with Pool(1) as pool:
        pool.run(schedule)
        assert parts == [(i, i + 1) for i in range(count)]
        pool.run(schedule)
        assert parts[count:] == parts[:count]
        monkeypatch.setattr("darknet_py.plan.pool.SECONDS", 1e9)
        pool.run(schedule)
        parts.clear()
        pool.run(schedule)
        assert parts == [(0, count)]


@plan_kernel(tasks=lambda tasks: tasks)
def refuse(queue, numbers, limit, factor, wide, tasks):
    while next_task(queue) >= 0:
        if numbers[0, 1] > limit:
            raise ValueError("too large")
        numbers[0, 0] += factor * wide[1] + (1 if wide[0] else 2)


def test_arguments_of_all_types_and_errors_inside_of_kernels() -> None:
    numbers = np.array([[0, 1, 2], [3, 4, 5]], np.float64)
    arguments = {"limit": 1.5, "factor": np.float32(0.5), "wide": (True, 3.0), "tasks": 3}
    schedule = Schedule([Step.of(refuse, numbers=numbers, **arguments)], 2)
    with Pool(2) as pool:
        pool.run(schedule)
        assert numbers[0, 0] == 3 * 2.5
        numbers[0, 1] = 2
        for _ in range(20):  # any thread may meet it
            with pytest.raises(RuntimeError, match="the kernel refuse raised an error"):
                pool.run(schedule)
        numbers[0, 1] = 1
        pool.run(schedule)
        assert numbers[0, 0] == 6 * 2.5
