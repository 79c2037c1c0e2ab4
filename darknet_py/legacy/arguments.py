"""Darknet's way with arguments: flags of one dash may stand anywhere, and what is left are positions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import DarknetError
from ..formats.text import exists
from .prompt import print_stderr

_INTEGER = re.compile(r"\s*([+-]?\d+)", re.ASCII)
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.ASCII)


class Arguments:
    """The words of a command line; each flag that is asked for is taken out (``find_arg`` and its like).

    Numbers are read as C reads them (``.25x`` is .25), but where C would read nothing and go on with 0, there is an
    error. A flag at the end whose value is missing counts for nothing, as in Darknet.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = [_as_darknets(word.rstrip("\r")) for word in words]  # a script with the line ends of Windows
        self.given: set[str] = set()
        """Flags that were found."""

    def flag(self, name: str) -> bool:
        """Whether the flag is there."""
        if name not in self.words:
            return False
        self.words.remove(name)
        self.given.add(name)
        return True

    def text(self, name: str) -> str | None:
        """The word after the flag; None without it."""
        if name not in self.words:
            return None
        place = self.words.index(name)
        if place + 1 == len(self.words):
            print_stderr(f"{name} has no value after it and is ignored")
            self.words.pop()
            return None
        value = self.words[place + 1]
        del self.words[place : place + 2]
        self.given.add(name)
        return value

    def integer(self, name: str, default: int) -> int:
        """A whole number (``find_int_arg``). Raises `DarknetError` if it is none."""
        value = self.text(name)
        return default if value is None else int(_number(name, value, _INTEGER))

    def number(self, name: str, default: float) -> float:
        """A number (``find_float_arg``). Raises `DarknetError` if it is none."""
        value = self.text(name)
        return default if value is None else float(_number(name, value, _NUMBER))

    def positions(self) -> list[str]:
        """What is left after all flags were asked for.

        Raises:
            DarknetError: a flag that was not asked for, which Darknet would take for a file.
        """
        for word in self.words:
            if re.match(r"--?[A-Za-z]", word) and not exists(word):
                raise DarknetError(f"unknown flag {word}; Darknet's flags are written -thresh .3 (--help lists them)")
        return self.words


def _as_darknets(word: str) -> str:
    """``--thresh``, as our own commands have it, is meant for ``-thresh``."""
    if re.fullmatch(r"--[A-Za-z_]+", word) and word != "--help" and not exists(word):
        return word[1:]
    return word


def _number(name: str, value: str, pattern: re.Pattern[str]) -> str:
    found = pattern.match(value)
    if found is None:
        raise DarknetError(f"{name} {value}: not a number")
    return found[1]
