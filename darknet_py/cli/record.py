"""``darknet-py record``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import ImageError
from ..image.files import find_images
from .inputs import network, open_detector
from .options import engine, thresholds, write_json


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path))
@network
@thresholds
@engine
@click.option("--json", "json_file", metavar="FILE", required=True, help="Where to (- for standard output).")
def record(
    images: tuple[Path, ...], model: str | None, cfg: Path | None, weights: Path | None, names: Path | None,
    data: Path | None, json_file: str, size: tuple[int, int] | None, math: str, threads: int | None, **options: Any,
) -> None:  # fmt: skip
    """Record what this engine computes for each IMAGE, as a reference for `darknet-py validate`.

    Hashes of every layer's output and the boxes as hexadecimal floats, with versions, machine, arithmetic and hashes of
    all files. An image that cannot be read is named, and the others are recorded; the exit code is then 1.
    """
    from ..formats.atomic import check_writable
    from ..image.load import load_image
    from ..trace import file_sha256, trace
    from ..validate.environment import environment, network_facts

    if json_file != "-":
        check_writable(json_file)
    files = find_images(images)
    detector = open_detector(model, cfg, weights, names, data, size=size, math=math, threads=threads)
    recorded: list[dict[str, Any]] = []
    failed = 0
    for file in files:
        try:
            pixels = load_image(file)
        except ImageError as error:
            failed += 1
            click.echo(f"Error: {error}", err=True)
            continue
        recorded.append(
            {"image": str(file), "image_sha256": file_sha256(file), **trace(detector, pixels, **options)}
        )  # fmt: skip
    if recorded:
        write_json(json_file, {**environment(), **network_facts(detector), "images": recorded})
    if failed:
        raise click.ClickException(f"{failed} of {len(files)} images could not be read")
