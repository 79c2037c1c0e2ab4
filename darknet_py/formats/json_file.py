"""JSON that others have written: every way in which it can be broken is one line with the file and the place."""

from __future__ import annotations

import json
import math
from pathlib import Path

from ..errors import DataError
from .binary import read_file

FARTHEST = 1e9
"""Numbers of pictures and boxes beyond it are none."""

_SHOWN = 60


def read_json(path: str | Path) -> object:
    """Read a file. Raises `DataError` if it cannot be read or is no JSON; where Python knows the line, with it."""
    try:
        return json.loads(read_file(path))
    except OSError as error:
        raise DataError(f"cannot read this file: {error.strerror or error}", path) from None
    except json.JSONDecodeError as error:
        raise DataError(f"is not JSON: {error.msg}", path, error.lineno) from None
    except RecursionError:
        raise DataError("is not JSON that anybody has written: it is nested too deeply", path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"is not JSON: its byte {error.start} is no {error.encoding}", path) from None
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"is not JSON that anybody has written: {str(error).partition(';')[0]}", path) from None


def shown(value: object) -> str:
    """A value for a message: short, and on one line."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of too many digits
        text = "too long to be shown"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def member(entry: object, key: str) -> object:
    """A field of an object. Raises ValueError if it has none, or is no object."""
    if not isinstance(entry, dict):
        raise ValueError(f"{shown(entry)} is no object with {key}")
    if key not in entry:
        raise ValueError(f"{key} is missing")
    return entry[key]


def items(value: object, what: str, count: int | None = None) -> list[object]:
    """A list, of so many. Raises ValueError if it is something else."""
    if not isinstance(value, list) or count not in (None, len(value)):
        raise ValueError(f"{what} is {shown(value)}, not a list" + ("" if count is None else f" of {count}"))
    return value


def number(value: object, what: str, least: float = -FARTHEST, most: float = FARTHEST) -> float:
    """A finite number in a range. Raises ValueError if it is something else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{what} is {shown(value)}, not a number")
    if not (math.isfinite(value) if isinstance(value, float) else True) or not least <= value <= most:
        raise ValueError(f"{what} is {shown(value)}, not from {least:g} to {most:g}")
    return float(value)


def text(value: object, what: str) -> str:
    """A text. Raises ValueError if it is something else."""
    if not isinstance(value, str):
        raise ValueError(f"{what} is {shown(value)}, not a text")
    return value


def printable_text(value: object, what: str) -> str:
    """A text that any output can take: halves of characters (JSON's backslash-u can make them) are question marks."""
    return text(value, what).encode("utf-8", "replace").decode("utf-8")
