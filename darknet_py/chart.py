"""Charts without a plotting package: shapes and texts, written as SVG here or drawn as PNG with Pillow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from .errors import DarknetError, FileError
from .formats.atomic import whole_file
from .formats.text import as_unicode
from .terminal import one_line

BLUE, RED, INK, GREY, PALE = "#2563eb", "#dc2626", "#111827", "#6b7280", "#d1d5db"

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a3d9a", "#6b7280")
"""Of curves that stand side by side: distinguishable without seeing red or green (Okabe and Ito's, and two more)."""

SCALE = 2
"""Pixels of a PNG per unit of the chart."""


@dataclass(frozen=True)
class Item:
    """A text (``text``), a line through ``points``, or a rectangle, filled or (``stroke``) outlined.

    Texts stand on ``y`` and start, end or have their middle at ``x``. Rectangles and lines have no text.
    """

    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    text: str = ""
    size: int = 13
    color: str = INK
    anchor: str = "start"
    points: tuple[tuple[float, float], ...] = ()
    stroke: float = 0.0


@dataclass(frozen=True)
class Axes:
    """A rectangle of the page, and the values at its edges."""

    x: float
    y: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where the point of these values is on the page."""
        across = (x - self.x_range[0]) / (self.x_range[1] - self.x_range[0])
        up = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        return self.x + across * self.width, self.y + (1 - up) * self.height

    def frame(
        self, x_ticks: Sequence[float], y_ticks: Sequence[float], x_name: str, y_name: str, unit: str = ""
    ) -> Iterator[Item]:
        """Grid lines, the numbers beside them, and what they are of; ``unit`` follows the numbers of y."""
        for tick in y_ticks:
            (left, y), (right, _) = self.at(self.x_range[0], tick), self.at(self.x_range[1], tick)
            yield Item(points=((left, y), (right, y)), color=PALE, stroke=1)
            yield Item(left - 8, y + 4, text=f"{tick:g}{unit}", size=12, color=GREY, anchor="end")
        bottom = self.y + self.height
        for tick in x_ticks:
            x, _ = self.at(tick, self.y_range[0])
            yield Item(x, bottom + 18, text=f"{tick:g}", size=12, color=GREY, anchor="middle")
        yield Item(points=((self.x, bottom), (self.x + self.width, bottom)), color=INK, stroke=1)
        yield Item(self.x + self.width / 2, bottom + 40, text=x_name, anchor="middle")
        yield Item(self.x - 40, self.y - 14, text=y_name)

    def curve(self, points: Sequence[tuple[float, float]], color: str = BLUE) -> Iterator[Item]:
        """A line through points, which are marked."""
        positions = tuple(self.at(*point) for point in points)
        if len(positions) > 1:
            yield Item(points=positions, color=color, stroke=2)
        for x, y in positions:
            yield Item(x - 3, y - 3, 6, 6, color=color)


def end_labels(
    ends: Sequence[tuple[str, str, tuple[float, float]]], x: float, top: float, bottom: float
) -> Iterator[Item]:
    """Each curve's name at its end, in its colour, one below the other, with a thin line that leads there.

    Args:
        ends: name, colour, and where the curve ends on the page.
        x: where the names begin, right of all ends.
        top, bottom: between which they stand, if there is room.
    """
    gap = 15.0
    rows = sorted(ends, key=lambda end: end[2][1])
    positions = [min(max(end[2][1], top), bottom) for end in rows]
    for i in range(1, len(positions)):
        positions[i] = max(positions[i], positions[i - 1] + gap)
    limit = max(bottom, top + gap * (len(positions) - 1))
    for i in reversed(range(len(positions))):
        positions[i] = min(positions[i], limit)
        limit = positions[i] - gap
    for (name, color, (end_x, end_y)), y in zip(rows, positions, strict=True):
        yield Item(end_x - 3, end_y - 3, 6, 6, color=color)
        yield Item(points=((end_x, end_y), (x - 4, y)), color=color, stroke=0.75)
        yield Item(x, y + 4, text=name, size=12, color=color)


def shortened(text: str, most: int) -> str:
    """A text of at most that many characters, with an ellipsis where it was cut."""
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def ticks(low: float, high: float, count: int = 6) -> list[float]:
    """About ``count`` round numbers, the first not above ``low`` and the last not below ``high``."""
    raw = max(high - low, 1e-9) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, max(last, first + 1) + 1)]


def writer(path: Path) -> Callable[[Sequence[Item], float, float, Path], None]:
    """What draws to a file of that name; `DarknetError` if nothing does."""
    kinds = {".svg": _write_svg, ".png": _write_png}
    if path.suffix.lower() not in kinds:
        raise DarknetError(f"{path}: a plot is written as .svg or .png")
    return kinds[path.suffix.lower()]


def write_chart(items: Sequence[Item], width: float, height: float, path: Path) -> None:
    """Draw to a ``.svg`` or ``.png`` file, which appears at once and whole.

    Raises:
        DarknetError: another kind of file, or it cannot be written.
    """
    draw = writer(path)
    items = [replace(item, text=as_unicode(item.text)) for item in items]
    try:
        with whole_file(path) as part:
            draw(items, width, height, part)
    except OSError as error:
        raise FileError(f"cannot be written: {error.strerror or error}", path) from None


def _write_svg(items: Sequence[Item], width: float, height: float, path: Path) -> None:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
        *(_svg(item) for item in items),
    ]
    path.write_text("\n".join([*lines, "</svg>", ""]), encoding="utf-8")


def _svg(item: Item) -> str:
    if item.text:
        return (
            f'<text x="{item.x:.1f}" y="{item.y:.1f}" font-size="{item.size}" fill="{item.color}" '
            f'text-anchor="{item.anchor}">{escape(one_line(item.text))}</text>'
        )
    color = f'fill="none" stroke="{item.color}" stroke-width="{item.stroke:g}"' if item.stroke else ""
    if item.points:
        return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in item.points)}" {color}/>'
    return (
        f'<rect x="{item.x:.1f}" y="{item.y:.1f}" width="{item.width:.1f}" height="{item.height:.1f}" '
        + (color or f'fill="{item.color}"')
        + "/>"
    )


def _write_png(items: Sequence[Item], width: float, height: float, path: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    from .image.label import writable

    # Shapes are drawn twice as large and reduced, so that lines are smooth; then the texts.
    large = Image.new("RGB", (round(width) * 2 * SCALE, round(height) * 2 * SCALE), "white")
    draw = ImageDraw.Draw(large)
    for item in items:
        if not item.text:
            _draw_shape(draw, item, 2 * SCALE)
    picture = large.reduce(2)
    draw = ImageDraw.Draw(picture)
    for item in items:
        if item.text:
            font = ImageFont.load_default(item.size * SCALE)
            anchor = {"start": "ls", "middle": "ms", "end": "rs"}[item.anchor]
            draw.text((item.x * SCALE, item.y * SCALE), writable(one_line(item.text)), item.color, font, anchor=anchor)
    picture.save(path, "PNG")


def _draw_shape(draw: object, item: Item, scale: int) -> None:
    width = max(1, round(item.stroke * scale))
    if item.points:
        points = [(x * scale, y * scale) for x, y in item.points]
        draw.line(points, item.color, width, joint="curve")  # type: ignore[attr-defined]
        return
    corners = [item.x, item.y, item.x + item.width, item.y + item.height]
    corners = [corner * scale for corner in corners]
    if item.stroke:
        draw.rectangle(corners, outline=item.color, width=width)  # type: ignore[attr-defined]
    else:
        draw.rectangle(corners, item.color)  # type: ignore[attr-defined]
