"""``darknet-py fetch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..zoo import fetch_files, find_file, get_model, mismatch, part_file, registry
from .command import command
from .download_bar import TerminalProgress, amount
from .options import ModelName

if TYPE_CHECKING:
    from ..zoo import Model


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
        size = amount(sum(file.sizes[0] for file in model.files))
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
