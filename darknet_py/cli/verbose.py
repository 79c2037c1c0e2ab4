"""``--verbose``: what was decided without being asked, on standard error."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .options import Decorator


_KEY = f"{__name__}.verbose"


class _Lines(logging.Handler):
    """Each message once, as a line on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._written: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._written:
            self._written.add(message)
            click.echo(message, err=True)


def _start(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value:
        return
    context.meta[_KEY] = True
    logger, handler = logging.getLogger("darknet_py"), _Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    def end() -> None:
        logger.removeHandler(handler)
        logger.setLevel(level)

    context.call_on_close(end)


def verbose(help_text: str) -> Decorator:
    """The option ``--verbose``, which no command gets as an argument."""
    return click.option(
        "--verbose", is_flag=True, expose_value=False, is_eager=True, callback=_start, help=help_text
    )  # fmt: skip


def is_verbose() -> bool:
    """Whether the command that runs was asked to be."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_KEY))
