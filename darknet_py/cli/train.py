"""``darknet-py train``."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .command import command
from .guard import keep_found
from .options import MATH, CfgFile, Size, dialect

if TYPE_CHECKING:
    from ..errors import DarknetError
    from ..train.data import TrainingFiles
    from ..train.opening import Asked, Plan
    from ..train.score import Scorer
    from ..train.training import Training

PATH = click.Path(path_type=Path)

PAPERS_OBJECTNESS = 0.3
"""YOLO9000, section 4: "we also assume that the predicted box overlaps what would be the ground truth label by at least
.3 IOU"."""

MOST_NAMED = 1000
"""Wrong lines that are named; of more their number is told."""


class SizeRange(click.ParamType):
    """``96-160``: from the smallest to the largest size, in steps of 32."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        first, _, last = str(value).partition("-")
        low, high = (Size().convert(part, param, ctx)[0] for part in (first, last or first))
        if low % 32 or high % 32 or low > high:
            self.fail(f"'{value}' is no range of sizes: write two multiples of 32, as 320-608", param, ctx)
        return low, high


@command(
    examples=(
        "darknet-py train my.data my.cfg darknet53.conv.74 --map 100",
        "darknet-py train my.data my.cfg --resume             go on after Ctrl-C, or a crash",
        "darknet-py train my.data my.cfg --dry-run            check all files, show what would happen",
    )
)
@click.argument("data", type=PATH)
@click.argument("cfg", type=CfgFile())
@click.argument("weights", required=False, type=PATH)
@click.option("--iterations", type=click.IntRange(1, 2**31), metavar="N",
              help="Stop after so many updates [default: at max_batches of the cfg].")  # fmt: skip
@click.option("--resume", is_flag=True,
              help="Go on from the last checkpoint, to the same bits as without the break.")  # fmt: skip
@click.option("--clear", is_flag=True, help="Start at batch 0, whatever the weights file says of images seen.")
@click.option("--dry-run", is_flag=True,
              help="Train nothing: check all files, print schedule and memory, draw the first batch.")  # fmt: skip
@click.option("--picture", type=PATH, metavar="FILE",
              help="Where --dry-run draws the first batch [default: NAME-batch.png in the folder].")  # fmt: skip
@click.option("--map", "map_every", type=click.IntRange(1, 2**31), metavar="N",
              help="Evaluate the pictures of valid= after every N updates.")  # fmt: skip
@click.option("--backup", type=PATH, metavar="FOLDER", help="Where weights files go [default: backup= of DATA].")
@click.option("--checkpoint", type=click.IntRange(1, 2**31), metavar="N",
              help="Write NAME.backup and its state after every N updates [default: 100, of a classifier 1000], and "
                   "after ten minutes.")  # fmt: skip
@click.option("--chart", type=PATH, metavar="FILE",
              help="The chart of the training, .svg or .png [default: NAME-chart.svg in the folder].")  # fmt: skip
@click.option("--no-chart", is_flag=True, help="Draw no chart.")
@click.option("--tensorboard", type=PATH, metavar="FOLDER",
              help="Also write what the chart shows for TensorBoard (needs the package tensorboard or tensorboardX).",
              )  # fmt: skip
@click.option("--lines", is_flag=True, help="Also print what Darknet's heads print of each call.")
@click.option("--skip-bad", is_flag=True,
              help="Leave out what is wrong in lists and labels, and name it, instead of refusing all.")  # fmt: skip
@click.option("--quick-check", is_flag=True,
              help="Do not decode all pictures before the start (--resume never does).")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True,
              help="Of all random numbers. The result is the same for any number of threads.")  # fmt: skip
@click.option("--rand", type=click.Choice(["own", "darknet"]), default="own", show_default=True,
              help="own: the pictures and the network draw from a stream of random numbers each; darknet: both from "
                   "one, in Darknet's order.")  # fmt: skip
@click.option("--sizes", type=SizeRange(), metavar="LOW-HIGH",
              help="Input sizes of random=1 [default: Darknet's, 320-608, of a classifier 128-448].")  # fmt: skip
@click.option("--darknet-deltas", is_flag=True,
              help="A 1x1 convolution overwrites the gradient of its input, as in Darknet's CPU code; else it adds to "
                   "it.")  # fmt: skip
@click.option("--paper-class-objectness", "paper", is_flag=True,
              help="In a picture of which only the class is known, the best anchor's objectness is pulled up to .3, as "
                   "the paper says, and the others' are left alone; Darknet pulls those down.")  # fmt: skip
@click.option("--math", "math", type=MATH, default="ieee", show_default=True,
              help="Arithmetic: ieee, Darknet's bits; fast, for speed: nearly the same numbers, the same on each run.",
              )  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 1024), help="Worker threads [default: all usable cores].")
@click.option("--workers", type=click.IntRange(1, 64), help="Threads that make pictures [default: up to 4].")
@dialect
def train(
    data: Path, cfg: Path, weights: Path | None, iterations: int | None, resume: bool, clear: bool, dry_run: bool,
    picture: Path | None, map_every: int | None, backup: Path | None, checkpoint: int | None, chart: Path | None,
    no_chart: bool, tensorboard: Path | None, lines: bool, skip_bad: bool, quick_check: bool, rand: str, paper: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Train the network of CFG with the pictures and labels that DATA names, as Darknet's detector train does, or for
    classifiers classifier train.

    DATA has train= (a list of pictures; labels are beside them, in labels/ for images/), backup= (a folder), and for
    classifiers classes= and labels=. WEIGHTS may be a partial file (darknet53.conv.74): what it does not have starts at
    random. Weights files are those of Darknet, NAME_final.weights the last.
    """
    from ..chart import writer
    from ..train.opening import Asked
    from ..train.training import Habits, base_name, saving_of

    asked = Asked(
        darknets_rand=rand == "darknet", clear=clear, class_objectness=PAPERS_OBJECTNESS if paper else 0.0,
        decode=not quick_check and not resume, **options,
    )  # fmt: skip
    plan = _check(data, cfg, asked, backup, skip_bad)
    folder, name = plan.files.backup, base_name(Path(plan.network.path))
    chart = None if no_chart else chart or folder / f"{name}-chart.svg"
    if chart is not None:
        writer(chart)
    habits = Habits(saving_of(plan.network), checkpoint, map_every or 0, chart)
    if not plan.options.max_batches and iterations is None and plan.network.heads:
        raise click.UsageError("the cfg has max_batches=0, which trains nothing: give --iterations N, or change it")
    if dry_run:
        _show_plan(plan, weights, picture or folder / f"{name}-batch.png", iterations)
        return
    scorer = _scorer(plan) if map_every else None
    click.echo(f"{plan.need}")
    with plan.open(weights, habits, resume, click.echo) as training:
        training.scorer = scorer
        _run(training, iterations, lines, tensorboard)


