"""A bar chart of a benchmark's document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..chart import BLUE, GREY, Item, write_chart

BAR, GAP, HEAD, LEFT, WIDTH, RIGHT = 22, 6, 34, 370, 480, 150
"""Pixels: a bar, the room behind it, a network's heading, and the three columns."""

OTHER = " *"
"""Marks an engine that does not give the network's result."""

OURS, ALSO_OURS, THEIRS = BLUE, "#93b4f5", "#b8c0cc"


def write_plot(document: dict[str, Any], path: Path) -> None:
    """Draw a document's networks, each with a bar per engine, to a ``.svg`` or ``.png`` file.

    Raises:
        DarknetError: another kind of file.
    """
    items = list(_items(document))
    height = max(item.y + item.height for item in items) + 16
    write_chart(items, LEFT + WIDTH + RIGHT, height, path)


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
            note = f"  {engine['ratio']:.2f}x{OTHER if engine['same'] is False else ''}"
            color = ALSO_OURS if engine["engine"].startswith("darknet-py") else THEIRS
            bars.append((engine["engine"], engine["threads"], engine["median"], color, note))
        longest = max(seconds for _, _, seconds, _, _ in bars)
        for name, threads, seconds, color, note in bars:
            length = WIDTH * seconds / longest
            label = f"{name} ({threads} thread{'s' * (threads > 1)})"
            yield Item(LEFT - 8, y + 16, text=label, anchor="end")
            yield Item(LEFT, y, length, BAR, color=color)
            yield Item(LEFT + length + 6, y + 16, text=f"{seconds * 1e3:.1f}{note}")
            y += BAR + GAP
        y += GAP
    if any(engine["same"] is False for network in document["networks"] for engine in network["engines"]):
        yield Item(16, y + 16, text=f"{OTHER.strip()} its result is another one", color=GREY)
