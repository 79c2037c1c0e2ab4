"""What a training shows: its chart, its memory, its schedule, its first batch, events for TensorBoard."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darknet_py.errors import DarknetError
from darknet_py.formats.cfg import parse_cfg
from darknet_py.network import read_network
from darknet_py.numeric.arithmetic import get_arithmetic
from darknet_py.train import memory
from darknet_py.train.augment import CLASS_ONLY
from darknet_py.train.board import Board
from darknet_py.train.curves import COLUMNS, write_curves
from darknet_py.train.options import NetOptions
from darknet_py.train.plan import Computing
from darknet_py.train.preview import sheet
from darknet_py.train.report import duration, iteration_line, rate_table
from darknet_py.train.truth import Boxes, Cells, Values
from tests.training import DETECTOR, write_set


def history(count: int, **columns: Any) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rows = np.full((count, len(COLUMNS)), np.nan)
    numbers = np.arange(1, count + 1)
    usual: dict[str, Any] = {
        "batch": numbers, "loss": 100 / numbers, "average": 110 / numbers, "rate": 0.01, "width": 64,
    }  # fmt: skip
    for name, values in (usual | columns).items():
        rows[:, COLUMNS.index(name)] = values
    return rows


def test_the_chart_shows_what_there_is(tmp_path: Path) -> None:
    write_curves(history(1), "net", 0, tmp_path / "one.svg")
    plain = (tmp_path / "one.svg").read_text()
    assert "batch 1: average loss 110" in plain and "learning rate" in plain
    assert "mAP" not in plain and "width of the input" not in plain
    scores = np.full(4000, np.nan)
    scores[[999, 1999, 2999]] = 0.25, 0.75, 0.5
    write_curves(history(4000, width=np.arange(4000) % 3 * 32 + 64, map=scores), "n&t", 5000, tmp_path / "more.svg")
    text = (tmp_path / "more.svg").read_text()
    assert "batch 4000 of 5000: average loss 0.0275, mAP 50.0% (best 75.0% at batch 2000)" in text
    assert "n&amp;t" in text and "width of the input" in text
    assert len(text) < 200_000
    write_curves(history(30), "net", 100, tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.format == "PNG"
    with pytest.raises(DarknetError, match=r"chart\.gif: a plot is written as"):
        write_curves(history(30), "net", 100, tmp_path / "chart.gif")


def options(text: str) -> NetOptions:
    return NetOptions.read(parse_cfg(f"[net]\nwidth=8\nheight=8\nchannels=3\nbatch=8\n{text}\n[avgpool]\n").net)


def test_the_schedule_in_words() -> None:
    assert rate_table(options("learning_rate=.5")) == [(1, "0.5")]
    steps = options("learning_rate=.1\nburn_in=10\npolicy=steps\nsteps=5,20,30\nscales=.1,.1,10\npower=1")
    assert rate_table(steps) == [
        (1, "rises from 0.01 (burn-in, power 1)"), (10, "0.01"), (20, "0.001"), (30, "0.01"),
    ]  # fmt: skip
    poly = rate_table(options("learning_rate=.1\npolicy=poly\npower=1\nmax_batches=100"))
    assert poly[0] == (1, "0.099 (poly)") and poly[-1] == (99, "0.001 (poly)") and len(poly) == 5
    assert rate_table(options("learning_rate=.1\npolicy=random"))[0][1] == "random, up to 0.1"


def test_times_and_lines() -> None:
    assert [duration(seconds) for seconds in (0, 59.6, 3600, 90061, 4 * 86400)] == [
        "0:00", "1:00", "1:00:00", "1 day 1:01:01", "4 days 0:00:00",
    ]  # fmt: skip
    done: Any = SimpleNamespace(number=5, loss=1.5, average=2.25, rate=0.001, size=(64, 32), pictures=16)
    assert iteration_line(done, 10, 8.0, float("nan")) == (
        "batch 5 of 10: loss 1.5, average 2.25, rate 0.001, 64 x 32, 8.0 pictures/s, 0:10 left"
    )
    assert (
        iteration_line(done, 0, 8.0, 0.5)
        == "batch 5: loss 1.5, average 2.25, mAP 50.0%, rate 0.001, 64 x 32, 8.0 pictures/s"
    )


def test_memory_names_the_subdivisions_that_would_do(tmp_path: Path) -> None:
    _, cfg = write_set(tmp_path, DETECTOR)
    network, computing = read_network(cfg), Computing(get_arithmetic("ieee"), 1)
    need = memory.need_of(network, 8, 16, 450, computing)
    assert need.pictures == 2 * 4 * 16 * (3 * 32 * 32 + 450)
    assert need.total > memory.need_of(network, 4, 16, 450, computing).total
    memory.check_fits(network, need, 16, computing, None)
    memory.check_fits(network, need, 16, computing, need.total)
    half = memory.need_of(network, 4, 16, 450, computing).total
    with pytest.raises(DarknetError, match=r"net\.cfg: needs about .* are free; subdivisions=4 would do: calls of 4"):
        memory.check_fits(network, need, 16, computing, half)
    with pytest.raises(DarknetError, match="calls of one picture would need"):
        memory.check_fits(network, need, 16, computing, 1000)
    free = memory.free_memory()
    assert free is None or free > 1 << 20
    assert [memory.gigabytes(count) for count in (2_000_000, 1_550_000_000)] == ["2 MB", "1.6 GB"]


def drawn(y: list[float], truth: Any) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Which pixels of a black picture something was drawn on."""
    picture = sheet(np.zeros((1, 3, 60, 60), np.float32), np.array([y], np.float32), truth, ["a", "b"])
    assert picture.shape == (60, 60, 3)
    return picture.any(axis=2).astype(np.uint8)


