"""Which network, which images: what several commands ask for in the same way."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DarknetError, ImageError
from ..image.files import find_images
from ..terminal import control
from .filters import asked
from .guard import keep_found
from .options import CfgName, ModelName, together

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Unpack

    from ..detector import Detector
    from ..loading import LoadOptions


network = together(
    click.option("--model", "-m", type=ModelName(), help="Released model by name (see `darknet-py fetch --list`)."),
    click.option("--cfg", type=CfgName(), help="Network of your own: its .cfg file."),
    click.option("--weights", type=click.Path(path_type=Path), help="Its .weights file."),
    click.option("--names", type=click.Path(path_type=Path), help="Class names, one per line."),
    click.option("--data", type=click.Path(path_type=Path), help="Darknet .data file that names the names file."),
)
"""``--model``, or ``--cfg --weights --names --data``."""


def _set_decoder(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Images are read with it as long as the command runs; messages name the option."""
    from ..image.reading import reading

    ctx.with_resource(reading(decoder=value, decoder_words="--decoder pillow"))


def _set_exif(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """As for `_set_decoder`."""
    from ..image.reading import reading

    ctx.with_resource(reading(exif=value, exif_words="--exif"))


pictures = together(
    click.option(
        "--decoder", type=click.Choice(["stb", "pillow"]), expose_value=False, callback=_set_decoder,
        help="Who decodes images: stb, to Darknet's own pixels; pillow, for other formats (WebP, TIFF, AVIF). "
             "[default: stb, or the environment's DARKNET_PY_DECODER]",
    ),
    click.option(
        "--exif", is_flag=True, expose_value=False, callback=_set_exif,
        help="Turn pictures as their cameras noted (EXIF), which Darknet does not.",
    ),
)  # fmt: skip
"""``--decoder`` and ``--exif``: how the command reads images, wherever it does."""


def open_detector(
    model: str | None, cfg: Path | None, weights: Path | None, names: Path | None, data: Path | None,
    default: str = "yolov3-tiny", **options: Unpack[LoadOptions],
) -> Detector:  # fmt: skip
    """The detector that the options name (others as for `load`), with the filters and tiles that they say.

    Raises `click.UsageError` if they do not go together.
    """
    if model is not None and (cfg or weights):
        raise click.UsageError("--model goes without --cfg and --weights")
    if (cfg is None) != (weights is None):
        raise click.UsageError("--cfg and --weights go together")
    from ..loading import load
    from ..warmup import announce_compiling

    filter, tiles = asked()
    announce_compiling(lambda text: click.echo(text, err=True), sys.stderr)
    if cfg is not None:
        detector = load(cfg, weights, names=names, data=data, **options)
    else:
        from .download_bar import TerminalProgress

        detector = load(model or default, names=names, data=data, progress=TerminalProgress(), **options)
    detector.view = replace(detector.view, filter=detector.filter_of(filter), tiles=tiles)
    return detector


STDIN = Path("-")
"""Stands for the image on standard input; a file of that name is ``./-``, and another object."""

images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path())
"""IMAGE...: files, directories, ``-``."""

VIDEOS = {
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".flv", ".3gp",
    ".ogv", ".mjpeg", ".mjpg",
}  # fmt: skip

_VIDEO = re.compile(rb"\x1a\x45\xdf\xa3|RIFF....AVI |FLV\x01|\0\0\x01[\xba\xb3]|\x30\x26\xb2\x75|OggS", re.DOTALL)

_MP4 = re.compile(rb"....(moov|mdat|ftyp(?!avif|avis|heic|heix|mif1|msf1))", re.DOTALL)

_IMAGE = re.compile(rb"\xff\xd8|\x89PNG|GIF8|RIFF....WEBP", re.DOTALL)


