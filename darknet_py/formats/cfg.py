"""Darknet's ``.cfg`` files: text -> sections with options that know their line (``read_cfg``, ``option_list.c``)."""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CfgError

_ALIASES = {
    "network": "net", "conv": "convolutional", "deconv": "deconvolutional", "conn": "connected", "max": "maxpool",
    "avg": "avgpool", "lrn": "normalization", "soft": "softmax",
}  # fmt: skip
_SECTIONS = (
    "net", "shortcut", "crop", "cost", "detection", "region", "yolo", "iseg", "local", "convolutional",
    "deconvolutional", "activation", "logistic", "l2norm", "crnn", "gru", "lstm", "rnn", "connected", "maxpool",
    "reorg", "avgpool", "dropout", "normalization", "batchnorm", "softmax", "route", "upsample",
)  # fmt: skip

KINDS: dict[str, str] = {**{name: name for name in _SECTIONS}, **_ALIASES}
"""Name of a section -> its canonical name (Darknet's ``string_to_layer_type``)."""

_REMOVED = str.maketrans("", "", " \t\r\n")
_INTEGER = re.compile(r"[\v\f]*([+-]?)0*([0-9]+)")
_HEXADECIMAL = re.compile(
    r"[\v\f]*([+-]?0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?)", re.IGNORECASE | re.ASCII
)
_DECIMAL = re.compile(
    r"[\v\f]*([+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|infinity|inf|nan))", re.IGNORECASE | re.ASCII
)


@dataclass
class Option:
    """``key=value`` at a line; ``used`` once a layer has read it."""

    key: str
    value: str
    line: int
    used: bool = False


@dataclass
class Section:
    """A section: its canonical ``kind``, its ``name`` as written, and its options.

    Of two equal keys the first counts. Numbers are read as C's ``atoi`` and ``atof`` do (what follows the number is
    ignored), but a value without any number is an error.
    """

    kind: str
    name: str
    line: int
    path: str
    options: list[Option] = field(default_factory=list)

    def error(self, message: str, key: str | None = None) -> CfgError:
        """An error at the line of option ``key``, or of the section."""
        option = self._peek(key) if key else None
        return CfgError(message, self.path, option.line if option else self.line)

    def _peek(self, key: str) -> Option | None:
        return next((option for option in self.options if option.key == key), None)

    def _find_option(self, key: str) -> Option | None:
        option = self._peek(key)
        if option is not None:
            option.used = True
        return option

    def has(self, key: str) -> bool:
        """Whether the section has the option; does not count as reading it."""
        return self._peek(key) is not None

    def find_str(self, key: str, default: str) -> str:
        """The option's text."""
        option = self._find_option(key)
        return default if option is None else option.value

    def find_int(self, key: str, default: int) -> int:
        """The option as a C int: ``3abc`` is 3, and ``1e3`` is 1."""
        option = self._find_option(key)
        return default if option is None else self._to_int(option, option.value)

    def find_float(self, key: str, default: float) -> float:
        """The option as a C float: the double that is written, rounded to float32."""
        option = self._find_option(key)
        return to_float32(default) if option is None else self._to_float(option, option.value)

    def find_ints(self, key: str) -> list[int] | None:
        """A comma-separated list, or None without the option."""
        option = self._find_option(key)
        return None if option is None else [self._to_int(option, piece) for piece in option.value.split(",")]

    def find_floats(self, key: str) -> list[float] | None:
        """A comma-separated list, or None without the option."""
        option = self._find_option(key)
        return None if option is None else [self._to_float(option, piece) for piece in option.value.split(",")]

    def unused(self) -> list[Option]:
        """Options that nobody has read (Darknet's "Unused field")."""
        return [option for option in self.options if not option.used]

    def _to_int(self, option: Option, text: str) -> int:
        match = _INTEGER.match(text)
        # atoi takes ".5" or "e" for 0; that a value starts as a number is all that is asked of it.
        if match is None and _DECIMAL.match(text) is None:
            raise self._no_number(option, text)
        # Twelve characters already say that a number is too large; more would only cost time.
        value = int(match[1] + match[2][:12]) if match else 0
        if not -(2**31) <= value < 2**31:
            raise CfgError(f"{option.key}={option.value}: {text} does not fit an int", self.path, option.line)
        return value

    def _to_float(self, option: Option, text: str) -> float:
        match = _HEXADECIMAL.match(text) or _DECIMAL.match(text)
        if match is None:
            raise self._no_number(option, text)
        number = match[1].lower()
        try:
            value = to_float32(float.fromhex(number) if "x" in number else float(number))
        except OverflowError:
            value = math.inf
        if math.isinf(value) and "inf" not in number:
            raise CfgError(f"{option.key}={option.value}: {text} does not fit a float", self.path, option.line)
        return value

    def _no_number(self, option: Option, text: str) -> CfgError:
        return CfgError(f"{option.key}={option.value}: '{text}' is not a number", self.path, option.line)


@dataclass
class Cfg:
    """A whole file: ``[net]``, the layers' sections, and notes on lines that Darknet reports and ignores."""

    path: str
    net: Section
    layers: list[Section]
    notes: list[str]


def to_float32(value: float) -> float:
    """``value`` rounded to float32."""
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def read_cfg(path: str | Path) -> Cfg:
    """Read a cfg file.

    Raises:
        CfgError: with file and line.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise CfgError(f"cannot read this cfg: {error.strerror or error}", path) from None
    if b"\0" in data:
        raise CfgError("is not a cfg file: it has binary data (a text file must be saved as UTF-8)", path)
    return parse_cfg(data.decode("utf-8-sig", errors="surrogateescape"), str(path))


def parse_cfg(text: str, path: str = "<cfg>") -> Cfg:
    """Parse the text of a cfg; ``path`` is what errors name."""
    sections: list[Section] = []
    notes: list[str] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.translate(_REMOVED)
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            sections.append(_section(line, number, path))
        elif not sections:
            raise CfgError(f"'{line}' stands before the first section; a cfg starts with [net]", path, number)
        else:
            _add_option(sections[-1], line, number, notes)
    if not sections:
        raise CfgError("has no sections; a cfg starts with [net]", path)
    if sections[0].kind != "net":
        raise sections[0].error(f"the first section must be [net] or [network], not [{sections[0].name}]")
    return Cfg(path, sections[0], sections[1:], notes)


def _section(line: str, number: int, path: str) -> Section:
    name = line[1:-1]
    if not line.endswith("]") or name not in KINDS:
        raise CfgError(f"unknown section {line}", path, number)
    return Section(KINDS[name], name, number, path)


def _add_option(section: Section, line: str, number: int, notes: list[str]) -> None:
    key, equals, value = line.partition("=")
    if equals and value:
        section.options.append(Option(key, value, number))
    else:
        notes.append(f"Config file error line {number}, could parse: {line}")
