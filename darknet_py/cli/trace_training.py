"""``darknet-py trace-training``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .command import command
from .options import MATH, CfgFile, check_targets, write_json


@command(
    examples=(
        "darknet-py trace-training my.cfg my.weights calls.npz --seen 0 --json trace.json",
        "darknet-py trace-training my.cfg my.weights calls.npz --darknet-deltas",
    )
)
@click.argument("cfg", type=CfgFile())
@click.argument("weights", type=click.Path(path_type=Path))
@click.argument("calls", metavar="IN.npz", type=click.Path(path_type=Path))
@click.option(
    "--seen", type=click.IntRange(0, 2**62), help="Images seen before [default: those of the weights' header]."
)
@click.option("--rand-seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True,
              help="Seed of the C library's rand(), which [dropout], [crop] and others draw from.")  # fmt: skip
@click.option("--darknet-deltas", is_flag=True,
              help="A 1x1 convolution overwrites the gradient of its input, as in Darknet's CPU code; else it adds to "
                   "it.")  # fmt: skip
@click.option(
    "--math",
    "math",
    type=MATH,
    default="ieee",
    show_default=True,
    help="Arithmetic: ieee, Darknet's bits; fast, nearly the same numbers.",
)
@click.option("--threads", type=click.IntRange(1, 1024), help="Worker threads [default: all usable cores].")
@click.option("--json", "json_file", metavar="FILE", help="Write JSON to FILE (- for standard output).")
def trace_training(
    cfg: Path, weights: Path, calls: Path, seen: int | None, rand_seed: int, json_file: str | None, **options: Any
) -> None:
    """Train the network of CFG and WEIGHTS on the calls in IN.npz; print a sha256 of everything that happens.

    IN.npz has the arrays x0, x1, ...: the images of each call, float32 (batch, channels, height, width), where batch is
    that of the cfg over its subdivisions; and y: float32 (calls, batch, labels). A call's images may have another size
    than the one before: the network is resized.

    Of each call there are the cost, the learning rate, Darknet's lines, and for each layer its output, its gradient
    (delta), the parameters afterwards and their updates. Nothing is written but the trace.
    """
    from ..formats.hashes import file_sha256
    from ..train.calls import read_calls
    from ..train.random import GlibcRandom
    from ..train.trace import trace_steps
    from ..train.trainer import Trainer

    check_targets(json_file)
    trainer = Trainer.open(cfg, weights, seen=seen, random=GlibcRandom(rand_seed), **options)
    result = {
        "cfg": cfg.name,
        "weights": {"file": weights.name, "sha256": file_sha256(weights)},
        "input": calls.name,
        "rand_seed": rand_seed,
        "darknet_deltas": options["darknet_deltas"],
        "steps": trace_steps(trainer, read_calls(calls, trainer)),
    }
    if json_file:
        write_json(json_file, result)
    else:
        _print(result["steps"])


def _print(steps: list[dict[str, Any]]) -> None:
    for number, step in enumerate(steps):
        updated = ", updated" if step["updated"] else ""
        click.echo(f"call {number}: cost {step['cost']}, seen {step['seen']}, rate {step['rate']}{updated}")
        for line in step["printed"]:
            click.echo(line)
        for layer in step["layers"]:
            for name in ("output", "head_delta", "delta"):
                if name in layer:
                    click.echo(f"{layer['index']:5d} {layer['type']:15s} {name:17s} {layer[name][0]}")
            for name, (digest, _) in layer.get("after", {}).items():
                click.echo(f"{layer['index']:5d} {layer['type']:15s} {name:17s} {digest}")
