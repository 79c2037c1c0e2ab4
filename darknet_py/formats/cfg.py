"""Darknet's ``.cfg`` files: text -> sections with options that know their line (``read_cfg``, ``option_list.c``)."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ..dialect import ALEXEYAB, AUTO, DIALECTS, PJREDDIE, Dialect
from ..dialect.choose import choose
from ..errors import CfgError, DataError, warn
from .binary import read_start, why_no_cfg
from .text import decode_text

KINDS: dict[str, str] = {**ALEXEYAB.sections, **PJREDDIE.sections}
"""Name of a section in any dialect -> its canonical name (Darknet's ``string_to_layer_type``)."""

LARGEST = 64_000_000
"""Most bytes of a cfg file; the largest that is known has 200 kB."""

_REMOVED = str.maketrans("", "", " \t\r\n")
_COMMENT = re.compile("[#;]")
_SPACED_COMMENT = re.compile(r"\s[#;]")
_FILES = ("tree", "map")
"""Options that name files: in a name, # and ; are characters like others, so a comment needs a blank before it."""

_INTEGER = re.compile(r"[\v\f]*([+-]?)0*([0-9]+)")
_HEXADECIMAL = re.compile(
    r"[\v\f]*([+-]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?)", re.IGNORECASE | re.ASCII
)
_DECIMAL = re.compile(
    r"[\v\f]*([+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|infinity|inf|nan))", re.IGNORECASE | re.ASCII
)
_MORE_NUMBERS = re.compile(r";[+-]?\.?[0-9][^,]*,")
_INFINITY = re.compile(r"[\v\f]*[+-]?inf", re.IGNORECASE)


@dataclass
class Option:
    """``key=value`` at a line; ``used`` once a layer has read it; ``comment``: the rest of the line from # or ; on."""

    key: str
    value: str
    line: int
    comment: str = ""
    used: bool = False


@dataclass
class Section:
    """A section: its canonical ``kind``, its ``name`` as written, and its options.

    Of two equal keys the first counts. Numbers are read as C's ``atoi`` and ``atof`` do (what follows the number is
    ignored), but a value without any number is an error. ``dialect``: whose options count. ``bare``: words without
    ``=`` and their lines.
    """

    kind: str
    name: str
    line: int
    path: str
    options: list[Option] = field(default_factory=list)
    dialect: Dialect = PJREDDIE
    bare: dict[str, int] = field(default_factory=dict)
    warned: set[str] = field(default_factory=set, compare=False, repr=False)

    def error(self, message: str, key: str | None = None) -> CfgError:
        """An error at the line of option ``key``, or of the section."""
        option = self._peek(key) if key else None
        return CfgError(message, self.path, option.line if option else self.line)

    def _peek(self, key: str) -> Option | None:
        return next((option for option in self.options if option.key == key), None)

    def find_option(self, key: str) -> Option | None:
        option = self._peek(key)
        if option is None or self.is_of_another(key):
            return None
        option.used = True
        return option

    def is_of_another(self, key: str) -> bool:
        """Whether another dialect than the section's own reads the option: then it is as if it were not there."""
        if self.dialect.reads(self.kind, key):
            return False
        return any(other.reads(self.kind, key) for other in DIALECTS.values())

    def has(self, key: str) -> bool:
        """Whether the section has the option; does not count as reading it."""
        return self._peek(key) is not None

    def value(self, key: str) -> str | None:
        """The option's text, or None without the option; does not count as reading it."""
        option = self._peek(key)
        return None if option is None else option.value

    def mark_used(self, keys: Collection[str]) -> None:
        """Count these options as read, whatever they hold."""
        for option in {option.key: option for option in reversed(self.options)}.values():
            option.used = option.used or option.key in keys

    def warn(self, message: str, key: str) -> None:
        """A `DarknetWarning` at the line of option ``key``, or of the section; once, however often it is parsed."""
        if message not in self.warned:
            self.warned.add(message)
            option = self._peek(key)
            warn(message, self.path, option.line if option else self.line)

    def find_str(self, key: str, default: str) -> str:
        """The option's text."""
        option = self.find_option(key)
        return default if option is None else option.value

    def find_int(self, key: str, default: int) -> int:
        """The option as a C int: ``3abc`` is 3, and ``1e3`` is 1."""
        option = self.find_option(key)
        return default if option is None else self._to_int(option, option.value)

    def find_float(self, key: str, default: float) -> float:
        """The option as a C float: the double that is written, rounded to float32."""
        option = self.find_option(key)
        return to_float32(default) if option is None else self._to_float(option, option.value)

    def find_ints(self, key: str) -> list[int] | None:
        """A comma-separated list, or None without the option."""
        option = self.find_option(key)
        return None if option is None else [self._to_int(option, piece) for piece in self._list(option).split(",")]

    def find_floats(self, key: str) -> list[float] | None:
        """A comma-separated list, or None without the option; after each comma at its end is a 0, as for ``atof``."""
        option = self.find_option(key)
        if option is None:
            return None
        text = self._list(option).rstrip(",")
        numbers = [self._to_float(option, piece) for piece in text.split(",")]
        return numbers + [0.0] * (len(option.value) - len(text))

    def _list(self, option: Option) -> str:
        """The text of a list. Where a ``;`` parts numbers, a list would end in silence there."""
        if _MORE_NUMBERS.match(option.comment):
            raise self.error(f"{option.key}={option.value}{option.comment}: numbers are parted by commas, not by ;",
                             option.key)  # fmt: skip
        return option.value

    def unused(self) -> list[Option]:
        """Options that have not been read (Darknet's "Unused field")."""
        return [option for option in self.options if not option.used]

    def _to_int(self, option: Option, text: str) -> int:
        # atoi takes ".5" or "e" for 0; that a value starts as a number is all that is asked of it.
        if _INTEGER.match(text) is None and _DECIMAL.match(text) is None:
            raise self._no_number(option, text)
        value = c_int(text)
        if not -(2**31) <= value < 2**31:
            raise CfgError(f"{option.key}={option.value}: {text} does not fit an int", self.path, option.line)
        return value

    def _to_float(self, option: Option, text: str) -> float:
        if _match_float(text) is None:
            raise self._no_number(option, text)
        value = c_float(text)
        if math.isinf(value) and _INFINITY.match(text) is None:
            raise CfgError(f"{option.key}={option.value}: {text} does not fit a float", self.path, option.line)
        return value

    def _no_number(self, option: Option, text: str) -> CfgError:
        return CfgError(f"{option.key}={option.value}: '{text}' is not a number", self.path, option.line)


@dataclass
class Cfg:
    """A whole file: ``[net]``, the layers' sections, lines that do not count (number and text), the dialect."""

    path: str
    net: Section
    layers: list[Section]
    stray: list[tuple[int, str]]
    dialect: Dialect = PJREDDIE
    reason: str = ""
    """What decided for the dialect."""

    @property
    def notes(self) -> list[str]:
        """What Darknet prints of lines that do not count."""
        return [f"Config file error line {line}, could parse: {text.translate(_REMOVED)}" for line, text in self.stray]


def to_float32(value: float) -> float:
    """``value`` rounded to float32."""
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def c_int(text: str) -> int:
    """The number that a text begins with, as C's ``atoi`` reads it: 0 where there is none. It may not fit an int."""
    match = _INTEGER.match(text)
    # Twelve characters already say that a number is too large; more would only cost time.
    return int(match[1] + match[2][:12]) if match else 0


def c_float(text: str) -> float:
    """The number that a text begins with, as C's ``atof`` reads it, rounded to float32: 0 where there is none."""
    match = _match_float(text)
    if match is None:
        return 0.0
    number = match[1].lower()
    try:
        return to_float32(float.fromhex(number) if "x" in number else float(number))
    except OverflowError:
        return -math.inf if number[0] == "-" else math.inf


def _match_float(text: str) -> re.Match[str] | None:
    return _HEXADECIMAL.match(text) or _DECIMAL.match(text)


def read_cfg(path: str | Path, dialect: str = AUTO) -> Cfg:
    """Read a cfg file.

    Args:
        path: the file.
        dialect: whose Darknet it is for: a key of `dialect.DIALECTS`, or ``auto``.

    Raises:
        CfgError: with file and line.
    """
    try:
        with open(path, "rb") as file:
            data = read_start(file, LARGEST + 1)
    except (OSError, ValueError) as error:  # a ValueError: a zero byte in the path
        raise CfgError(f"cannot read this cfg: {getattr(error, 'strerror', None) or error}", path) from None
    if len(data) > LARGEST:
        raise CfgError(f"is not a cfg file: it has more than {LARGEST // 10**6} MB", path)
    try:
        return parse_cfg(decode_text(data, path), str(path), dialect)
    except DataError:
        raise CfgError(f"is not a cfg file: {why_no_cfg(data)}", path) from None


def parse_cfg(text: str, path: str = "<cfg>", dialect: str = AUTO) -> Cfg:
    """Parse the text of a cfg; ``path`` is what errors name."""
    sections: list[Section] = []
    stray: list[tuple[int, str]] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.translate(_REMOVED)
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            sections.append(_section(line, number, path))
        elif not sections:
            raise CfgError(f"'{line}' stands before the first section; a cfg starts with [net]", path, number)
        else:
            _add_option(sections[-1], raw, number, stray)
    if not sections:
        raise CfgError("has no sections; a cfg starts with [net]", path)
    if sections[0].kind != "net":
        raise sections[0].error(f"the first section must be [net] or [network], not [{sections[0].name}]")
    choice = choose(sections, dialect, path)
    for section in sections:
        if section.name not in choice.dialect.sections:
            raise section.error(f"[{section.name}] is no section of {choice.dialect.name} ({choice.reason})")
        section.kind, section.dialect = choice.dialect.sections[section.name], choice.dialect
    return Cfg(path, sections[0], sections[1:], stray, choice.dialect, choice.reason)


def _section(line: str, number: int, path: str) -> Section:
    line = _COMMENT.split(line, maxsplit=1)[0]
    name = line[1:-1]
    if line.endswith("]") and name in KINDS:
        return Section(KINDS[name], name, number, path)
    raise CfgError(f"unknown section {line}", path, number)


def _add_option(section: Section, raw: str, number: int, stray: list[tuple[int, str]]) -> None:
    key, equals, rest = (part.translate(_REMOVED) for part in raw.partition("="))
    if not (equals and rest):
        stray.append((number, raw.strip()))
        if not equals:
            section.bare.setdefault(key, number)
        return
    if key in section.bare:
        raise CfgError(
            f"{key} stands in line {section.bare[key]} without a value: for Darknet that is the first of two, so that "
            "it takes the default and not this line; take one of them out", section.path, number,
        )  # fmt: skip
    pattern = _SPACED_COMMENT if key in _FILES else _COMMENT
    written = raw.partition("=")[2]
    comment = pattern.search(written)
    value = written[: comment.start()].translate(_REMOVED) if comment else rest
    if key in _FILES and not value:
        value = rest
    section.options.append(Option(key, value, number, rest[len(value) :]))
