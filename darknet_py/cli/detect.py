"""``darknet-py detect``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..dialect import DIALECTS
from ..errors import DarknetError
from ..terminal import in_line
from .archive import check_parquet, write_rows
from .command import command
from .filters import filters
from .inputs import (
    STDIN,
    conclude,
    find_all,
    images_argument,
    network,
    note_missing_names,
    open_detector,
    pictures,
    progress,
)  # fmt: skip
from .options import class_map, engine, stretch, thresholds

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..detect.thresholds import Limits
    from ..output.json import FrameEntry


@command(
    examples=(
        "darknet-py detect dog.jpg                                     the model yolov3-tiny, fetched at first use",
        "darknet-py detect photos/ --model yolov3 --thresh .3 --json found.json -o drawn/",
        "darknet-py detect dog.jpg --cfg my.cfg --weights my.weights --names my.names",
        "curl -s ADDRESS | darknet-py detect - --no-picture --json -   an image on standard input, JSON alone",
    )
)
@images_argument
@network
@class_map
@click.option("--tree-path", is_flag=True, help="Print the way through the WordTree to each object's class.")
@stretch
@thresholds
@filters
@engine
@pictures
@click.option(
    "--json", "json_file", metavar="FILE",
    help="Write the detections as JSON to FILE (- for standard output); what was done is there even after Ctrl-C.",
)  # fmt: skip
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE|DIR",
    help="Picture with the boxes; a directory for several [default: predictions.jpg, predictions/].",
)  # fmt: skip
@click.option(
    "--parquet", type=click.Path(path_type=Path), metavar="DIR",
    help="Write a row for each image to Parquet files in DIR, instead of lines and pictures; see --resume.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with a run to --parquet DIR that was stopped.")
@click.option("--no-picture", is_flag=True, help="Draw no picture.")
@click.option("--percentages", is_flag=True, help="Write each object's probability beside its name in the picture.")
@click.option(
    "--lines", type=click.Choice(list(DIALECTS)),
    help="Whose lines are printed: darknet, pjreddie's; alexeyab [default: those of the network's Darknet].",
)  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Print errors only (and the JSON that --json - asks for).")
def detect(
    images: tuple[str, ...], model: str | None, cfg: Path | None, weights: Path | None, names: Path | None,
    data: Path | None, class_map: Path | None, stretch: bool | None, json_file: str | None, output: Path | None,
    parquet: Path | None, resume: bool, no_picture: bool, percentages: bool, lines: str | None, quiet: bool,
    size: tuple[int, int] | None, math: str, calibration: Path | None, threads: int | None, dialect: str,
    tree_path: bool, **limits: Unpack[Limits],
) -> None:  # fmt: skip
    """Detect the objects in each IMAGE: a file, a directory of files, or - for an image on standard input.

    Prints what the network's Darknet prints: the time, then a line per object with its probability. Standard error says
    where the picture went, and of an image without detections which came closest. An image that cannot be read is named
    there, too; the others are worked on, and the exit code is 1.
    """
    from ..output.writers import writers_of
    from .detect_files import Show, detect_files

    if no_picture and (output is not None or percentages):
        raise click.UsageError("--no-picture goes without --output and --percentages")
    if resume and parquet is None:
        raise click.UsageError("--resume goes with --parquet")
    files, bad = find_all(images)
    if parquet is not None:
        check_parquet(files, json=json_file, output=output, percentages=percentages, tree_path=tree_path)
        no_picture = True
    single = len(images) == 1 and len(files) == 1 and not Path(images[0]).is_dir()
    drawn = [None] * len(files) if no_picture else picture_paths(files, output, single)
    detector = open_detector(
        model, cfg, weights, names, data, map=class_map, size=size, math=math, calibration=calibration,
        threads=threads, stretch=stretch, dialect=dialect,
    )  # fmt: skip
    detector.check_detects()
    detector.network.check_picture()
    for folder in {picture.parent for picture in drawn if picture is not None}:
        _make_folder(folder)
    if not quiet:
        note_missing_names(detector)
    if parquet is not None:
        conclude(write_rows(detector, files, parquet, resume, quiet, **limits), bad, len(files))
        return
    writers = writers_of(DIALECTS[lines] if lines else detector.network.dialect)
    only_json, single = json_file == "-", len(files) + bad == 1
    with _json(json_file) as add, progress(len(files), quiet=quiet) as step:
        show = Show(writers, quiet, only_json, single, tree_path, step, add)
        detect_files(detector, files, drawn, limits, show, percentages)
    if not quiet:
        _print_drawn(show.drawn)
    conclude(show.failed, bad, len(files), read=show.undrawn > 0)


def _json(target: str | None) -> AbstractContextManager[Callable[[FrameEntry], None]]:
    """What takes the entry of each image."""
    if target is None:
        return nullcontext(lambda _: None)
    from ..output.json import json_file

    return json_file(target)


def _make_folder(folder: Path) -> None:
    """Raises `DarknetError`: before the first image, not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DarknetError(f"{folder}: cannot be made: {error.strerror or error}") from None


def _print_drawn(pictures: Sequence[Path]) -> None:
    if len(pictures) == 1:
        click.echo(f"Picture: {in_line(str(pictures[0]))}", err=True)
    elif pictures:
        click.echo(f"Pictures: {len(pictures)} in {in_line(str(pictures[0].parent))}", err=True)


def picture_paths(files: Sequence[Path], output: Path | None, single: bool) -> list[Path | None]:
    """Where each picture goes; two images of one name get different ones.

    One image is drawn to the file ``output``; several, or an ``output`` that is a directory, to files in it.

    Raises:
        DarknetError: there is no such place, or no picture of that kind.
    """
    from ..formats.atomic import refuse_input
    from ..image.draw import FORMATS

    if output is None:
        output = Path("predictions.jpg" if single else "predictions")
    folder = output.is_dir() or str(output).endswith(("/", "\\"))
    known = output.suffix.lower() in FORMATS
    if not folder and ((single and output.suffix) or known):
        if len(files) > 1:
            raise DarknetError(f"{output}: is one picture for {len(files)} images; name a directory")
        if not known:
            raise DarknetError(f"{output}: cannot write pictures of that kind; choose from {', '.join(FORMATS)}")
        if not output.absolute().parent.is_dir():
            raise DarknetError(f"{output}: the directory {output.parent} does not exist")
        refuse_input(output, *files)
        return [output]
    if output.exists() and not output.is_dir():
        raise DarknetError(f"{output}: is a file; several images need a directory")
    taken = {os.path.realpath(file) for file in files}
    return [_picture_in(output, file, taken) for file in files]


def _picture_in(folder: Path, file: Path, taken: set[str]) -> Path:
    """A name of its own in a directory: not another picture's, and no image's; it is ``taken`` then."""
    suffix = file.suffix.lower() if file.suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp"} else ".jpg"
    stem = "stdin" if file is STDIN else file.stem
    name, count = stem + suffix, 1
    while (place := os.path.realpath(folder / name)) in taken:
        count += 1
        name = f"{stem}_{count}{suffix}"
    taken.add(place)
    return folder / name
