"""The picture of an evaluation: precision against recall, and each class's average precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..chart import COLORS, GREY, INK, PALE, Axes, Item, end_labels, shortened, write_chart
from .average_precision import Curve, Evaluation
from .report import rule_of

MOST_COLOURED = 6
"""Of more classes only as many have a colour and a name at their curve: half of them the best, half the worst."""

OTHERS = "#cbd5e1", "#94a3b8"
"""The curves and bars of the other classes."""

TOP, PLOT = 100.0, 380.0
LEFT, NAMES, BARS = 76.0, 790.0, 170.0
"""Where the curves begin, where the bars begin (names stand before them), and how long 100% is."""

LONGEST = 21
"""Characters of a name for which there is room."""

ROW = 18.0
RECALLS = np.linspace(0, 1, 101)

Classes = Sequence[tuple[str, Curve]]
"""Class names with their curves, the best first."""


def write_plot(found: Evaluation, names: Sequence[str], title: str, path: Path) -> None:
    """Draw to a ``.svg`` or ``.png`` file, which appears at once and whole.

    Args:
        found: the evaluation.
        names: class names.
        title: what was evaluated.
        path: the file.

    Raises:
        DarknetError: another kind of file.
    """
    classes = sorted(
        ((name, curve) for name, curve in zip(names, found.curves, strict=True) if curve.truths),
        key=lambda row: (-row[1].average, row[0]),
    )
    mean = f"mAP@{found.iou_thresh:.2f} {found.mean_of_present:.1%} ({rule_of(found.points)})"
    few = len(classes) > MOST_COLOURED
    note = f"; in colour: the {MOST_COLOURED // 2} best and the {MOST_COLOURED // 2} worst classes" if few else ""
    items = [
        Item(16, 28, text=title, size=16),
        Item(16, 50, text=mean + note, color=GREY),
        *_curves(classes),
        *_bars(classes),
    ]  # fmt: skip
    height = max(TOP + PLOT + 60, TOP + ROW * len(classes) + 24)
    write_chart(items, NAMES + BARS + 70, height, path)


def _colour(number: int, classes: int) -> str | None:
    """The colour of a class's curve and bar by its place; None for one among many."""
    if classes > MOST_COLOURED and MOST_COLOURED // 2 <= number < classes - MOST_COLOURED // 2:
        return None
    return COLORS[number if number < MOST_COLOURED // 2 else number - max(0, classes - MOST_COLOURED)]


def _curves(classes: Classes) -> Iterator[Item]:
    axes = Axes(LEFT, TOP, PLOT, PLOT, (0, 1), (0, 1))
    steps = [0, 0.2, 0.4, 0.6, 0.8, 1]
    yield from axes.frame(steps, steps, "recall", "precision")
    ends = []
    coloured = []
    for number, (name, curve) in enumerate(classes):
        points, color = _stairs(axes, curve), _colour(number, len(classes))
        if color is None:
            yield Item(points=points, color=OTHERS[0], stroke=1)
            continue
        coloured.append(Item(points=points, color=color, stroke=2))
        if len(curve.recall):
            last = float(curve.recall[-1]), float(curve.precision[curve.recall == curve.recall[-1]].max())
            ends.append((shortened(name, LONGEST), color, axes.at(*last)))
    yield from coloured
    if len(classes) > 1:
        mean = np.mean([_at_recalls(curve) for _, curve in classes], axis=0)
        points = tuple(axes.at(x, y) for x, y in zip(RECALLS.tolist(), mean.tolist(), strict=True))
        yield Item(points=points, color=INK, stroke=3)
        ends.append(("mean of the classes", INK, points[-1]))
    yield from end_labels(ends, LEFT + PLOT + 26, TOP, TOP + PLOT)


def _stairs(axes: Axes, curve: Curve) -> tuple[tuple[float, float], ...]:
    """Precision as it was measured, from recall 0 to the greatest that was reached."""
    if not len(curve.recall):
        return (axes.at(0, 0), axes.at(0, 0))
    first = (0.0, float(curve.precision[0]))
    points = [first, *zip(curve.recall.tolist(), curve.precision.tolist(), strict=True)]
    return tuple(axes.at(*point) for point in dict.fromkeys(points))


def _at_recalls(curve: Curve) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The best precision at each of `RECALLS` or beyond it; 0 where it is not reached."""
    best = np.maximum.accumulate(curve.precision[::-1])[::-1]
    place = np.searchsorted(curve.recall, RECALLS, side="left")
    return np.append(best, 0.0)[np.minimum(place, len(best))]


def _bars(classes: Classes) -> Iterator[Item]:
    yield Item(NAMES, TOP - 14, text="average precision")
    for number, (name, curve) in enumerate(classes):
        y = TOP + ROW * number
        color = _colour(number, len(classes)) or OTHERS[1]
        yield Item(NAMES - 8, y + 13, text=shortened(name, LONGEST), size=12, anchor="end")
        yield Item(NAMES, y + 2, BARS, ROW - 5, color="#f3f4f6")
        yield Item(NAMES, y + 2, max(1.0, BARS * curve.average), ROW - 5, color=color)
        yield Item(NAMES + BARS + 8, y + 13, text=f"{curve.average:.1%}", size=12, color=INK)
    yield Item(points=((NAMES, TOP), (NAMES, TOP + ROW * len(classes))), color=PALE, stroke=1)
