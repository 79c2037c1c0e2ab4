"""The picture of the paper's Figure 2: average IoU against the number of anchors, and the anchors drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..chart import BLUE, GREY, PALE, RED, Axes, Item, ticks, write_chart

if TYPE_CHECKING:
    from .search import Anchors
    from .target import Target

WIDTH, HEIGHT = 860, 450
CURVE = (76.0, 74.0, 340.0, 290.0)
SQUARE = (500.0, 60.0, 320.0)
"""Where the curve is, and (x, y, longer side) the network's input."""


def write_plot(
    path: Path, curve: Sequence[tuple[int, float]], found: Anchors, target: Target, title: str,
    theirs: tuple[str, Anchors] | None = None,
) -> None:  # fmt: skip
    """Draw to a ``.svg`` or ``.png`` file.

    Args:
        path: the file.
        curve: (k, average IoU) by k.
        found: the anchors to be drawn.
        target: what they are for.
        title: what the boxes are.
        theirs: name and anchors of a cfg to compare with.

    Raises:
        DarknetError: another kind of file.
    """
    items = [
        Item(16, 28, text=title, size=16),
        *_curve(curve, len(found.values), theirs),
        *_boxes(found, target, theirs),
    ]
    write_chart(items, WIDTH, HEIGHT, path)


def _curve(curve: Sequence[tuple[int, float]], chosen: int, theirs: tuple[str, Anchors] | None) -> Iterator[Item]:
    points = [(float(k), 100 * value) for k, value in curve]
    others = [(float(len(theirs[1].values)), 100 * theirs[1].average_iou)] if theirs else []
    levels = [value for _, value in [*points, *others]]
    rows = ticks(min(levels), max(levels))
    first, last = points[0][0], points[-1][0]
    first, last = (first - 1, last + 1) if first == last else (first, last)
    axes = Axes(*CURVE, (first, last), (rows[0], rows[-1]))
    step = max(1, -(-len(points) // 15))
    yield from axes.frame([k for k, _ in points[::step]], rows, "number of anchors", "average IoU", "%")
    yield from axes.curve(points)
    for k, value in points:
        if k == chosen:
            x, y = axes.at(k, value)
            yield Item(x - 6, y - 6, 12, 12, color=BLUE, stroke=2)
    for k, value in others:
        if first <= k <= last:
            x, y = axes.at(k, value)
            yield Item(x - 4, y - 4, 8, 8, color=RED)


def _boxes(found: Anchors, target: Target, theirs: tuple[str, Anchors] | None) -> Iterator[Item]:
    left, top, side = SQUARE
    unit = side / max(target.width, target.height)
    width, height = target.width * unit, target.height * unit
    yield Item(left, top, width, height, color=PALE, stroke=1)
    lists = [(found, BLUE)] if theirs is None else [(theirs[1], RED), (found, BLUE)]
    for anchors, color in lists:
        for w, h in (anchors.values / target.scale).tolist():
            own_width, own_height = w * width, h * height
            x, y = left + (width - own_width) / 2, top + (height - own_height) / 2
            yield Item(x, y, own_width, own_height, color=color, stroke=2)
    y = top + height + 18
    yield Item(left, y, text=f"input {target.width}x{target.height}", size=12, color=GREY)
    label = f"{len(found.values)} anchors, average IoU {found.average_iou:.1%}"
    yield Item(left, y + 20, text=label, color=BLUE)
    if theirs:
        name, other = theirs
        label = f"{Path(name).name}: {len(other.values)} anchors, average IoU {other.average_iou:.1%}"
        yield Item(left, y + 38, text=label, color=RED)
