"""``darknet-py synth``."""

from __future__ import annotations

from pathlib import Path

import click

from .command import command
from .options import CfgFile, dialect


@command(
    examples=(
        "darknet-py synth my.cfg my.weights",
        "darknet-py synth yolov3 yolov3-stand-in.weights --seed 1",
    )
)
@click.argument("cfg", type=CfgFile())
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=7, show_default=True, help="Seed of the generator.")
@click.option("--minor", type=click.IntRange(0, 999), default=2, show_default=True, help="Minor version in the header.")
@dialect
def synth(cfg: Path, out: Path, seed: int, minor: int, dialect: str) -> None:
    """Write stand-in weights for the network in CFG to the file OUT.

    The same seed gives the same bytes everywhere: to try, test and time a network whose weights one does not have.
    """
    from ..synth import write_synth

    network = write_synth(cfg, out, seed, minor, dialect)
    click.echo(f"{out}: {network.parameters:,} values for the {len(network.layers)} layers of {cfg}")
