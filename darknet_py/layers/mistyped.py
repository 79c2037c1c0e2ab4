"""What no Darknet reads in a cfg, though somebody meant it: lines without a value, options that are written wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dialect import DIALECTS
from ..errors import warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..formats.cfg import Cfg, Section

_ALIKE = 0.8
"""How alike an option must be to one that counts, from 0 to 1: ``filter`` and ``filters`` are .92."""


def warn_of_mistyped(cfg: Cfg) -> None:
    """Warn once of the lines of a file that do not count but look as if they were meant to.

    Every Darknet goes on with the default of what was meant, and has "Unused field" in its layer table.
    """
    found = sorted([*_without_value(cfg), *(sign for one in (cfg.net, *cfg.layers) for sign in _misspelt(one))])
    if found:
        line, what = found[0]
        many = len(found) - 1
        others = f" (nor do{'es' * (many == 1)} {many} other line{'s' * (many > 1)}, up to line {found[-1][0]})"
        warn(f"{what} and does not count{others * bool(many)}", cfg.path, line)


def _without_value(cfg: Cfg) -> Iterator[tuple[int, str]]:
    for line, text in cfg.stray:
        yield line, f"'{text}' is no option (key=value)"


def _misspelt(section: Section) -> Iterator[tuple[int, str]]:
    """Options that nobody reads in such a section, one letter or so from one that is not there."""
    unread = [
        option for option in section.options
        if not any(dialect.reads(section.kind, option.key) for dialect in DIALECTS.values())
    ]  # fmt: skip
    if not unread:
        return
    import difflib  # only here: it takes a few milliseconds

    missing = [row.key for row in section.dialect.result(section.kind) if not section.has(row.key)]
    for option in unread:
        close = difflib.get_close_matches(option.key.casefold(), missing, 1, _ALIKE)
        if close:
            yield option.line, f"{option.key} is no option of [{section.name}] (did you mean {close[0]}?)"
