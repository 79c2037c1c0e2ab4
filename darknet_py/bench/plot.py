"""A bar chart of a benchmark's document: SVG written here, PNG drawn with Pillow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..errors import DarknetError
from ..formats.atomic import whole_file

BAR, GAP, HEAD, LEFT, WIDTH, RIGHT = 22, 6, 34, 300, 480, 150
"""Pixels: a bar, the room behind it, a network's heading, and the three columns."""

OURS, THEIRS, INK, GREY = "#2563eb", "#b8c0cc", "#111827", "#6b7280"


@dataclass(frozen=True)
class Item:
    """A rectangle (``text`` empty) or a line of text. Texts stand on ``y`` and start or end at ``x``."""

    x: float
    y: float
    width: float = 0.0
    height: float = 0.0
    text: str = ""
    size: int = 13
    color: str = INK
    anchor: str = "start"


def write_plot(document: dict[str, Any], path: Path) -> None:
    """Draw a document's networks, each with a bar per engine, to a ``.svg`` or ``.png`` file.

    Raises:
        DarknetError: another kind of file.
    """
    draw = writer(path)
    items = list(_items(document))
    height = max(item.y + item.height for item in items) + 16
    with whole_file(path) as part:
        draw(items, LEFT + WIDTH + RIGHT, height, part)


def writer(path: Path) -> Callable[[list[Item], float, float, Path], None]:
    """What draws to a file of that name; `DarknetError` if nothing does."""
    kinds = {".svg": _write_svg, ".png": _write_png}
    if path.suffix.lower() not in kinds:
        raise DarknetError(f"{path}: a plot is written as .svg or .png")
    return kinds[path.suffix.lower()]


def _items(document: dict[str, Any]) -> Iterator[Item]:
    machine = document["machine"]
    yield Item(16, 26, text="Time per image in milliseconds (median; less is better)", size=16)
    yield Item(16, 46, text=f"{machine['processor']}, darknet-py {machine['versions']['darknet-py']}", color=GREY)
    y = 62.0
    for network in document["networks"]:
        width, height, _ = network["input"]
        yield Item(16, y + 20, text=f"{Path(network['cfg']).stem}, {width}x{height}", size=14)
        y += HEAD
        bars = [(f"darknet-py, math {network['math']}", network["threads"], network["median"], OURS, "")]
        for engine in network["engines"]:
            note = f"  {engine['ratio']:.2f}x" if engine["same"] is not False else "  another result"
            bars.append((engine["engine"], engine["threads"], engine["median"], THEIRS, note))
        longest = max(seconds for _, _, seconds, _, _ in bars)
        for name, threads, seconds, color, note in bars:
            length = WIDTH * seconds / longest
            label = f"{name} ({threads} thread{'s' * (threads > 1)})"
            yield Item(LEFT - 8, y + 16, text=label, anchor="end")
            yield Item(LEFT, y, length, BAR, color=color)
            yield Item(LEFT + length + 6, y + 16, text=f"{seconds * 1e3:.1f}{note}")
            y += BAR + GAP
        y += GAP


def _write_svg(items: list[Item], width: float, height: float, path: Path) -> None:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for item in items:
        if item.text:
            lines.append(
                f'<text x="{item.x:.1f}" y="{item.y:.1f}" font-size="{item.size}" fill="{item.color}" '
                f'text-anchor="{item.anchor}">{escape(item.text)}</text>'
            )
        else:
            lines.append(
                f'<rect x="{item.x:.1f}" y="{item.y:.1f}" width="{item.width:.1f}" height="{item.height:.1f}" '
                f'fill="{item.color}"/>'
            )
    path.write_text("\n".join([*lines, "</svg>", ""]), encoding="utf-8")


def _write_png(items: list[Item], width: float, height: float, path: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (round(width), round(height)), "white")
    draw = ImageDraw.Draw(picture)
    for item in items:
        if item.text:
            anchor = "ls" if item.anchor == "start" else "rs"
            draw.text((item.x, item.y), item.text, item.color, ImageFont.load_default(item.size), anchor=anchor)
        else:
            draw.rectangle((item.x, item.y, item.x + item.width, item.y + item.height), item.color)
    picture.save(path, "PNG")
