"""Whose Darknet a cfg is for: no option names it, but it shows in options and sections that only one of them has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CfgError, DarknetError
from . import ALEXEYAB, AUTO, DIALECTS, PJREDDIE
from .rows import Dialect

if TYPE_CHECKING:
    from ..formats.cfg import Section


_IN_EVERYBODYS = {("rnn", "hidden")}
"""Kinds of section and options that pjreddie's own files have, though only AlexeyAB's Darknet reads them."""


ASKED = "as asked for"
"""The reason where somebody named the dialect."""


class Choice(NamedTuple):
    """A dialect, and what decided for it."""

    dialect: Dialect
    reason: str


def choose(sections: Sequence[Section], wanted: str, path: str) -> Choice:
    """The dialect of a file.

    Args:
        sections: of the file, ``[net]`` first.
        wanted: a dialect's key; ``auto``: AlexeyAB's if anything in the file is his alone, else pjreddie's.
        path: the file, for errors.

    Raises:
        CfgError: with ``auto``, something in the file is pjreddie's alone, something else AlexeyAB's.
        DarknetError: there is no dialect of that name.
    """
    if wanted != AUTO:
        if wanted not in DIALECTS:
            raise DarknetError(f"dialect={wanted}: choose from {AUTO}, {', '.join(DIALECTS)}")
        return Choice(DIALECTS[wanted], ASKED)
    his = _alone(sections, ALEXEYAB, PJREDDIE)
    if his is None:
        return Choice(PJREDDIE, f"nothing in it is {ALEXEYAB.name}'s alone")
    other = _alone(sections, PJREDDIE, ALEXEYAB)
    if other is not None:
        raise CfgError(
            f"{other.reason}, but line {his.line}: {his.reason}: say for which one it is (dialect darknet or alexeyab)",
            path, other.line,
        )  # fmt: skip
    return Choice(ALEXEYAB, f"line {his.line}: {his.reason}")


class _Sign(NamedTuple):
    line: int
    reason: str


def _alone(sections: Sequence[Section], one: Dialect, other: Dialect) -> _Sign | None:
    """The first thing in a file that only one of two dialects has; what both ignore does not count."""
    for section in sections:
        if section.name in one.sections and section.name not in other.sections:
            return _Sign(section.line, f"only {one.name} has [{section.name}]")
        for option in section.options:
            key, value = option.key, option.value
            if key == "activation" and value in one.activations and value not in other.activations:
                return _Sign(option.line, f"only {one.name} has activation={value}")
            if one.find(section.kind, key) is None and (one is PJREDDIE or not one.reads(section.kind, key)):
                continue  # of pjreddie's, what only training reads decides nothing: his cfgs went into everybody's
            if not other.reads(section.kind, key) and (section.kind, key) not in _IN_EVERYBODYS:
                return _Sign(option.line, f"only {one.name} reads {key} in [{section.name}]")
            if key == "from" and "," in value and one is ALEXEYAB:
                return _Sign(option.line, f"only {one.name} adds several layers")
    return None
