"""``darknet-py detect``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import DarknetError, ImageError
from ..image.files import find_images
from .inputs import network, open_detector, pictures, progress
from .options import engine, thresholds

if TYPE_CHECKING:
    from ..detect.detections import Detections
    from ..detector import Detector


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path))
@network
@click.option("--map", "class_map", type=click.Path(path_type=Path), help="WordTree nodes that count as classes.")
@click.option("--tree-path", is_flag=True, help="Print the way through the WordTree to each object's class.")
@thresholds
@engine
@pictures
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
    drawn = picture_paths(files, output, single=len(images) == 1 and not images[0].is_dir())
    detector = open_detector(model, cfg, weights, names, data, map=class_map, size=size, math=math, threads=threads)
    detector.check_detects()
    frames: list[dict[str, Any]] = []
    failed = 0
    with progress(len(files)) as step:
        for number, (file, picture) in enumerate(zip(files, drawn, strict=True), start=1):
            try:
                found, lines = _detect_one(detector, file, picture, options)
            except ImageError as error:
                if len(files) == 1:
                    raise
                failed += 1
                step([f"Error: {error}"], error=True)
                continue
            frames.append(_frame(found, number, file))
            step(lines, error=json_file == "-")  # nothing but JSON on standard output then
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
