"""A chart of a benchmark's document: each engine's time divided by ours, on one logarithmic axis for all networks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..chart import BLUE, GREY, INK, PALE, Item, write_chart

if TYPE_CHECKING:
    from .report import Document


ROW, HEAD, TOP = 20.0, 34.0, 76.0
LEFT, WIDTH, RIGHT = 390.0, 430.0, 150.0
"""Units: a row, a network's heading, where the first one is; the columns of names, of marks, and of times beyond."""

OTHER = " *"
"""Marks an engine that does not give the network's result."""

OURS, ALSO_OURS, THEIRS = BLUE, "#56a0e8", "#b45309"

LEVELS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Where the axis may have its lines: times divided by ours."""


@dataclass(frozen=True)
class _Row:
    name: str
    seconds: float
    ratio: float
    color: str
    same: bool = True


def write_plot(document: Document, path: Path) -> None:
    """Draw a document's networks, each with a row per engine, to a ``.svg`` or ``.png`` file.

    A row's mark is the engine's time divided by ours: on the line at 1x it takes as long. The axis is logarithmic, so
    that engines that differ by a tenth can be distinguished beside one that takes twenty times as long.

    Raises:
        DarknetError: another kind of file.
    """
    items = list(_items(document))
    height = max(item.y + item.height for item in items) + 16
    write_chart(items, LEFT + WIDTH + RIGHT, height, path)


def _items(document: Document) -> Iterator[Item]:
    machine, networks = document["machine"], document["networks"]
    yield Item(16, 26, text="Time per image, relative to darknet-py at 1x: further left is faster", size=16)
    about = f"{machine['processor']}, darknet-py {machine['versions']['darknet-py']}; medians, logarithmic axis"
    yield Item(16, 46, text=about, color=GREY)
    tables = [_rows(network) for network in networks]
    levels = _levels([row.ratio for rows in tables for row in rows])
    y = TOP
    for network, rows in zip(networks, tables, strict=True):
        width, height, _ = network["input"]
        yield Item(16, y + 18, text=f"{Path(network['cfg']).stem}, {width}x{height}", size=14)
        yield from _panel(rows, levels, y + HEAD)
        y += HEAD + ROW * len(rows) + 12
    if any(not row.same for rows in tables for row in rows):
        yield Item(16, y + 16, text=f"{OTHER.strip()} its result is another one", color=GREY)


def _rows(network: Document) -> list[_Row]:
    """Our own row, then those of the others."""

    def named(name: str, threads: int) -> str:
        return f"{name} ({threads} thread{'s' * (threads > 1)})"

    own = named(f"darknet-py, math {network['math']}", network["threads"])
    rows = [_Row(own, network["median"], 1.0, OURS)]
    for engine in network["engines"]:
        color = ALSO_OURS if engine["engine"].startswith("darknet-py") else THEIRS
        name = named(engine["engine"], engine["threads"])
        rows.append(_Row(name, engine["median"], engine["ratio"], color, engine["same"] is not False))
    return rows


def _levels(ratios: Sequence[float]) -> list[float]:
    """The lines of the axis: from one below all ratios, and 1x, to one above them."""
    least, most = min([*ratios, 0.99]), max([*ratios, 1.01])
    first = max((i for i, level in enumerate(LEVELS) if level <= least), default=0)
    last = min((i for i, level in enumerate(LEVELS) if level >= most), default=len(LEVELS) - 1)
    return list(LEVELS[first : last + 1])


def _panel(rows: Sequence[_Row], levels: Sequence[float], top: float) -> Iterator[Item]:
    """The rows of one network from ``top`` on, over the lines of the axis."""

    def at(ratio: float) -> float:
        inside = min(max(ratio, levels[0]), levels[-1])
        return LEFT + WIDTH * math.log(inside / levels[0]) / math.log(levels[-1] / levels[0])

    bottom = top + ROW * len(rows)
    for level in levels:
        x = at(level)
        yield Item(points=((x, top), (x, bottom)), color=INK if level == 1 else PALE, stroke=1)
        yield Item(x, top - 5, text=f"{level:g}x", size=11, color=GREY, anchor="middle")
    for number, row in enumerate(rows):
        y, x = top + ROW * number + ROW / 2, at(row.ratio)
        yield Item(LEFT - 12, y + 4, text=row.name, anchor="end")
        yield Item(min(x, at(1)), y - 1.5, max(abs(x - at(1)), 0.1), 3, color=row.color)
        yield Item(x - 5, y - 5, 10, 10, color=row.color)
        note = f", {row.ratio:.2f}x{'' if row.same else OTHER}" if number else ""
        yield Item(LEFT + WIDTH + 14, y + 4, text=f"{row.seconds * 1e3:.1f} ms{note}")
