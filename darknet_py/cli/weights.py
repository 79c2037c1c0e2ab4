"""``darknet-py weights info|extract|convert``."""

from __future__ import annotations

from pathlib import Path

import click

from .command import Group
from .options import CfgFile, ModelName, dialect, write_json

PATH = click.Path(path_type=Path)

MODEL = click.option("--model", "-m", type=ModelName(), help="A released model's cfg (see `darknet-py fetch --list`).")
CFG = click.option("--cfg", type=CfgFile(), help="The cfg file that the weights belong to.")


def find_network(model: str | None, cfg: Path | None) -> Path | None:
    """The cfg file that ``--model`` or ``--cfg`` names; None if neither is given."""
    if model is None:
        return cfg
    if cfg is not None:
        raise click.UsageError("--model goes without --cfg")
    from ..zoo import model_cfg

    return model_cfg(model)


def _print_notes(notes: list[str]) -> None:
    for note in notes:
        click.echo(f"Note: {note}", err=True)


@click.group(
    cls=Group,
    examples=(
        "darknet-py weights info my.weights --cfg my.cfg",
        "darknet-py weights convert my.weights my.onnx --cfg my.cfg",
    ),
)
def weights() -> None:
    """Look into weights files, cut them, convert them."""


@weights.command(
    examples=(
        "darknet-py weights info my.weights",
        "darknet-py weights info my.weights --cfg my.cfg --json info.json",
    )
)
@click.argument("file", type=PATH, required=False)
@CFG
@MODEL
@dialect
@click.option("--json", "json_file", metavar="FILE", help="Write JSON to FILE (- for standard output).")
def info(file: Path | None, cfg: Path | None, model: str | None, json_file: str | None, dialect: str) -> None:
    """Print what is in the weights FILE: its header, whether it was released, and statistics of its values.

    With a cfg: of each layer's arrays, and whether the file fits; it fails if it does not. With --model and no FILE: of
    that model's weights. Least, greatest, mean and std are of the finite values.
    """
    if file is None:
        if model is None:
            raise click.UsageError("name a weights file, or a --model")
        from ..zoo import find_model

        file = find_model(model).weights
    from ..errors import WeightsError
    from ..network import read_network
    from ..weights import inspect_weights
    from ..zoo.identify import find_release, hash_weights
    from .weights_report import document, lines

    path = find_network(model, cfg)
    found = inspect_weights(file, None if path is None else read_network(path, dialect=dialect))
    hashes = hash_weights(file)
    release = find_release(found.bytes, hashes)
    if json_file:
        write_json(json_file, document(found, path, hashes["sha256"], release))
    else:
        for line in lines(found, path, hashes["sha256"], release):
            click.echo(line)
    if found.problem:
        raise WeightsError(found.problem, file)


@weights.command(
    examples=("darknet-py weights extract yolov3-tiny yolov3-tiny.weights yolov3-tiny.conv.15 --layers 15",)
)
@click.argument("cfg", type=CfgFile())
@click.argument("weights_file", metavar="WEIGHTS", type=PATH)
@click.argument("out", type=PATH)
@click.option("--layers", type=click.IntRange(min=1), required=True, metavar="N", help="How many of the first layers.")
@dialect
def extract(cfg: Path, weights_file: Path, out: Path, layers: int, dialect: str) -> None:
    """Write the weights of the first N layers to OUT, byte for byte as Darknet's command `partial` does.

    To start the training of another network from. Layers without weights count, too: darknet19_448.conv.23 has 23.
    """
    from ..weights import extract as run

    _print_notes(run(cfg, weights_file, out, layers, dialect))
    click.echo(f"{out}: {out.stat().st_size:,} bytes, layers 0 to {layers - 1} of {cfg}")


@weights.command(
    examples=(
        "darknet-py weights convert my.weights my.safetensors --cfg my.cfg",
        "darknet-py weights convert yolov3.weights yolov3.onnx --model yolov3",
    )
)
@click.argument("source", metavar="IN", type=PATH)
@click.argument("out", type=PATH)
@CFG
@MODEL
@dialect
@click.option("--fold-batchnorm", is_flag=True, help="Fold batch normalisation into the weights; writes a cfg, too.")
@click.option("--reset-batchnorm", is_flag=True, help="Fold it, and keep neutral values in its place.")
@click.option("--formula", type=click.Choice(["denormalize", "forward"]), default="denormalize", show_default=True,
              help="Fold as Darknet's command denormalize does, or by what its forward pass computes.")  # fmt: skip
@click.option("--out-cfg", type=PATH, metavar="FILE", help="Where the new cfg goes [default: OUT with .cfg].")
@click.option("--activated", is_flag=True, help="ONNX: with the heads' own activations (logistic, softmax).")
@click.option("--decoded", is_flag=True, help="ONNX: rows of boxes as OpenCV 4's readNetFromDarknet gives them.")
def convert(
    source: Path, out: Path, cfg: Path | None, model: str | None, fold_batchnorm: bool, reset_batchnorm: bool,
    formula: str, out_cfg: Path | None, activated: bool, decoded: bool, dialect: str,
) -> None:  # fmt: skip
    """Write the weights IN to OUT, in the format that its name says: .weights, .npz, .safetensors or .onnx.

    Between the first three nothing is lost, not even a NaN's bits: they go back to the same file. An ONNX model runs in
    other engines; its outputs are what flows into the heads, with --activated what comes out of them, or with --decoded
    the rows of boxes that OpenCV 4 makes of them.
    """
    from ..weights import convert as run

    path = find_network(model, cfg)
    if path is None:
        raise click.UsageError("whose weights are they? Give --cfg or --model")
    if fold_batchnorm and reset_batchnorm:
        raise click.UsageError("--fold-batchnorm goes without --reset-batchnorm")
    if activated and decoded:
        raise click.UsageError("--activated goes without --decoded")
    changed = fold_batchnorm or reset_batchnorm
    for option, given, needed, there in (
        ("--out-cfg", out_cfg is not None, "--fold-batchnorm or --reset-batchnorm", changed),
        ("--formula", formula != "denormalize", "--fold-batchnorm or --reset-batchnorm", changed),
        ("--activated", activated, "an OUT that ends with .onnx", out.suffix.lower() == ".onnx"),
        ("--decoded", decoded, "an OUT that ends with .onnx", out.suffix.lower() == ".onnx"),
    ):
        if given and not there:
            raise click.UsageError(f"{option} needs {needed}")
    batchnorm = "fold" if fold_batchnorm else "reset" if reset_batchnorm else "keep"
    heads = "decoded" if decoded else "activated" if activated else "raw"
    done = run(source, out, path, batchnorm=batchnorm, formula=formula, out_cfg=out_cfg, heads=heads, dialect=dialect)
    _print_notes(done.notes)
    click.echo(f"{out}: {out.stat().st_size:,} bytes")
    if done.cfg:
        click.echo(f"{done.cfg}: the cfg that goes with it")
