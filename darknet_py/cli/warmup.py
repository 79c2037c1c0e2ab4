"""``darknet-py warmup``."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from .command import command
from .options import MATH


@command(
    examples=(
        "darknet-py warmup",
        "darknet-py warmup --math all --training",
    )
)
@click.option(
    "--math", "math", multiple=True, default=("ieee",), type=click.Choice([*MATH.choices, "all"]), show_default=True,
    help="Arithmetic to prepare, as for detect; may be given several times; all: whatever runs here.",
)  # fmt: skip
@click.option("--training", is_flag=True, help="Also what train needs.")
def warmup(math: tuple[str, ...], training: bool) -> None:
    """Compile all kernels now, so that no later command has to.

    The first command that needs a kernel compiles it for this processor and keeps it on disk: in the installation if
    it may write there, else in your cache folder; NUMBA_CACHE_DIR names another folder. In an image of a container or
    in CI, do it once, as the user and on the kind of processor that will run it.
    """
    from ..warmup import need_profiles, warm_up

    profiles = need_profiles(math)
    more: Iterable[tuple[str, Callable[[], None]]] = ()
    if training:
        from ..train.warming import training_steps

        more = training_steps(profiles)
    done = warm_up(profiles, report=lambda text: click.echo(text, err=True), more=more)
    where = f"kept below {done.folder}" if done.folder else "and not kept: no folder can be written to"
    if done.compiled:
        click.echo(f"{done.compiled} kernels compiled in {done.seconds:.1f} s, {where}")
    else:
        click.echo(f"All kernels were compiled before, {where}")
