"""Detections of many images as the JSON array that Darknet pipelines read (``-out`` of AlexeyAB's Darknet)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..formats.atomic import write_text
from ..formats.text import as_unicode

if TYPE_CHECKING:
    from ..detect.detections import Detections


def frame(found: Detections, number: int, filename: str) -> dict[str, Any]:
    """The entry of one image.

    Args:
        found: its detections.
        number: ``frame_id``, from 1.
        filename: as it was given.
    """
    return {"frame_id": number, "filename": filename, "objects": found.to_json()}


def to_text(frames: Iterable[dict[str, Any]]) -> str:
    """The JSON array of `frame` entries, an object per line."""
    return "[\n" + ",\n".join(map(_frame_text, frames)) + "\n]\n"


def write_json(target: str | Path, frames: Iterable[dict[str, Any]]) -> None:
    """Write the JSON array of `frame` entries to a file, at once and whole, or to standard output for ``-``.

    Raises:
        DarknetError: the file cannot be written.
    """
    text = to_text(frames)
    if str(target) == "-":
        sys.stdout.write(text)
        return
    write_text(target, text)


def unicode_only(value: Any) -> Any:
    """A document whose strings any JSON reader takes: those that are bytes and not UTF-8 as Latin-1 (`as_unicode`)."""
    if isinstance(value, str):
        return as_unicode(value)
    if isinstance(value, dict):
        return {key: unicode_only(entry) for key, entry in value.items()}
    return [unicode_only(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _frame_text(entry: dict[str, Any]) -> str:
    # Plain ASCII, other characters escaped: terminals may know fewer characters.
    entry = unicode_only(entry)
    head = json.dumps({"frame_id": entry["frame_id"], "filename": entry["filename"]})
    objects = ",\n".join("  " + json.dumps(found, allow_nan=False) for found in entry["objects"])
    return f' {head[:-1]}, "objects": [' + (f"\n{objects}\n ]}}" if objects else "]}")
