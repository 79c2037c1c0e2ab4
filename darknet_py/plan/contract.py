"""What a kernel says about its arguments, read from its docstring: types, shapes, who writes what.

The grammar, in the section ``Args`` (a test reads that every kernel keeps it):

    name[, name...]: [written|updated|temporary] type[shape] [or more][, may be other][: text]

``type`` is float32, int64, ... for arrays (with a shape) and numbers, int, bool, or a class. Extents are Python
expressions of the arguments, of what the kernel's module has, of `SHARED`, and of ``workers``; ``count:pitch`` has its
parts ``pitch`` apart. Arrays are flat: a shape says how many values there are. ``written``: nothing is read that the
kernel has not written; ``updated``: also read; ``temporary``: the values are of no use before or afterwards. ``may be
other``: the two may be the same memory. In the section ``Requires`` stands, line by line, what must be true.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ..kernels.bf16.finish import is_pair_finish
from ..kernels.conv.activation import has_slope
from ..kernels.conv.cut import FILTERS, PIXELS, block_sides, count_images, covers_all, output_plane
from ..kernels.conv.epilogue import is_finish, is_plain
from ..kernels.conv.multiply import AHEAD
from ..kernels.conv.winograd_cut import count_tiled, parts_fit, tile_room, tiles_cover_all
from ..kernels.int8.finish import is_word_finish
from ..kernels.layers.activations import is_code
from ..kernels.runtime import work

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from ..kernels.runtime.work import PlanKernel
    from .step import Arguments


SHARED: dict[str, object] = {
    "AHEAD": AHEAD, "windows": work.windows, "is_code": is_code, "is_finish": is_finish, "is_plain": is_plain,
    "output_plane": output_plane,
    "FILTERS": FILTERS, "PIXELS": PIXELS, "block_sides": block_sides, "count_images": count_images,
    "covers_all": covers_all, "is_word_finish": is_word_finish, "is_pair_finish": is_pair_finish,
    "count_tiled": count_tiled, "tiles_cover_all": tiles_cover_all, "parts_fit": parts_fit, "tile_room": tile_room,
    "has_slope": has_slope.py_func,
}  # fmt: skip
"""What expressions may name in every kernel: its module need not import that for its docstring."""

_ENTRY = re.compile(r"(\w+(?:, \w+)*): (?:(written|updated|temporary) )?(\w+)(\*?)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Argument:
    """What a kernel says about an argument. ``role`` is read, written, updated or temporary; ``shape`` None: a value.

    ``shape`` has for each dimension the expressions of its extent and, if it is given, of its pitch.
    """

    name: str
    role: str
    type: str
    shape: tuple[tuple[str, str | None], ...] | None
    at_least: bool
    may_be: str | None


@dataclass(frozen=True)
class Contract:
    """What a kernel says about all its arguments."""

    arguments: dict[str, Argument]
    requires: tuple[str, ...]


@cache
def read_contract(function: Callable[..., None]) -> Contract:
    """The contract of a kernel's Python function. Raises `ValueError` for a line outside of the grammar."""
    sections = _sections(inspect.getdoc(function) or "")
    arguments: dict[str, Argument] = {}
    for entry in sections["Args"]:
        for argument in _read_entry(entry):
            if argument.name in arguments:
                raise ValueError(f"{function.__name__}: two lines for {argument.name}")
            arguments[argument.name] = argument
    return Contract(arguments, tuple(sections["Requires"]))


def _sections(text: str) -> dict[str, list[str]]:
    """Entries of the sections, the lines of each joined."""
    sections: dict[str, list[str]] = {"Args": [], "Requires": []}
    entries: list[str] = []
    for line in text.split("\n"):
        if line.rstrip(":") in sections and line.endswith(":"):
            entries = sections[line.rstrip(":")]
        elif line.startswith("        ") and entries:
            entries[-1] += " " + line.strip()
        elif line.startswith("    "):
            entries.append(line.strip())
        else:
            entries = []
    return sections


def _read_entry(entry: str) -> list[Argument]:
    match = _ENTRY.fullmatch(entry)
    if not match:
        raise ValueError(f"not a line about arguments: {entry}")
    names, role, type_, pointer, rest = match.groups()
    shape = None
    if rest.startswith("["):
        end = _closing(rest)
        shape, rest = tuple(map(_dimension, _split(rest[1:end], ","))), rest[end + 1 :]
    facts = rest.split(": ")[0]
    may_be = re.search(r"may be (\w+)", facts)
    return [
        Argument(name, role or "read", type_ + pointer, shape, " or more" in facts, may_be[1] if may_be else None)
        for name in names.split(", ")
    ]


def _closing(text: str) -> int:
    """Where the bracket ends that a text starts with."""
    depth = 0
    for i, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0:
            return i
    raise ValueError(f"no bracket ends {text}")


def _split(text: str, separator: str) -> list[str]:
    """Parts between separators that stand in no bracket."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _dimension(text: str) -> tuple[str, str | None]:
    extent, *pitch = _split(text, ":")
    return extent, pitch[0] if pitch else None


def evaluate(expression: str, kernel: PlanKernel, arguments: Arguments, workers: int) -> Any:
    """The value of an expression of a contract, for a step's arguments."""
    names = {**SHARED, **kernel.py_func.__globals__, **arguments, work.WORKERS: workers}
    return eval(_compiled(expression), names)


@cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, f"<{expression}>", "eval")


def blocks(
    argument: Argument, kernel: PlanKernel, arguments: Arguments, workers: int
) -> tuple[int, list[tuple[int, int]]]:
    """How many values an array has to have, and first and end of those that a kernel touches.

    Raises:
        ValueError: parts of it would overlap.
    """
    assert argument.shape is not None
    inner, parts = 1, [(0, 1)]
    for extent, pitch in reversed(argument.shape):
        count = int(evaluate(extent, kernel, arguments, workers))
        step = int(evaluate(pitch, kernel, arguments, workers)) if pitch else inner
        if count > 1 and step < inner:
            raise ValueError(f"{count} parts of {inner} values are {step} apart")
        first = parts[-1] if parts else (0, 0)
        one = (first[0], inner)
        inner = (count - 1) * step + inner if count > 0 else 0
        parts = [(i * step, i * step + one[1]) for i in range(count)] if pitch else [(0, inner)]
    return inner, [part for part in parts if part[0] < part[1]]
