"""Options of another Darknet that change the result.

AlexeyAB's are refused by name in pjreddie's dialect, for ignoring them would give wrong boxes. Those that only
pjreddie's Darknet reads are ignored in AlexeyAB's dialect, as his ignores them, with a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB, PJREDDIE
from ..errors import warn
from ..formats.cfg import c_float, c_int, to_float32

NOT_COMPUTED = {
    "bin_output": "it drops the activation of bit counts",
    "coordconv": f"{ALEXEYAB.name} has it on a GPU only",
    "maxpool_zero_nonmax": f"{ALEXEYAB.name} has it on a GPU only",
    "lstm_activation": f"{ALEXEYAB.name} has it on a GPU only",
}
"""Options of AlexeyAB's dialect that change the result of his GPU code or of bit counts."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..dialect import Option
    from ..dialect.rows import Value
    from ..formats.cfg import Section


def refuse_foreign(section: Section) -> None:
    """Raise `CfgError` for the first option that changes the result and is not computed.

    In pjreddie's dialect: those of AlexeyAB's. In AlexeyAB's: what his GPU code alone does, and binarised outputs.
    """
    for key in dict.fromkeys(option.key for option in section.options):
        row, text = ALEXEYAB.find(section.kind, key), section.value(key)
        if row is None or text is None or _is_neutral(row, section, text):
            continue
        if section.dialect is ALEXEYAB:
            if key in NOT_COMPUTED:
                raise section.error(f"[{section.name}] {key}={text} is not computed here: {NOT_COMPUTED[key]}", key)
            continue
        own = PJREDDIE.find(section.kind, key)
        lists = own is not None and row.many and not own.many and "," in text
        if lists or own is None:
            what = "with several values is" if lists else "is"
            raise section.error(
                f"[{section.name}] {key}={text} {what} an option of {ALEXEYAB.name} that changes the result: "
                "choose dialect alexeyab", key,
            )  # fmt: skip


def warn_of_ignored(sections: Sequence[Section], path: str) -> None:
    """Warn once of what is ignored in AlexeyAB's dialect though pjreddie's Darknet would compute something else by it.

    Args:
        sections: of the file; in his dialect nothing is ignored that changes the result.
        path: the file.
    """
    ignored: dict[str, int] = {}
    lines: list[int] = []
    for section in sections:
        if section.dialect is not ALEXEYAB:
            return
        for option in {option.key: option for option in reversed(section.options)}.values():
            row = PJREDDIE.find(section.kind, option.key)
            if row is None or ALEXEYAB.reads(section.kind, option.key) or _is_neutral(row, section, option.value):
                continue
            ignored.setdefault(f"[{section.name}] {option.key}={option.value}", option.line)
            lines.append(option.line)
    if ignored:
        many = len(ignored) - 1
        others = f" (and of {many} other{'s' * (many > 1)}, up to line {max(lines)})" if many else ""
        what, line = min(ignored.items(), key=lambda item: item[1])
        warn(f"{what} is an option of {PJREDDIE.name}{others}: ignored, as {ALEXEYAB.name} does", path, line)


def _is_neutral(row: Option, section: Section, text: str) -> bool:
    """Whether an option changes nothing, by its value or another option's."""
    if any(_read(text, value) == _same_type(value) for value in row.neutral):
        return True
    if row.same_as is not None:
        key, default = row.same_as
        if _read(text, default) == _value(section, key, default):
            return True
    if row.unless is not None:
        key, default, value = row.unless
        return _value(section, key, default) == _same_type(value)
    return False


def _value(section: Section, key: str, default: Value) -> Value:
    text = section.value(key)
    return _same_type(default) if text is None else _read(text, default)


def _read(text: str, like: Value) -> Value:
    """A value as C reads it where ``like`` is a usual one."""
    if isinstance(like, str):
        return text
    return c_int(text) if isinstance(like, int) else c_float(text)


def _same_type(value: Value) -> Value:
    return to_float32(value) if isinstance(value, float) else value
