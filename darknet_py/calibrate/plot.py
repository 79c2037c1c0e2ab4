"""The picture of a report: signal to noise of each layer, and each layer's share of the noise at the heads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..chart import BLUE, GREY, PALE, RED, Axes, Item, shortened, ticks, write_chart

if TYPE_CHECKING:
    from .report import Report, Row

WIDTH, HEIGHT = 900, 560

_LEFT, _RIGHT = 80, 30


def write_plot(report: Report, path: Path) -> None:
    """Draw it to a .svg or .png file. Raises `DarknetError` if that cannot be."""
    write_chart(list(_items(report)), WIDTH, HEIGHT, path)


def _items(report: Report) -> Iterator[Item]:
    own = report.agreement
    name = shortened(Path(report.network).stem, 40)
    yield Item(_LEFT - 56, 30, text=f"{name} in 8-bit integers, against float32", size=17)
    yield Item(
        _LEFT - 56, 52, color=GREY,
        text=f"{own.images} pictures: mAP@.5 {own.at_half:.3f}, mAP@.5:.95 {own.mean:.3f}, "
             f"{own.objects} objects, {own.lost} lost, {own.found} found besides",
    )  # fmt: skip
    last = max(len(report.rows) - 1, 1)
    wide = WIDTH - _LEFT - _RIGHT
    yield from _signals(report, Axes(_LEFT, 110, wide, 190, (-0.5, last + 0.5), _range(report)))
    yield from _harms(report, Axes(_LEFT, 370, wide, 130, (-0.5, last + 0.5), (0, _most_harm(report))))


def _range(report: Report) -> tuple[float, float]:
    values = [value for row in report.rows for value in (row.signal, row.rounding) if math.isfinite(value)]
    marks = ticks(min([0.0, *values]), max([10.0, *values]), 5)
    return marks[0], marks[-1]


def _most_harm(report: Report) -> float:
    return ticks(0, 100 * max([0.05, *(row.harm or 0 for row in report.rows)]), 4)[-1]


def _numbers(report: Report) -> list[float]:
    last = max(len(report.rows) - 1, 1)
    return [value for value in ticks(0, last, 10) if value <= last and value == round(value)]


def _signals(report: Report, axes: Axes) -> Iterator[Item]:
    """Two points for each layer: of its own rounding, and of everything so far."""
    marks = ticks(*axes.y_range, 5)
    yield from axes.frame(_numbers(report), marks, "", "signal to noise, dB")
    legend = axes.x + 170
    for text, color in (
        ("of its own 256 levels", GREY),
        ("int8 layer", BLUE),
        ("layer kept in float32", RED),
        ("other layer", PALE),
    ):
        yield Item(legend, axes.y - 23, 9, 9, color=color)
        yield Item(legend + 15, axes.y - 14, text=text, color=GREY)
        legend += 35 + 7.2 * len(text)
    for row in report.rows:
        if math.isfinite(row.rounding):
            x, y = axes.at(row.layer, row.rounding)
            yield Item(x - 2, y - 2, 4, 4, color=GREY)
        if math.isfinite(row.signal):
            x, y = axes.at(row.layer, row.signal)
            yield Item(x - 3, y - 3, 6, 6, color=_color(row))


def _harms(report: Report, axes: Axes) -> Iterator[Item]:
    """A bar for each layer whose output is rounded; the worst have their numbers."""
    marks = ticks(*axes.y_range, 4)
    yield from axes.frame(_numbers(report), marks, "layer", "share of the noise at the heads, if rounded alone", "%")
    width = max(2.0, 0.7 * axes.width / max(len(report.rows), 1))
    width = min(width, 24.0)
    for row in report.rows:
        if row.harm is None:
            continue
        x, y = axes.at(row.layer, 100 * row.harm)
        yield Item(x - width / 2, y, width, max(axes.y + axes.height - y, 0.5), color=_color(row))
    for row in report.worst[:3]:
        x, y = axes.at(row.layer, 100 * (row.harm or 0))
        yield Item(x, y - 5, text=str(row.layer), size=12, color=GREY, anchor="middle")


def _color(row: Row) -> str:
    return BLUE if row.integer else RED if row.harm is not None else PALE
