"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

UNIT = click.FloatRange(0.0, 1.0)


def thresholds(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--thresh --hier-thresh --nms``, with the defaults of Darknet's head."""
    for option in (
        click.option("--nms", type=UNIT, default=0.45, show_default=True,
                     help="Greatest overlap (IoU) of two boxes of a class; 0 keeps all boxes."),
        click.option("--hier-thresh", type=UNIT, default=0.5, show_default=True,
                     help="Least probability for going down to the children of a WordTree node."),
        click.option("--thresh", type=UNIT, default=0.5, show_default=True, help="Least probability of a detection."),
    ):  # fmt: skip
        command = option(command)
    return command


def engine(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--threads --math``."""
    for option in (
        click.option("--math", "math", default="ieee", show_default=True,
                     help="Arithmetic: ieee (as Darknet's source says)."),
        click.option("--threads", type=click.IntRange(1, 1024), help="Worker threads [default: all usable cores]."),
    ):  # fmt: skip
        command = option(command)
    return command


def write_json(target: str, document: Any) -> None:
    """Write JSON to a file, at once and whole, or to standard output for ``-``."""
    text = json.dumps(document, indent=1)
    if target == "-":
        click.echo(text)
        return
    path = Path(target)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
