"""``darknet-py record``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ImageError
from .command import command
from .inputs import STDIN, conclude, find_all, images_argument, network, open_detector, read_image
from .options import check_targets, engine, stretch, thresholds, write_json

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..detect.thresholds import Limits
    from ..typing import JsonObject


@command(
    examples=(
        "darknet-py record photos/ --json reference.json",
        "darknet-py validate --reference reference.json      later, or on another machine",
    )
)
@images_argument
@network
@stretch
@thresholds
@engine
@click.option("--json", "json_file", metavar="FILE", required=True, help="Where to (- for standard output).")
def record(
    images: tuple[str, ...], model: str | None, cfg: Path | None, weights: Path | None, names: Path | None,
    data: Path | None, json_file: str, size: tuple[int, int] | None, math: str,
    calibration: Path | None, threads: int | None, dialect: str, stretch: bool | None, **limits: Unpack[Limits],
) -> None:  # fmt: skip
    """Record what this engine computes for each IMAGE, as a reference for `darknet-py validate`.

    Hashes of every layer's output and the boxes as hexadecimal floats, with versions, machine, arithmetic and hashes of
    all files. An image that cannot be read is named, and the others are recorded; the exit code is then 1.
    """
    from ..formats.hashes import file_sha256
    from ..trace import trace
    from ..validate.environment import environment, network_facts

    files, bad = find_all(images)
    if STDIN in files:
        raise click.UsageError("a reference needs images that are files: validate will look for them")
    check_targets(json_file)
    detector = open_detector(
        model, cfg, weights, names, data, size=size, math=math, calibration=calibration, threads=threads,
        dialect=dialect, stretch=stretch,
    )  # fmt: skip
    recorded: list[JsonObject] = []
    for file in files:
        try:
            pixels = read_image(file)
        except ImageError as error:
            if len(files) + bad == 1:
                raise
            click.echo(f"Error: {error}", err=True)
            continue
        found = trace(detector, pixels, **limits)
        recorded.append({"image": str(file), "image_sha256": file_sha256(file), **found})
    if recorded:
        write_json(json_file, {**environment(), **network_facts(detector), "images": recorded})
    conclude(len(files) - len(recorded), bad, len(files))
