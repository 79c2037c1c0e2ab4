"""``darknet-py detect ... --parquet DIR``: rows of Parquet files instead of lines and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..terminal import in_line
from .inputs import STDIN, progress

if TYPE_CHECKING:
    from ..detector import Detector


def check_parquet(files: Sequence[Path], **others: Any) -> None:
    """Raise `click.UsageError` for options that do not go with ``--parquet``."""
    for name, value in others.items():
        if value:
            raise click.UsageError(f"--parquet goes without --{name.replace('_', '-')}")
    if STDIN in files:
        raise click.UsageError("--parquet needs pictures that are files")


def write_rows(
    detector: Detector, files: Sequence[Path], folder: Path, resume: bool, quiet: bool, thresh: float,
    hier_thresh: float, nms: float, **_: Any,
) -> int:  # fmt: skip
    """Add a row for each picture to an archive; gives how many could not be read.

    Raises:
        DarknetError: the archive cannot be written, or has results of another run.
    """
    from ..batch.archive import Archive
    from ..batch.worker import Worker

    worker = Worker(detector, thresh, hier_thresh, nms)
    with Archive(folder, worker.facts, resume) as archive:
        missing = archive.missing(files)
        before = len(archive.done)
        if before and not quiet:
            click.echo(f"{in_line(str(folder))}: goes on with {before} pictures that are done", err=True)
        with progress(len(missing), quiet=quiet) as step:
            for row in worker.rows(missing):
                archive.add(row)
                step([] if row["ok"] else [f"Error: {row['error']}"], error=not row["ok"])
    if not quiet:
        failed = f", {archive.failed} of them could not be read" if archive.failed else ""
        click.echo(f"Rows: {archive.added} new ones in {in_line(str(folder))}{failed}", err=True)
    return archive.failed