def test_the_first_batch_shows_its_boxes() -> None:
    boxes = Boxes(3, 2, 2, True)
    found = drawn([0.5, 0.7, 0.4, 0.4, 1, *[0.0] * 10], boxes)
    rows, columns = np.nonzero(found[31:, :])  # below its label
    assert (columns.min(), columns.max(), rows.max() + 31) == (17, 42, 53)
    assert not found[45, 30]
    whole = drawn([*[float(CLASS_ONLY)] * 4, 1, *[0.0] * 10], boxes)
    assert whole[59, 30] and whole[30, 0]
    assert not drawn([0.0] * 15, boxes).any()
    cells = np.zeros((4, 7), np.float32)
    cells[2] = 1, 0, 1, 0.5, 0.5, 0.4, 0.3  # the lower left quarter of the picture
    found = drawn(cells.reshape(-1).tolist(), Cells(4, 2))
    rows, columns = np.nonzero(found[40:, :])
    assert (columns.min(), columns.max(), rows.max() + 40) == (2, 27, 54)
    assert drawn([0.0, 1.0], Values(2))[59, 30]
    many = sheet(np.zeros((20, 3, 10, 12), np.float32), np.zeros((20, 2), np.float32), Values(2), [])
    assert many.shape == (4 * 14 - 4, 4 * 16 - 4, 3)


def events(path: Path) -> Iterator[tuple[int, str, float]]:
    """The scalars of a file of events: records of length, checksum, message, checksum."""
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + length])
        for value in event.summary.value:
            yield event.step, value.tag, value.simple_value
        data = data[12 + length + 4 :]


def test_events_for_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    with Board(tmp_path) as board:
        board.add((7, 1.5, 2.5, 0.125, 64, float("nan")))
        board.add((8, 1.25, 2.25, 0.125, 96, 0.5))
    (file,) = tmp_path.iterdir()
    assert list(events(file)) == [
        (7, "loss", 1.5), (7, "average", 2.5), (7, "rate", 0.125), (7, "width", 64),
        (8, "loss", 1.25), (8, "average", 2.25), (8, "rate", 0.125), (8, "width", 96), (8, "map", 0.5),
    ]  # fmt: skip


def test_no_writer_of_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("tensorboardX", "tensorboard", "tensorboard.summary"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DarknetError, match=re.escape("needs the Python package tensorboard or tensorboardX")):
        Board(tmp_path)
