"""Channels and stages of the video pipeline: order, overlap, errors, ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from darknet_py.detect.detections import Detections
from darknet_py.errors import DarknetError
from darknet_py.video.channel import Channel
from darknet_py.video.frames import Frame, Result
from darknet_py.video.pipeline import Pipeline
from darknet_py.video.source import Source

from .videos import Numbers, nothing
from .waiting import wait_until


def test_a_channel_keeps_order_and_holds_up_the_giver() -> None:
    channel: Channel[int] = Channel(2)
    given = []

    def give() -> None:
        for number in range(50):
            given.append(number)
            channel.put(number)
        channel.close()

    thread = threading.Thread(target=give)
    thread.start()
    taken: list[int] = []
    while True:
        wait_until(lambda: len(given) >= min(50, len(taken) + 3))
        assert len(given) <= len(taken) + 3, "two wait in the channel, one in the giver's hand"
        number = channel.get()
        if number is None:
            break
        taken.append(number)
    thread.join()
    assert taken == list(range(50)) and channel.dropped == 0
    assert not channel.put(1) and channel.get() is None


def test_a_channel_of_the_newest() -> None:
    channel: Channel[int] = Channel(5)
    channel.put(1)
    channel.put(2)
    channel.drop_oldest(1)
    channel.put(3)
    assert (channel.get(), channel.dropped) == (3, 2)


def pipeline_of(
    source: Source, written: list[int], detect: Callable[[Frame], None] = lambda frame: None,
    write: Callable[[Result], None] = lambda result: None,
) -> Pipeline:  # fmt: skip
    def detect_one(frame: Frame, x: Any) -> Detections:
        assert x == frame.number
        detect(frame)
        return nothing(frame)

    def write_one(result: Result) -> None:
        write(result)
        written.append(result.frame.number)

    return Pipeline(source, lambda frame: frame.number, detect_one, write_one)


def test_stages_overlap_and_keep_the_order() -> None:
    written: list[int] = []
    last = 25
    meeting = threading.Barrier(3, timeout=60)

    def meet(number: int, stage: int) -> None:
        """Frame n is written while the next one is in the network and the one after that is read."""
        if 1 <= number - stage <= last - 2:
            meeting.wait()

    pipeline = pipeline_of(
        Numbers(last, lambda number: meet(number, 2)), written,
        lambda frame: meet(frame.number, 1), lambda result: meet(result.frame.number, 0),
    )  # fmt: skip
    pipeline.run()
    assert written == list(range(1, last + 1)) and pipeline.frames == last and pipeline.dropped == 0
    assert all(busy > 0 for busy in pipeline.busy.values())
    assert pipeline.seconds < sum(pipeline.busy.values()), "each stage waits for the others within its own work"


def when(happened: Callable[[], object], call: Callable[[], None]) -> threading.Thread:
    """A thread that calls something as soon as something else has happened."""

    def wait() -> None:
        wait_until(happened)
        call()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def fail_at(number: int) -> Callable[[Any], None]:
    def check(item: Any) -> None:
        if getattr(item, "frame", item).number == number:
            raise DarknetError("this stage fails")

    return check


@pytest.mark.parametrize("stage", ["read", "network", "write"])
def test_an_error_in_a_stage_ends_all(stage: str) -> None:
    written: list[int] = []
    source = Numbers(4 if stage == "read" else 10_000, fails=stage == "read")
    detect = fail_at(5) if stage == "network" else lambda item: None
    write = fail_at(5) if stage == "write" else lambda item: None
    pipeline = pipeline_of(source, written, detect, write)
    with pytest.raises(DarknetError, match="fails"):
        pipeline.run()
    assert written == [1, 2, 3, 4][: len(written)] and source.closed
    assert len(written) == 4 or stage == "read", "what was found before is written"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("demo-")]


def test_a_stop_from_elsewhere() -> None:
    written: list[int] = []
    source = Numbers(10**6)
    pipeline = pipeline_of(source, written)
    stopping = when(lambda: len(written) > 20, pipeline.stop)
    pipeline.run(lambda: None)
    stopping.join()
    assert len(written) < 10**6 and source.closed and written == list(range(1, len(written) + 1)) and written


def test_a_source_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darknet_py.video.pipeline.PATIENCE", 0.1)
    hangs, ended = threading.Event(), threading.Event()

    def hang(number: int) -> None:
        hangs.set()
        ended.wait(60)

    source = Numbers(2, hang)
    pipeline = pipeline_of(source, [])
    stopping = when(hangs.is_set, pipeline.stop)
    pipeline.run()
    assert not source.closed, "it hangs still"
    ended.set()
    stopping.join()


def test_a_live_source_is_never_behind() -> None:
    written: list[int] = []
    read: list[int] = []
    pipeline = pipeline_of(
        Numbers(60, read.append, live=True), written,
        lambda frame: wait_until(lambda: len(read) >= min(60, frame.number + 5)),
    )  # fmt: skip
    pipeline.run()
    assert written == sorted(set(written)) and written[-1] == 60, "in order, up to the last frame"
    assert pipeline.dropped == 60 - len(written) > 20
