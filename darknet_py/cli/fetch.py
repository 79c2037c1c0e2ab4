"""``darknet-py fetch``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from ..terminal import control
from ..zoo import Progress, fetch_files, find_file, get_model, mismatch, part_file, registry
from .command import command
from .options import ModelName

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from ..zoo import Model


class TerminalProgress(Progress):
    """A progress bar on a terminal; elsewhere a line at the beginning of each download."""

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None
        self._total = 0
        self._first = 0.0, 0
        """When this download began or resumed, and at which byte."""

    def start(self, name: str, total: int, origin: str) -> None:
        self._total = total
        click.echo(f"Fetching {name} ({_amount(total)}) from {origin}", err=True)

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
        amount = f"{_amount(position)} of {_amount(self._total)}"
        began, first = self._first
        seconds = time.monotonic() - began
        return f"{amount}, {_amount((position - first) / seconds)}/s" if seconds > 0.5 else amount


def _amount(count: float) -> str:
    if count < 1e3:
        return f"{count:.0f} bytes"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


@command(
    examples=(
        "darknet-py fetch --list",
        "darknet-py fetch yolov3 yolo9000",
    )
)
@click.argument("names", nargs=-1, metavar="NAME...", type=ModelName())
@click.option("--list", "list_models", is_flag=True, help="List the released models, and which are on this machine.")
def fetch(names: tuple[str, ...], list_models: bool) -> None:
    """Fetch the weights of the released models NAME, and what else they need.

    Files go to the folder that DARKNET_PY_WEIGHTS names, by default to your cache folder. Size and hash are checked
    before a file takes its place, and a download that was cut off goes on where it stopped. A folder on the web that
    DARKNET_PY_MIRROR names is tried before the addresses of the release.
    """
    if not names and not list_models:
        raise click.UsageError("name a model, or ask for --list")
    models = [get_model(name) for name in names]
    if list_models:
        _list(models or list(registry().values()))
        return
    for model in models:
        _fetch(model)


def _fetch(model: Model) -> None:
    try:
        paths = fetch_files(model, TerminalProgress())
    except KeyboardInterrupt:
        if any(part_file(file).is_file() for file in (*model.files, *model.along)):
            click.echo("What was received is kept: the same command resumes the download.", err=True)
        raise
    for file in (*model.files, *model.along):
        checked = f"size and {file.check} checked" if file.check else "size checked; no hash of this file is known"
        click.echo(f"{paths[file.name]}  ({checked})")


def _list(models: list[Model]) -> None:
    rows = [("MODEL", "SIZE", "INPUT", "CHECK", "WHAT", "WHERE")]
    for model in models:
        also = f" (also {', '.join(model.aliases)})" if model.aliases else ""
        size = _amount(sum(file.sizes[0] for file in model.files))
        width, height = model.input
        rows.append(
            (model.name, size, f"{width}x{height}", model.files[0].check or "size", model.what + also, _where(model))
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [row[1].rjust(widths[1]) if i == 1 else cell.ljust(widths[i]) for i, cell in enumerate(row[:-1])]
        click.echo("  ".join([*cells, row[-1]]))


def _where(model: Model) -> str:
    """Where a model's weights are, and what is missing besides; only sizes are checked."""
    weights, *others = model.files
    path = find_file(weights.name)
    if path is None:
        return "not here"
    if path.stat().st_size not in weights.sizes:
        return f"{path} (but {mismatch(weights, path)})"
    missing = [file.name for file in others if find_file(file.name) is None]
    return f"{path} (but {', '.join(missing)} not here)" if missing else str(path)
