"""``darknet-py summary``."""

from __future__ import annotations

from pathlib import Path

import click

from .command import command
from .options import CfgFile, engine, note_dialect
from .plans import plan_option, print_plan


@command(
    examples=(
        "darknet-py summary my.cfg",
        "darknet-py summary yolov3                the cfg that comes with darknet-py",
    )
)
@click.argument("cfg", type=CfgFile())
@click.option(
    "--verbose",
    is_flag=True,
    help="Also report options that Darknet does not read, as it does, and what decided for a dialect.",
)
@plan_option
@engine
def summary(
    cfg: Path,
    verbose: bool,
    show_plan: bool,
    size: tuple[int, int] | None,
    math: str,
    threads: int | None,
    dialect: str,
) -> None:
    """Print the layer table of the network in CFG, line for line as its Darknet prints it, and its totals.

    --math and --threads are for --plan.
    """
    from ..network import read_network
    from ..output.layer_table import layer_table
    from ..plan.memory import lay_out

    network = read_network(cfg, size=size, dialect=dialect)
    if verbose:
        note_dialect(network)
    for line in layer_table(network, verbose):
        click.echo(line)
    kept = {layer.index for layer in network.heads} | {network.output_layer.index}
    megabyte = 1e6
    click.echo()
    click.echo(f"layers      {len(network.layers)}")
    click.echo(f"input       {network.input}")
    click.echo(f"parameters  {network.parameters:,} ({network.parameters * 4 / megabyte:.1f} MB)")
    click.echo(f"memory      {lay_out(network, kept).size / megabyte:.1f} MB for activations")
    click.echo(
        f"work        {network.multiply_adds / 1e9:.3f} G multiply-adds ({2 * network.multiply_adds / 1e9:.3f} BFLOPs)"
    )
    if show_plan:
        click.echo()
        print_plan(network, math, threads)
