"""``darknet-py detect``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DarknetError
from .options import engine, thresholds

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from ..detector import Detector

SUFFIXES = {
    ".jpg",
    ".jpeg",
    ".png",
    ".bmp",
    ".gif",
    ".tga",
    ".ppm",
    ".pgm",
    ".pnm",
    ".psd",
    ".hdr",
    ".webp",
    ".tif",
    ".tiff",
}
"""What counts as an image in a directory."""


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path))
@click.option("--model", "-m", help="Released model by name (see `darknet-py fetch --list`) [default: yolov3-tiny].")
@click.option("--cfg", type=click.Path(path_type=Path), help="Network of your own: its .cfg file.")
@click.option("--weights", type=click.Path(path_type=Path), help="Its .weights file.")
@click.option("--names", type=click.Path(path_type=Path), help="Class names, one per line.")
@click.option("--data", type=click.Path(path_type=Path), help="Darknet .data file that names the names file.")
@click.option("--map", "class_map", type=click.Path(path_type=Path), help="WordTree nodes that count as classes.")
@click.option("--tree-path", is_flag=True, help="Print the way through the WordTree to each object's class.")
@thresholds
@engine
@click.option(
    "--json", "json_file", metavar="FILE", help="Write the detections as JSON to FILE (- for standard output)."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Picture with the boxes; a directory for several [default: predictions.jpg, predictions/].",
)
def detect(
    images: tuple[Path, ...], model: str | None, cfg: Path | None, weights: Path | None, names: Path | None,
    data: Path | None, class_map: Path | None, json_file: str | None, output: Path | None,
    size: tuple[int, int] | None, math: str, threads: int | None, **options: Any,
) -> None:  # fmt: skip
    """Detect the objects in each IMAGE (a file, or a directory of files).

    Prints what Darknet prints: the time, then a line per object with its probability.
    """
    files = find_images(images)
    pictures = picture_paths(files, output, single=len(images) == 1 and not images[0].is_dir())
    detector = open_detector(model, cfg, weights, names, data, map=class_map, size=size, math=math, threads=threads)
    report = not_to_mix_with_json(json_file)
    frames: list[dict[str, Any]] = []
    failed = 0
    with progress(len(files)) as step:
        for number, (file, picture) in enumerate(zip(files, pictures, strict=True), start=1):
            try:
                found, lines = _detect_one(detector, file, picture, options)
            except DarknetError as error:
                if len(files) == 1:
                    raise
                failed += 1
                step([f"Error: {error}"], sys.stderr)
                continue
            frames.append(_frame(found, number, file))
            step(lines, report)
    if json_file:
        from ..output.json import write_json

        write_json(json_file, frames)
    if failed:
        raise click.ClickException(f"{failed} of {len(files)} images could not be read")


def _detect_one(detector: Detector, file: Path, picture: Path, options: dict[str, Any]) -> tuple[Detections, list[str]]:
    from ..image.draw import draw_detections, save_image
    from ..image.load import load_image
    from ..output.text import darknet_lines, predicted_line, tree_lines

    pixels = load_image(file)
    found = detector.detect(pixels, **options)
    lines = tree_lines(found) if options["tree_path"] else darknet_lines(found)
    save_image(picture, draw_detections(pixels, found))
    return found, [predicted_line(str(file), detector.seconds), *lines]


def _frame(found: Detections, number: int, file: Path) -> dict[str, Any]:
    from ..output.json import frame

    return frame(found, number, str(file))


def open_detector(
    model: str | None, cfg: Path | None, weights: Path | None, names: Path | None, data: Path | None, **options: Any
) -> Detector:  # fmt: skip
    """The detector that the options name (others as for `load`); `click.UsageError` if they do not go together."""
    if model is not None and (cfg or weights):
        raise click.UsageError("--model goes without --cfg and --weights")
    if (cfg is None) != (weights is None):
        raise click.UsageError("--cfg and --weights go together")
    from ..loading import load

    if cfg is not None:
        return load(cfg, weights, names=names, data=data, **options)
    from .fetch import TerminalProgress

    return load(model or "yolov3-tiny", names=names, data=data, progress=TerminalProgress(), **options)


def find_images(arguments: Sequence[Path]) -> list[Path]:
    """The files, and the images of the directories in the order of their names."""
    files: list[Path] = []
    for argument in arguments:
        if argument.is_dir():
            inside = sorted(path for path in argument.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
            if not inside:
                raise DarknetError(f"{argument}: there is no image in this directory")
            files += inside
        elif argument.exists():
            files.append(argument)
        else:
            raise DarknetError(f"{argument}: there is no such file or directory")
    return files


def picture_paths(files: Sequence[Path], output: Path | None, single: bool) -> list[Path]:
    """Where each picture goes; two images of one name get different ones.

    One image is drawn to the file ``output``; several, or an ``output`` that is a directory, to files in it.
    """
    if output is None:
        output = Path("predictions.jpg" if single else "predictions")
    if single and not output.is_dir() and not str(output).endswith(("/", "\\")) and output.suffix:
        if not output.absolute().parent.is_dir():
            raise DarknetError(f"{output}: the directory {output.parent} does not exist")
        return [output]
    if output.exists() and not output.is_dir():
        raise DarknetError(f"{output}: is a file; several images need a directory")
    output.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    paths = []
    for file in files:
        suffix = file.suffix.lower() if file.suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp"} else ".jpg"
        name, count = file.stem + suffix, 1
        while name in taken or (output / name).absolute() == file.absolute():
            count += 1
            name = f"{file.stem}_{count}{suffix}"
        taken.add(name)
        paths.append(output / name)
    return paths


def not_to_mix_with_json(json_file: str | None) -> Any:
    """Standard output, unless the JSON goes there."""
    return sys.stderr if json_file == "-" else sys.stdout


@contextmanager
def progress(length: int) -> Iterator[Any]:
    """Yields ``step(lines, stream)``: prints lines, and moves a progress bar if a terminal is there to show one."""
    if length < 2 or not sys.stderr.isatty():

        def plain(lines: list[str], stream: Any) -> None:
            click.echo("\n".join(lines), file=stream)

        yield plain
        return
    with click.progressbar(length=length, file=sys.stderr, label="Detecting") as bar:

        def step(lines: list[str], stream: Any) -> None:
            if stream.isatty():
                click.echo("\r\033[K", nl=False, file=sys.stderr)
            click.echo("\n".join(lines), file=stream)
            bar.update(1)
            bar.render_progress()

        yield step
