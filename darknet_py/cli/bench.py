"""``darknet-py bench``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..terminal import control, visible
from .command import command
from .options import CfgFile, Sizes, check_targets, engine, write_results
from .plans import plan_option, print_plan

if TYPE_CHECKING:
    from collections.abc import Callable


@command(
    examples=(
        "darknet-py bench yolov3-tiny",
        "darknet-py bench yolo-voc --sizes 288,416,544 --against fast,opencv --json times.json",
    )
)
@click.argument("cfgs", nargs=-1, required=True, metavar="CFG...", type=CfgFile())
@click.option("--weights", type=click.Path(path_type=Path), help="Weights of the one CFG [default: stand-ins].")
@engine
@click.option("--sizes", type=Sizes(), metavar="N,WxH,...", help="Measure at each of these input sizes: a table.")
@click.option(
    "--runs", type=click.IntRange(1, 10000), default=10, show_default=True,
    help="Rounds; in each one every engine has a turn of one to five runs.",
)  # fmt: skip
@click.option(
    "--against", default="", metavar="ENGINE,...",
    help="Other engines: opencv, onnxruntime, openvino, openvino-int8 (by NNCF), openvino-bf16, each of "
         "this Python or as ENGINE=PYTHON of another; "
         "darknet=LIBDARKNET.SO; this engine with another arithmetic (fast, ...), on one-thread, or on several "
         "images at a time (batch=4; times are by image).",
)  # fmt: skip
@click.option(
    "--clock", type=click.Choice(["wall", "processor"]), default="wall", show_default=True,
    help="Count the seconds that pass, or those in which a core works for the engine: on a machine that other programs "
         "use as well. Threads that wait actively work, too: best with --threads 1.",
)  # fmt: skip
@plan_option
@click.option("--layers/--no-layers", default=None, help="Print the table of layers [default: yes, not with --sizes].")
@click.option("--json", "json_file", metavar="FILE", help="Write all figures as JSON to FILE (- for standard output).")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw a chart (.svg or .png).")
def bench(
    cfgs: tuple[Path, ...], weights: Path | None, size: tuple[int, int] | None, math: str, calibration: Path | None,
    threads: int | None, dialect: str, sizes: tuple[tuple[int, int], ...], runs: int, against: str, clock: str,
    show_plan: bool, layers: bool | None, json_file: str | None, plot: Path | None,
) -> None:  # fmt: skip
    """Measure how fast the networks CFG... run: every layer, and the whole.

    The percentages are of the ceiling: multiplications and additions in registers only, each rounded, measured
    meanwhile; the convolution's inner loop alone stands beside it. Other engines run the same network on the same
    input, turn by turn with this one; "times ours" is the median over the rounds of their time by ours.
    """
    from ..bench.against import parse_peers
    from ..bench.ceiling import ceiling_of
    from ..bench.machine import describe_machine
    from ..bench.plot import write_plot
    from ..bench.report import document, machine_lines, result_lines
    from ..bench.session import bench as run
    from ..bench.sizes import size_lines, write_size_plot
    from ..network import read_network
    from ..numeric.arithmetic import get_arithmetic
    from ..plan.cores import usable_cores

    if weights is not None and len(cfgs) > 1:
        raise click.UsageError("--weights goes with one CFG")
    if calibration is not None and weights is None:
        raise click.UsageError("--calibration goes with --weights: it is of one weights file")
    if size is not None and sizes:
        raise click.UsageError("give --size or --sizes")
    check_targets(json_file, plot=plot)
    jobs = [(cfg, each) for cfg in cfgs for each in (sizes or [size])]
    for cfg, each in jobs:
        # A size that is not possible is an error before anything is measured.
        network = read_network(cfg, size=each, dialect=dialect)
        if show_plan:
            print_plan(network, math, threads, [head.sources[0] for head in network.heads], err=json_file == "-")
            click.echo(err=json_file == "-")
    get_arithmetic(math).check_here()  # before anything is measured
    peers = parse_peers(against)
    machine, ceiling = describe_machine(), ceiling_of(math, threads or usable_cores())
    results = []
    for cfg, each in jobs:
        with status(f"{cfg} {each[0]}x{each[1]}" if sizes and each else str(cfg)) as report:
            results.append(
                run(
                    cfg,
                    weights,
                    ceiling,
                    size=each,
                    math=math,
                    calibration=calibration,
                    runs=runs,
                    peers=peers,
                    report=report,
                    dialect=dialect,
                    clock=clock,
                )
            )
    for line in machine_lines(machine, ceiling):
        click.echo(line, err=json_file == "-")
    for result in results if layers or not sizes else []:
        click.echo("\n" + "\n".join(result_lines(result, ceiling, layers is not False)), err=json_file == "-")
    for _, group in groupby(results, lambda result: result.network.path) if sizes else []:
        click.echo("\n" + "\n".join(size_lines(list(group), ceiling)), err=json_file == "-")
    draw, found = write_size_plot if sizes else write_plot, document(machine, ceiling, results)
    write_results(plot, lambda path: draw(found, path), json_file, lambda: found)


@contextmanager
def status(label: str) -> Iterator[Callable[[str], None]]:
    """Yields ``report(text)``, which shows what is going on in one line of a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    try:
        yield lambda text: click.echo(f"\r\033[K{visible(label)}: {visible(text)}", control(sys.stderr), nl=False)
    finally:
        click.echo("\r\033[K", control(sys.stderr), nl=False)
