"""``darknet-py calibrate``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..dialect import AUTO
from ..formats.atomic import refuse_input
from ..formats.distinct import refuse_same
from .command import command
from .inputs import conclude, find_all, pictures
from .options import UNIT, CfgFile, ModelName, check_targets, plain_engine, stretch, write_results

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..calibrate.report import Report
    from .options import PlainOptions


@command(
    examples=(
        "darknet-py calibrate my.cfg my.weights photos/",
        "darknet-py calibrate --model yolov3-tiny train.txt --plot report.svg",
    )
)
@click.argument("files", metavar="[CFG WEIGHTS] IMAGE|FOLDER|LIST...", nargs=-1, required=True,
                type=click.Path(path_type=Path))  # fmt: skip
@click.option("--model", "-m", type=ModelName(), help="Released model by name, instead of CFG and WEIGHTS.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
              help="The file to write [default: WEIGHTS.int8.json, where --math int8 looks for it].")  # fmt: skip
@click.option("--method", type=click.Choice(["mse", "percentile", "minmax"]), default="mse", show_default=True,
              help="How a layer's range is chosen: mse, by the least mean squared error; percentile, 99.99 percent of "
                   "its values; minmax, all of them.")  # fmt: skip
@click.option("--agreement", type=UNIT, default=0.9, show_default=True, metavar="N",
              help="Keep layers that hurt in float32 until detections agree with its own: mAP@.5:.95 on the "
                   "pictures set aside (and for .9 a mAP@.5 of .97); of a classifier, the share of equal first "
                   "classes. 0: keep none.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 100000), default=200, show_default=True,
              help="At most so many pictures, chosen by the seed.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
              help="Which pictures are taken, and which half of them is set aside to measure.")  # fmt: skip
@stretch
@plain_engine
@pictures
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw the report (.svg or .png).")
@click.option("--json", "json_file", metavar="FILE", help="Write the report as JSON to FILE (- for standard output).")
def calibrate(
    files: tuple[Path, ...], model: str | None, output: Path | None, method: str, agreement: float, limit: int,
    seed: int, stretch: bool | None, plot: Path | None, json_file: str | None, **options: Unpack[PlainOptions],
) -> None:  # fmt: skip
    """Find the 8-bit scales of a network with some dozens of typical pictures, for --math int8.

    Runs the network over the pictures, which need no labels, and writes a small file beside the weights. The report
    tells what 8 bits do to each layer, and how far detections agree with float32 on pictures that were set aside.
    """
    from ..calibrate.report import report_lines
    from ..calibrate.run import Asked, Calibrator, Pictures, check_computes
    from ..calibration import calibration_path, write_calibration
    from ..formats.hashes import file_sha256
    from ..image.load import load_image
    from ..parameters import load_parameters

    if options["math"] not in ("ieee", "fast"):
        raise click.UsageError("--math of calibrate is the arithmetic to look at the network in: ieee or fast")
    cfg, weights, images, dialect = _find(files, model, options["dialect"])
    target = calibration_path(weights) if output is None else output
    refuse_input(target, cfg, weights)
    if output is None:  # others are told apart by `guard`
        refuse_same(Path(each).resolve() for each in (target, plot, json_file) if each is not None)
    check_targets(target, json_file, plot=plot)
    from ..loading import load

    paths, bad = find_all(_listed(images))
    options["dialect"] = dialect
    detector = load(cfg, weights, names=(), stretch=stretch, **options)
    network, sha256 = detector.network, file_sha256(weights)
    check_computes(network)
    chosen, failed = _readable(_limited(paths, limit, seed))
    calibrator = Calibrator(detector, load_parameters(network, weights), Asked(method, agreement, seed), _bar)
    calibration, report = calibrator.run(Pictures.divide(chosen, seed), load_image)
    write_calibration(calibration, network, weights, target, sha256)
    click.echo("\n".join(report_lines(report)), err=json_file == "-")
    click.echo(f"Saved to {target}", err=True)
    _write(report, plot, json_file)
    conclude(failed, bad, len(chosen) + failed)


@contextmanager
def _bar(count: int, what: str) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal."""
    from ..legacy.progress import counted

    with counted(count, what) as step:
        yield step


def _find(files: tuple[Path, ...], model: str | None, dialect: str) -> tuple[Path, Path, tuple[Path, ...], str]:
    """Cfg, weights, pictures, dialect."""
    if model is None:
        if len(files) < 3:
            raise click.UsageError("give CFG, WEIGHTS and pictures, or --model NAME and pictures")
        return CfgFile().convert(files[0].as_posix(), None, None), files[1], files[2:], dialect
    from ..zoo import find_model
    from .download_bar import TerminalProgress

    found = find_model(model, fetch_missing=True, progress=TerminalProgress())
    return found.cfg, found.weights, files, found.dialect if dialect == AUTO else dialect


def _listed(arguments: Sequence[Path]) -> list[Path]:
    """The arguments with the lists among them read."""
    from ..evaluate.run import read_list

    found: list[Path] = []
    for argument in arguments:
        lists = argument.suffix.lower() in (".txt", ".list") and argument.is_file()
        found += map(Path, read_list(argument)) if lists else [argument]
    return found


def _limited(paths: Sequence[Path], limit: int, seed: int) -> list[Path]:
    """So many of them, by the seed, in their order."""
    import random

    if len(paths) <= limit:
        return list(paths)
    taken = set(random.Random(seed).sample(range(len(paths)), limit))
    return [path for number, path in enumerate(paths) if number in taken]


def _readable(paths: Sequence[Path]) -> tuple[list[Path], int]:
    """Those that are pictures; the others are named, and counted."""
    from ..errors import DarknetError, ImageError
    from ..image.load import load_image

    good: list[Path] = []
    for path in paths:
        try:
            if not path.is_file():
                raise ImageError("is no file, but a calibration reads each picture several times", path)
            load_image(path)
            good.append(path)
        except ImageError as error:
            click.echo(f"Error: {error}", err=True)
    if not good:
        raise DarknetError(f"none of {len(paths)} images can be read")
    return good, len(paths) - len(good)


def _write(report: Report, plot: Path | None, json_file: str | None) -> None:
    from ..calibrate.plot import write_plot
    from ..calibrate.report import document

    write_results(plot, lambda path: write_plot(report, path), json_file, lambda: document(report))
