"""Options of another Darknet that change the result: refused by name, for ignoring them would give wrong boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB, PJREDDIE
from ..formats.cfg import c_float, c_int, to_float32

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..dialect import Option
    from ..dialect.rows import Value
    from ..formats.cfg import Section


def refuse_foreign(section: Section, decoded: Collection[str] = ()) -> None:
    """Raise `CfgError` for the first option that is computed by AlexeyAB's Darknet, but not by this package.

    ``decoded``: options that the caller takes care of.
    """
    for key in dict.fromkeys(option.key for option in section.options if option.key not in decoded):
        row, own = ALEXEYAB.find(section.kind, key), PJREDDIE.find(section.kind, key)
        text = section.value(key)
        if row is None or text is None:
            continue
        lists = own is not None and row.many and not own.many and "," in text
        if lists or (own is None and not _is_neutral(row, section, text)):
            what = "with several values" if lists else "is"
            raise section.error(
                f"[{section.name}] {key}={text} {what} {'is ' * lists}an option of {ALEXEYAB.name} that changes the "
                "result, and is not computed here yet", key,
            )  # fmt: skip


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
