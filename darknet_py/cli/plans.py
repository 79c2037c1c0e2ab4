"""``--plan``: how a network would be computed, printed by several commands."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..network import Network


plan_option = click.option(
    "--plan", "show_plan", is_flag=True,
    help="Also print the plan: which kernel computes which layer, how, and in which memory; it is verified, too.",
)  # fmt: skip
"""``--plan``."""


def print_plan(network: Network, math: str, threads: int | None, keep: Collection[int] = (), err: bool = False) -> None:
    """Print the plan of a network. Raises `DarknetError` if a check fails, after it is printed."""
    from ..errors import DarknetError
    from ..loading import load_trees
    from ..numeric.arithmetic import get_arithmetic
    from ..plan.cores import usable_cores
    from ..plan.dry import dry_plan
    from ..plan.show import plan_lines
    from ..plan.verify import verify

    plan = dry_plan(
        network, get_arithmetic(math, network.dialect), threads or usable_cores(), load_trees(network), keep
    )
    for line in plan_lines(plan):
        click.echo(line, err=err)
    if problems := verify(plan):
        raise DarknetError(f"{network.path}: the plan has {len(problems)} problems; please report this")
