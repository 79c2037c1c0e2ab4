"""The course of a training as a chart: loss, learning rate, input size and mean average precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..chart import BLUE, COLORS, GREY, INK, PALE, Axes, Item, end_labels, ticks, write_chart

if TYPE_CHECKING:
    from ..typing import Doubles

COLUMNS = ("batch", "loss", "average", "rate", "width", "map")
"""Of a history: a row for each iteration; ``map`` (0 to 1) is NaN where nothing was evaluated."""

LEFT, WIDTH, RIGHT = 80, 640, 150
TOP, TALL, LOW, GAP = 90, 300, 80, 60

MOST_POINTS = 1500
"""Points of a curve: more would only make the file long."""


def new_history() -> Doubles:
    """A history without rows, float64[0, 6]."""
    return np.zeros((0, len(COLUMNS)))


def write_curves(history: Doubles, title: str, max_batches: int, path: Path) -> None:
    """Draw a history to a ``.svg`` or ``.png`` file, which appears at once and whole.

    Args:
        history: float64[n, 6], as `COLUMNS`.
        title: what is trained.
        max_batches: updates of the whole training; 0 for no end.
        path: the file.

    Raises:
        DarknetError: another kind of file, or it cannot be written.
    """
    last = history[-1]
    said = f"batch {last[0]:.0f}" + (f" of {max_batches}" if max_batches else "") + f": average loss {last[2]:.4g}"
    known = history[~np.isnan(history[:, 5])]
    if len(known):
        said += f", mAP {known[-1, 5]:.1%} (best {known[:, 5].max():.1%} at batch {known[known[:, 5].argmax(), 0]:.0f})"
    begin = float(history[0, 0]) - 1
    across = (begin, max(float(last[0]), begin + 1.0))
    items = [Item(16, 28, text=title, size=16), Item(16, 50, text=said, color=GREY), *_loss(history, across)]
    y = TOP + TALL + GAP + 20
    items += _small(history[:, [0, 3]], "learning rate", COLORS[2], y, across)
    if len(np.unique(history[:, 4])) > 1:
        y += LOW + GAP
        items += _small(history[:, [0, 4]], "width of the input", COLORS[4], y, across)
    if len(known):
        y += LOW + GAP
        items += _small(known[:, [0, 5]], "mAP", COLORS[1], y, across, marked=True)
    write_chart(items, LEFT + WIDTH + RIGHT, y + LOW + 50, path)


def _loss(history: Doubles, across: tuple[float, float]) -> Iterator[Item]:
    """Loss and average; what rises above three times the usual values is cut, so that the rest can be seen."""
    average, loss = history[:, 2], history[:, 1]
    settled = average[min(len(average) - 1, len(average) // 20) :]
    top = float(min(max(settled.max() * 1.2, 1e-6), np.max(loss) * 1.05 + 1e-9))
    marks = ticks(0, top)
    axes = Axes(LEFT, TOP, WIDTH, TALL, across, (0, marks[-1]))
    yield from axes.frame(_inside(ticks(*across), across), marks, "batch", "loss")
    yield from _line(axes, history[:, [0, 1]], PALE, 1)
    yield from _line(axes, history[:, [0, 2]], BLUE, 2)
    ends = [("average", BLUE, _place(axes, history[-1, [0, 2]])), ("loss", GREY, _place(axes, history[-1, [0, 1]]))]
    yield from end_labels(ends, LEFT + WIDTH + 16, TOP, TOP + TALL)


def _small(
    points: Doubles, name: str, color: str, y: float, across: tuple[float, float], marked: bool = False
) -> Iterator[Item]:
    top = float(points[:, 1].max()) or 1.0
    marks = [0.0, top / 2, top]
    axes = Axes(LEFT, y, WIDTH, LOW, across, (0, top))
    for mark in marks:
        left, right = axes.at(across[0], mark), axes.at(across[1], mark)
        yield Item(points=(left, right), color=PALE, stroke=1)
        yield Item(left[0] - 8, left[1] + 4, text=f"{mark:.3g}", size=12, color=GREY, anchor="end")
    yield Item(LEFT, y - 8, text=name, size=12, color=INK)
    if marked:
        yield from axes.curve([(float(x), float(value)) for x, value in points], color)
    else:
        yield from _line(axes, points, color, 2)


def _inside(marks: Sequence[float], across: tuple[float, float]) -> list[float]:
    return [mark for mark in marks if across[0] <= mark <= across[1]]


def _place(axes: Axes, point: Doubles) -> tuple[float, float]:
    """Where a point is on the page, cut at the top."""
    return axes.at(float(point[0]), min(max(float(point[1]), 0.0), axes.y_range[1]))


def _line(axes: Axes, points: Doubles, color: str, stroke: float) -> Iterator[Item]:
    step = -(-len(points) // MOST_POINTS)
    chosen = np.vstack([points[::step], points[-1:]])
    yield Item(points=tuple(_place(axes, point) for point in chosen), color=color, stroke=stroke)
