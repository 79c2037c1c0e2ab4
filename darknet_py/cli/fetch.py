"""``darknet-py fetch``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..models import Progress, fetch_model, find_file, get_model, registry

if TYPE_CHECKING:
    from ..models import Model


class TerminalProgress(Progress):
    """A progress bar on a terminal; elsewhere a line at the beginning of a file."""

    def __init__(self) -> None:
        self._bar: click._termui_impl.ProgressBar[int] | None = None
        self._announced = ""

    def start(self, name: str, total: int, done: int) -> None:
        self.finish()
        if sys.stderr.isatty():
            self._bar = click.progressbar(length=total, label=name, file=sys.stderr)
            self._bar.__enter__()
            self._bar.update(done)
        elif name != self._announced:
            self._announced = name
            click.echo(f"Fetching {name} ({total / 1e6:.1f} MB)", err=True)

    def advance(self, count: int) -> None:
        if self._bar is not None:
            self._bar.update(count)

    def finish(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--list", "list_models", is_flag=True, help="List the released models, and which are on this machine.")
@click.option("--again", is_flag=True, help="Fetch also what is on this machine already.")
def fetch(names: tuple[str, ...], list_models: bool, again: bool) -> None:
    """Fetch the weights of the released models NAME, and what else they need.

    Files go to the folder that DARKNET_PY_WEIGHTS names, by default to your cache folder. Size and hash are checked
    before a file takes its place, and a download that was cut off goes on where it stopped.
    """
    if list_models:
        _list(list(registry().values()))
        return
    if not names:
        raise click.UsageError("name a model, or ask for --list")
    models = [get_model(name) for name in names]
    for model in models:
        for file, path in zip(model.files, fetch_model(model, TerminalProgress(), again), strict=True):
            checked = "size and " + " and ".join(file.hashes) if file.hashes else "size only: no hash is known"
            click.echo(f"{path}  ({checked})")


def _list(models: list[Model]) -> None:
    width = max(len(model.name) for model in models)
    for model in models:
        size = sum(file.sizes[0] for file in model.files) / 1e6
        place = find_file(model.weights)
        also = f" (also {', '.join(model.aliases)})" if model.aliases else ""
        click.echo(f"{model.name:{width}s} {size:6.1f} MB  {model.what}{also}")
        click.echo(f"{'':{width}s}            {place or 'not on this machine'}")
