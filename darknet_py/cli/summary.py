"""``darknet-py summary``."""

from __future__ import annotations

from pathlib import Path

import click

from .command import command
from .options import CfgFile, plain_engine
from .plans import plan_option, print_plan
from .verbose import is_verbose


@command(
    examples=(
        "darknet-py summary my.cfg",
        "darknet-py summary yolov3                the cfg that comes with darknet-py",
    )
)
@click.argument("cfg", type=CfgFile())
@plan_option
@plain_engine
def summary(
    cfg: Path,
    show_plan: bool,
    size: tuple[int, int] | None,
    math: str,
    threads: int | None,
    dialect: str,
) -> None:
    """Print the layer table of the network in CFG, line for line as its Darknet prints it, and its totals.

    --math and --threads are for --plan. With --verbose the table also has the options that Darknet does not read.
    """
    from ..network import read_network
    from ..output.layer_table import printed_table
    from ..plan.memory import lay_out

    network = read_network(cfg, size=size, dialect=dialect)
    for line in printed_table(network, verbose=is_verbose()):
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
