"""A network at several input sizes, the paper's Table 3 by shape: as a table, and as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from ..chart import COLORS, GREY, Axes, Item, ticks, write_chart
from .report import Document, G, ms, percent

if TYPE_CHECKING:
    from .ceiling import Ceiling
    from .machine import Machine
    from .session import EngineTime, Result

PANELS = ((76.0, 84.0, 330.0, 290.0), (506.0, 84.0, 330.0, 290.0))
"""Where the two curves are: time, and images per second."""


def size_lines(results: Sequence[Result], ceiling: Ceiling) -> Iterator[str]:
    """One network's results, a line per size; other engines as multiples of our time."""
    first = results[0]
    threads = first.threads
    engines = list(dict.fromkeys(_label(engine) for result in results for engine in result.engines))
    yield (
        f"{first.network.path}: math {first.math}, {threads} thread{'s' * (threads > 1)}, weights: {first.weights}"
        + ("; engines: their time by ours" if engines else "")
    )
    yield ""
    heads = [f"{name:>{_width(name)}}" for name in engines]
    yield " ".join(
        [f"{'size':9} {'ms':>9} {'images/s':>9} {'G mult-adds':>12} {'GMAC/s':>8} {'of ceiling':>10}", *heads]
    )
    for result in results:
        shape, middle = result.network.input, median(result.seconds)
        by_name = {_label(engine): engine for engine in result.engines}
        cells = [
            f"{f'{shape.w}x{shape.h}':9} {ms(middle):>9} {1 / middle:>9.1f} {result.network.multiply_adds / G:>12.3f}",
            f"{result.speed / G:>8.1f} {percent(result.speed, ceiling.limit):>10}",
            *(f"{_ratio(by_name.get(name)):>{_width(name)}}" for name in engines),
        ]
        yield " ".join(cells)
    for result in results:
        for failure in result.failures:
            yield f"not measured at {result.network.input.w}x{result.network.input.h}: {failure}"


def _label(engine: EngineTime) -> str:
    return engine.name if engine.engine.startswith("darknet-py") else engine.engine


def _width(name: str) -> int:
    return max(12, len(name) + 1)


def _ratio(engine: EngineTime | None) -> str:
    if engine is None:
        return "-"
    return "other result" if engine.same is False else f"{median(engine.ratios):.2f}x"


def write_size_plot(document: Document, path: Path) -> None:
    """Draw a document's networks against their input size: time, and images per second (``.svg`` or ``.png``).

    An input that is not square stands at the side of the square of as many pixels.

    Raises:
        DarknetError: another kind of file.
    """
    curves: dict[str, list[tuple[float, float]]] = {}
    for network in document["networks"]:
        side = math.sqrt(network["input"][0] * network["input"][1])
        name = Path(network["cfg"]).stem
        entries = [(name, network["median"])]
        for engine in network["engines"]:
            own = engine["engine"].startswith("darknet-py")
            entries.append((f"{name}, {engine['name'] if own else engine['engine']}", engine["median"]))
        for label, seconds in entries:
            curves.setdefault(label, []).append((side, seconds))
    items = list(_items(document["machine"], {label: sorted(points) for label, points in curves.items()}))
    write_chart(items, 880, 450 + 20 * len(curves), path)


def _items(machine: Machine, curves: dict[str, list[tuple[float, float]]]) -> Iterator[Item]:
    yield Item(16, 28, text="Input size and speed (median)", size=16)
    yield Item(16, 48, text=f"{machine['processor']}, darknet-py {machine['versions']['darknet-py']}", color=GREY)
    times = {label: [(side, 1e3 * seconds) for side, seconds in points] for label, points in curves.items()}
    speeds = {label: [(side, 1 / seconds) for side, seconds in points] for label, points in curves.items()}
    for place, name, lines in zip(PANELS, ("ms per image", "images per second"), (times, speeds), strict=True):
        sides = sorted({side for points in lines.values() for side, _ in points})
        first, last = (sides[0] - 32, sides[0] + 32) if len(sides) == 1 else (sides[0], sides[-1])
        rows = ticks(0, max(value for points in lines.values() for _, value in points))
        axes = Axes(*place, (first, last), (rows[0], rows[-1]))
        step = -(-len(sides) // 8)
        yield from axes.frame([round(side) for side in sides[::step]], rows, "input size", name)
        for color, points in zip(cycle(COLORS), lines.values(), strict=False):
            yield from axes.curve(points, color)
    for number, (color, label) in enumerate(zip(cycle(COLORS), curves, strict=False)):
        y = 444 + 20 * number
        yield Item(76, y - 10, 18, 10, color=color)
        yield Item(102, y, text=label)