def _check(data: Path, cfg: Path, asked: Asked, backup: Path | None, skip: bool) -> Plan:
    """Read all files; what is wrong with pictures and labels is named, each on a line."""
    from ..legacy.progress import counted
    from ..train.data import read_training_files
    from ..train.opening import plan_training

    files = read_training_files(data, backup=None if backup is None else str(backup))
    if backup is not None:
        files = _with_backup(files, backup)
    told = 0

    def tell(error: DarknetError) -> None:
        nonlocal told
        told += 1
        if told <= MOST_NAMED:
            click.echo(f"left out: {error}" if skip else f"Error: {error}", err=True)

    with ExitStack() as stack:
        plan = plan_training(
            cfg, files, asked, tell, skip=skip,
            step=lambda count: stack.enter_context(counted(count, "Checking pictures")),
        )  # fmt: skip
    if told > MOST_NAMED:
        click.echo(f"and {told - MOST_NAMED} more", err=True)
    keep_found([files.train, *plan.samples.paths])
    return plan


def _with_backup(files: TrainingFiles, backup: Path) -> TrainingFiles:
    from dataclasses import replace

    return replace(files, backup=backup)


def _scorer(plan: Plan) -> Scorer:
    from ..errors import DataError
    from ..evaluate.run import read_list
    from ..loading import find_data_file
    from ..train.score import Scorer

    entry = plan.files.options.get("valid")
    if entry is None:
        raise DataError("has no valid= entry: --map needs the list of pictures to evaluate with", plan.files.path)
    return Scorer(
        plan.network, read_list(find_data_file(entry, plan.files.path)), plan.computing.threads, plan.asked.math
    )


def _names(plan: Plan) -> list[str]:
    """The class names that the data file leads to, for pictures; none where it leads to none."""
    from ..errors import DarknetError
    from ..formats.data import read_names
    from ..loading import find_data_file

    options = plan.files.options
    entry = options.get("names") or options.get("labels")
    try:
        return [] if entry is None else list(read_names(find_data_file(entry, plan.files.path)))
    except DarknetError:
        return []


def _show_plan(plan: Plan, weights: Path | None, picture: Path, iterations: int | None) -> None:
    from ..image.draw import save_image
    from ..train.report import plan_lines

    names = _names(plan)
    for line in plan_lines(plan, weights, iterations, names):
        click.echo(line)
    picture.parent.mkdir(parents=True, exist_ok=True)
    save_image(picture, plan.preview(names))
    click.echo(f"first batch: {picture}")


def _run(training: Training, iterations: int | None, lines: bool, tensorboard: Path | None) -> None:
    from ..train.board import Board
    from ..video.stop import stopping
    from .train_progress import Progress

    session = training.session
    if session.is_done():
        click.echo(
            f"batch {session.trainer.batch_number} of max_batches={session.max_batches} is done already, says the "
            "weights file: there is nothing left to train; --clear starts at 0"
        )
    written = nullcontext() if tensorboard is None else Board(tensorboard)
    with stopping(training.stop), Progress(training, iterations, lines) as progress, written as board:
        for done in training.run(iterations):
            progress.show(done)
            if board is not None:
                board.add(training.history[-1])
