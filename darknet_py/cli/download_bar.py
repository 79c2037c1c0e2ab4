"""How far a download is. Apart from what downloads, which takes long to import and which most commands do not need."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from ..terminal import control
from ..zoo.progress import Progress

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar


class TerminalProgress(Progress):
    """A progress bar on a terminal; elsewhere a line at the beginning of each download."""

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None
        self._total = 0
        self._first = 0.0, 0
        """When this download began or resumed, and at which byte."""

    def start(self, name: str, total: int, origin: str) -> None:
        self._total = total
        click.echo(f"Fetching {name} ({amount(total)}) from {origin}", err=True)

    def at(self, position: int) -> None:
        if not sys.stderr.isatty():
            return
        if self._bar is None or position < self._bar.pos:
            self.finish()
            self._first = time.monotonic(), position
            self._bar = click.progressbar(
                length=self._total, file=control(sys.stderr), show_eta=False, item_show_func=lambda _: self._speed()
            )
            self._bar.__enter__()
        self._bar.update(position - self._bar.pos, position)

    def finish(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def waiting(self, name: str) -> None:
        click.echo(f"Another process is fetching {name}; waiting for it", err=True)

    def _speed(self) -> str:
        """``12.3 MB of 35.4 MB, 5.6 MB/s``."""
        position = self._bar.pos if self._bar else 0
        done = f"{amount(position)} of {amount(self._total)}"
        began, first = self._first
        seconds = time.monotonic() - began
        return f"{done}, {amount((position - first) / seconds)}/s" if seconds > 0.5 else done


def amount(count: float) -> str:
    """Of bytes: ``12.3 MB``."""
    if count < 1e3:
        return f"{count:.0f} bytes"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
