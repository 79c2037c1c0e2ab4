"""Reading ahead: the order, what waits for whom, how much is in memory, and what happens to what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from darknet_py.errors import DarknetError, ImageError
from darknet_py.image.ahead import AHEAD, TOGETHER, Crew, Share
from darknet_py.image.reading import check_pixels

WAIT = 20.0
"""Seconds after which a test that waits has failed."""


def read_all(crew: Crew, items: list[int], pixels: int = 0) -> list[list[int]]:
    def load(item: int) -> int:
        if pixels:
            check_pixels(pixels, 1, None)
        return -item

    return [[loaded.picture for loaded in group] for group in crew.read(items, load, keep=True)]


@pytest.mark.parametrize("threads", [1, 2, 5, 20])
@pytest.mark.parametrize("count", [0, 1, 3, 4, 7, 8, 9, 41])
def test_order_and_groups(threads: int, count: int) -> None:
    with Crew(threads) as crew:
        groups = read_all(crew, list(range(count)))
    assert [picture for group in groups for picture in group] == [-item for item in range(count)]
    assert {len(group) for group in groups} <= {4, 2, 1}
    assert sum(len(group) < TOGETHER for group in groups) <= 2


def test_a_crew_reads_several_lists() -> None:
    with Crew(2, most_pixels=3) as crew:
        for _ in range(2):
            groups = read_all(crew, list(range(9)), pixels=2)
            assert [picture for group in groups for picture in group] == [-item for item in range(9)]


def test_all_threads_read_at_once() -> None:
    meet = threading.Barrier(3)
    with Crew(3) as crew:
        assert sum(len(group) for group in crew.read(range(6), lambda _: meet.wait(WAIT))) == 6


def test_nobody_reads_while_the_caller_works() -> None:
    active, works = 0, False
    lock, seen = threading.Lock(), []

    def load(item: int) -> int:
        nonlocal active
        with lock:
            active += 1
            seen.append(works)
        with lock:
            active -= 1
        return item

    with Crew(4) as crew:
        for _ in crew.read(range(40), load):
            works = True
            assert active == 0 and len(seen) % AHEAD == 0
            works = False
    assert len(seen) == 40 and not any(seen)


def test_no_more_than_a_few_are_taken_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for item in range(50):
            taken.append(item)
            yield item

    done = 0
    with Crew(2) as crew:
        for group in crew.read(items(), lambda item: item):
            assert len(taken) - done <= AHEAD
            done += len(group)


class Memory:
    """Pictures that count how many of their pixels are in memory."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    def load(self, pixels: int) -> int:
        check_pixels(pixels, 1, None)
        with self.lock:
            self.now += pixels
            self.most = max(self.now, self.most)
        return pixels

    def free(self, pixels: int) -> None:
        with self.lock:
            self.now -= pixels


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_pixels_in_memory_are_bounded(threads: int) -> None:
    sizes = [5, 1, 1, 9, 30, 2, 2, 2, 8, 8, 8, 8, 8, 1, 40, 1] * 3
    memory, seen = Memory(), []
    with Crew(threads, most_pixels=10) as crew:
        for group in crew.read(sizes, memory.load, keep=True):
            seen += [loaded.picture for loaded in group]
            for loaded in group:
                memory.free(loaded.picture)
    assert seen == sizes and memory.now == 0
    assert memory.most <= 10 + 40  # and the next one in any case


def test_pixels_stay_until_they_are_written() -> None:
    memory, seen, written = Memory(), [], []
    sizes = [4, 4, 4, 9, 1, 2, 25, 3] * 4

    def write(pixels: int) -> None:
        written.append(pixels)
        memory.free(pixels)

    with Crew(2, most_pixels=10) as crew:
        for group in crew.read(sizes, memory.load, keep=True):
            for loaded in group:
                seen.append(loaded.picture)
                crew.write(lambda pixels=loaded.picture: write(pixels), loaded.share)  # type: ignore[misc]
        crew.wait()
    assert seen == sizes and sorted(written) == sorted(sizes) and memory.now == 0
    assert memory.most <= 10 + 25


def test_pixels_that_only_loading_needs_are_free_afterwards() -> None:
    with Crew(1, most_pixels=10) as crew:
        groups = [len(group) for group in crew.read(range(8), lambda _: check_pixels(9, 1, None))]
    assert groups == [4, 4]


def test_an_error_is_raised_at_its_place_and_what_was_written_is_there() -> None:
    def load(item: int) -> int:
        if item == 5:
            raise ImageError("this one", str(item))
        return item

    seen, written = [], []
    with pytest.raises(ImageError, match="this one"), Crew(2) as crew:
        for group in crew.read(range(9), load):
            for loaded in group:
                seen.append(loaded.item)
                crew.write(lambda item=loaded.item: written.append(item), loaded.share)  # type: ignore[misc]
    assert seen == [0, 1, 2, 3, 4]


def test_what_a_write_raises_is_in_its_future() -> None:
    def fail() -> None:
        raise ImageError("no disk", "x")

    with Crew(2) as crew:
        [[loaded]] = [list(group) for group in crew.read([1], lambda item: item)]
        future = crew.write(fail, loaded.share)
        crew.wait()
        assert isinstance(future.exception(), ImageError)


def test_fewer_threads_than_asked_for_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    start, most, before = threading.Thread.start, 1, set(threading.enumerate())

    def few(thread: threading.Thread) -> None:
        if sum(other.name == thread.name for other in threading.enumerate() if other not in before) >= most:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", few)
        with Crew(3) as crew:
            read = [loaded.picture for group in crew.read(range(9), lambda item: item) for loaded in group]
        assert read == list(range(9))
        most = 0
        with Crew(3) as crew, pytest.raises(DarknetError, match="starts no thread to read pictures"):
            list(crew.read([1], lambda item: item))


def test_an_end_waits_for_a_file_that_is_being_written() -> None:
    begun, ends, finished = threading.Event(), threading.Event(), []

    def write() -> None:
        begun.set()
        ends.wait(WAIT)
        finished.append(True)

    with Crew(2) as crew:
        crew.write(write, Share(0))
        threading.Thread(target=crew.wait, daemon=True).start()
        assert begun.wait(WAIT)
        threading.Timer(0.05, ends.set).start()
    assert finished == [True]


def test_an_end_does_not_wait_for_a_file_that_hangs() -> None:
    begun, ends, finished = threading.Event(), threading.Event(), []

    def load(_: int) -> None:
        begun.set()
        ends.wait(WAIT)
        finished.append(True)

    with Crew(2) as crew:
        reader = threading.Thread(target=lambda: list(crew.read([1], load)), daemon=True)
        reader.start()
        assert begun.wait(WAIT)
    assert not finished
    ends.set()
    reader.join(WAIT)
