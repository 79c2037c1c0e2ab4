"""``darknet-py classify``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import ImageError
from ..image.files import find_images
from .inputs import network, open_detector, pictures, progress
from .options import engine, write_json


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path))
@network
@click.option(
    "--top",
    type=click.IntRange(1),
    help="How many classes to name [default: top= of the --data file, there 1 without it; else 5].",
)
@engine
@pictures
@click.option("--json", "json_file", metavar="FILE", help="Write the classes as JSON to FILE (- for standard output).")
def classify(
    images: tuple[Path, ...], model: str | None, cfg: Path | None, weights: Path | None, names: Path | None,
    data: Path | None, top: int | None, json_file: str | None, **options: Any,
) -> None:  # fmt: skip
    """Name the most probable classes of each IMAGE (a file, or a directory of files), with the model darknet19.

    Prints what Darknet's `classifier predict` prints: a line per class with its probability; to standard error, a line
    per image.
    """
    from ..image.load import load_image
    from ..output.text import class_lines, predicted_line

    files = find_images(images)
    detector = open_detector(model, cfg, weights, names, data, default="darknet19", **options)
    count = top or _top_of(data)
    detector.check_classifies()
    results, failed = [], 0
    with progress(len(files), "Classifying") as step:
        for file in files:
            try:
                found = detector.classify(load_image(file), count)
            except ImageError as error:
                if len(files) == 1:
                    raise
                failed += 1
                step([f"Error: {error}"], error=True)
                continue
            results.append({"filename": str(file), "classes": [best._asdict() for best in found]})
            about = predicted_line(str(file), detector.seconds)
            if json_file == "-":
                step([about, *class_lines(found)], error=True)
            else:
                step(class_lines(found), about)
    if json_file:
        write_json(json_file, results)
    if failed:
        raise click.ClickException(f"{failed} of {len(files)} images could not be read")


def _top_of(data: Path | None) -> int:
    """How many classes Darknet names: `darknet classify` five, `classifier predict` what its data file says, or one."""
    if data is None:
        return 5
    from ..formats.data import read_top

    return read_top(data)
