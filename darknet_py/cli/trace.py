"""``darknet-py trace``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..dialect import AUTO
from .command import command
from .options import CfgName, check_targets, engine, stretch, thresholds, write_json
from .plans import plan_option, print_plan

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..detect.thresholds import Limits
    from ..trace import Trace


@command(
    examples=(
        "darknet-py trace my.cfg my.weights dog.jpg --json trace.json",
        "darknet-py trace yolov3-tiny dog.jpg           a released model with its weights",
    )
)
@click.argument("cfg", metavar="CFG|MODEL", type=CfgName())
@click.argument("files", metavar="[WEIGHTS] IMAGE", nargs=-1, required=True, type=click.Path(path_type=Path))
@stretch
@thresholds
@engine
@plan_option
@click.option("--json", "json_file", metavar="FILE", help="Write JSON to FILE (- for standard output).")
def trace(
    cfg: Path, files: tuple[Path, ...], json_file: str | None, show_plan: bool, stretch: bool | None,
    size: tuple[int, int] | None, math: str, calibration: Path | None, threads: int | None, dialect: str,
    **limits: Unpack[Limits],
) -> None:  # fmt: skip
    """Run IMAGE through the network of CFG and WEIGHTS; print a sha256 of every layer's output.

    Without WEIGHTS, the first word is the name of a released model, whose weights are found or fetched.

    The hashes are of the little-endian float32 values, those of the decoded image and of the network's input included;
    detections come as hexadecimal floats. Two engines agree bit for bit if and only if their traces are the same.
    """
    from ..formats.hashes import file_sha256
    from ..image.load import load_image
    from ..loading import load
    from ..network import read_network
    from ..numeric.arithmetic import get_arithmetic
    from ..trace import trace as run

    check_targets(json_file)
    get_arithmetic(math).check_here()  # before anything is fetched or read
    path, weights, image, own = _find(cfg, files)
    pixels = load_image(image)
    dialect = own if dialect == AUTO else dialect
    network = read_network(path, size=size, dialect=dialect)
    layers = range(len(network.layers))
    if show_plan:
        print_plan(network, math, threads, layers, err=json_file == "-")
    detector = load(
        path, weights, keep=layers, names=(), size=size, math=math, calibration=calibration, threads=threads,
        dialect=dialect, stretch=stretch,
    )  # fmt: skip
    result = {
        "cfg": path.name,
        "weights": {"file": weights.name, "sha256": file_sha256(weights)},
        "image": image.name,
        **run(detector, pixels, **limits),
    }
    if json_file:
        write_json(json_file, result)
    else:
        _print(result)


def _find(cfg: Path, files: tuple[Path, ...]) -> tuple[Path, Path, Path, str]:
    """Cfg, weights, image, and the dialect of a released model."""
    if len(files) > 2:
        raise click.UsageError(f"one image at a time, not {', '.join(map(str, files[1:]))}")
    if len(files) == 2:
        from ..zoo import find_network

        return find_network(cfg), files[0], files[1], AUTO
    from ..zoo import find_model
    from .download_bar import TerminalProgress

    found = find_model(str(cfg), fetch_missing=True, progress=TerminalProgress())
    return found.cfg, found.weights, files[0], found.dialect


def _print(result: Trace) -> None:
    picture = result["decoded"]
    click.echo(f"decoded  {picture['width']} x {picture['height']} x {picture['channels']}  {picture['sha256']}")
    click.echo(f"input    {result['input_sha256']}")
    for number, layer in enumerate(result["layers"]):
        shape = " x ".join(str(extent) for extent in reversed(layer["shape"]))
        click.echo(f"{number:5d} {layer['kind']:15s} {shape:20s} {layer['sha256']}")
    for found in result.get("detections", []):
        probs = ", ".join(f"{number}: {value}" for number, value in found["probs"].items())
        click.echo(f"box {' '.join(found['box'])}  objectness {found['objectness']}  classes {probs}")
