"""Which network, which images: what several commands ask for in the same way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..detector import Detector


def network(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--model``, or ``--cfg --weights --names --data``."""
    for option in (
        click.option("--data", type=click.Path(path_type=Path), help="Darknet .data file that names the names file."),
        click.option("--names", type=click.Path(path_type=Path), help="Class names, one per line."),
        click.option("--weights", type=click.Path(path_type=Path), help="Its .weights file."),
        click.option("--cfg", type=click.Path(path_type=Path), help="Network of your own: its .cfg file."),
        click.option("--model", "-m", help="Released model by name (see `darknet-py fetch --list`)."),
    ):
        command = option(command)
    return command


def _read_so(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Read images so as long as the command runs; messages name its options."""
    from ..image.reading import reading

    if param.name == "exif":
        ctx.with_resource(reading(exif=value, exif_words="--exif"))
    else:
        ctx.with_resource(reading(decoder=value, decoder_words="--decoder pillow"))


def pictures(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--decoder`` and ``--exif``: how the command reads images, wherever it does."""
    for option in (
        click.option(
            "--exif",
            is_flag=True,
            expose_value=False,
            callback=_read_so,
            help="Turn pictures as their cameras noted (EXIF), which Darknet does not.",
        ),
        click.option(
            "--decoder",
            type=click.Choice(["stb", "pillow"]),
            expose_value=False,
            callback=_read_so,
            help="Who decodes images: stb, to Darknet's own pixels; pillow, for other formats (WebP, TIFF, AVIF). "
            "[default: stb, or the environment's DARKNET_PY_DECODER]",
        ),
    ):
        command = option(command)
    return command


def open_detector(
    model: str | None, cfg: Path | None, weights: Path | None, names: Path | None, data: Path | None,
    default: str = "yolov3-tiny", **options: Any,
) -> Detector:  # fmt: skip
    """The detector that the options name (others as for `load`); `click.UsageError` if they do not go together."""
    if model is not None and (cfg or weights):
        raise click.UsageError("--model goes without --cfg and --weights")
    if (cfg is None) != (weights is None):
        raise click.UsageError("--cfg and --weights go together")
    from ..loading import load
    from ..warmup import announce_compiling

    announce_compiling(lambda text: click.echo(text, err=True))
    if cfg is not None:
        return load(cfg, weights, names=names, data=data, **options)
    from .fetch import TerminalProgress

    return load(model or default, names=names, data=data, progress=TerminalProgress(), **options)


@contextmanager
def progress(length: int, label: str = "Detecting") -> Iterator[Callable[..., None]]:
    """Yields ``step(lines, about="", error=False)``: prints lines, and moves a progress bar if a terminal shows one.

    Lines go to standard output, or with ``error`` to standard error, where a line ``about`` them goes first.
    """

    def show(lines: Sequence[str], about: str = "", error: bool = False) -> None:
        if about:
            click.echo(about, err=True)
        click.echo("\n".join(lines), err=error)

    if length < 2 or sys.stderr is None or not sys.stderr.isatty():
        yield show
        return
    with click.progressbar(length=length, file=sys.stderr, label=label) as bar:

        def step(lines: Sequence[str], about: str = "", error: bool = False) -> None:
            if error or about or sys.stdout.isatty():
                click.echo("\r\033[K", nl=False, err=True)  # the lines take the bar's place, and it follows them
            show(lines, about, error)
            bar.update(1)
            bar.render_progress()

        yield step