def find_all(arguments: Sequence[str | Path]) -> tuple[list[Path], int]:
    """The images that the arguments name, and how many arguments are bad: each is named now, before the first image.

    Raises:
        DarknetError: there is no image at all, or the command would write to one of them.
    """
    files: list[Path] = []
    bad: list[str] = []
    for argument in arguments:
        try:
            files += _find(argument)
        except DarknetError as error:
            bad.append(str(error))
        except OSError as error:
            bad.append(f"{argument}: {error.strerror or error}")
    for line in bad[: None if files else -1]:
        click.echo(f"Error: {line}", err=True)
    if not files:
        raise DarknetError(bad[-1])
    keep_found(files)
    return files, len(bad)


def _find(argument: str | Path) -> list[Path]:
    path = Path(argument)
    if str(argument) == "-":
        return [STDIN]
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", str(argument)) and not path.exists():
        raise DarknetError(
            f"{argument}: is an address: download it, or pipe it in (curl -s ADDRESS | ... -); "
            "for a video: darknet-py demo ADDRESS"
        )
    if path.is_file() and _is_video(path):
        raise DarknetError(f"{argument}: is a video, not an image: darknet-py demo {argument}")
    return find_images([path])


def _is_video(path: Path) -> bool:
    """Whether a file is a video: by its content, or by its name where its content says nothing."""
    with open(path, "rb") as file:
        head = file.read(64)
    return bool(_VIDEO.match(head) or _MP4.match(head) or (path.suffix.lower() in VIDEOS and not _IMAGE.match(head)))


def read_image(file: Path) -> NDArray[np.uint8]:
    """The pixels of one of the images that `find_all` found. Raises `ImageError`."""
    from ..formats.binary import read_stream
    from ..image.load import load_image

    if file is not STDIN:
        return load_image(file)
    if sys.stdin is None or sys.stdin.isatty():
        raise ImageError("is standard input: pipe an image file into it", "-")
    try:
        return load_image(read_stream(sys.stdin.buffer))
    except ImageError as error:
        raise ImageError(error.message, "-") from None
    except OSError as error:
        raise ImageError(f"cannot read standard input: {error.strerror or error}", "-") from None


def conclude(failed: int, bad: int, total: int, read: bool = False) -> None:
    """Exit code 1, and a last line, if images failed or arguments named none.

    Args:
        failed, bad, total: images that failed, arguments that name no images, all images.
        read: some of those that failed could be read.
    """
    if bad or (failed and read):
        raise click.ClickException(f"{failed + bad} of {total + bad} images could not be done (see above)")
    if failed:
        raise click.ClickException(f"{failed} of {total} images could not be read")


def note_missing_names(detector: Detector) -> None:
    """If numbers stand for the classes, say so on standard error, and how that could be changed."""
    if not detector.names:
        click.echo(
            "Note: no class names are known, numbers stand for them; --names FILE (or --data) gives them", err=True
        )


@contextmanager
def progress(length: int, label: str = "Detecting", quiet: bool = False) -> Iterator[Callable[..., None]]:
    """Yields ``step(lines, about="", error=False, note="")``: prints lines, and moves a progress bar on a terminal.

    Lines go to standard output, or with ``error`` to standard error, where a line ``about`` them goes first, and a
    ``note`` last. ``quiet``: no bar.
    """

    def show(lines: Sequence[str], about: str = "", error: bool = False, note: str = "") -> None:
        if about:
            click.echo(about, err=True)
        if lines:
            click.echo("\n".join(lines), err=error)
        if note:
            click.echo(note, err=True)

    if quiet or length < 2 or sys.stderr is None or not sys.stderr.isatty():
        yield show
        return
    with click.progressbar(length=length, file=control(sys.stderr), label=label) as bar:

        def step(lines: Sequence[str], about: str = "", error: bool = False, note: str = "") -> None:
            if error or about or note or sys.stdout.isatty():
                # The lines take the bar's place, and it follows them.
                click.echo("\r\033[K", control(sys.stderr), nl=False)
            show(lines, about, error, note)
            bar.update(1)
            bar.render_progress()

        yield step
