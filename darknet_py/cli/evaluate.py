"""``darknet-py evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command import command
from .filters import filters
from .guard import keep_found
from .inputs import network, note_missing_names, open_detector, pictures
from .options import UNIT, EngineOptions, check_targets, engine, stretch, write_results

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..evaluate.average_precision import Evaluation
    from ..evaluate.truth import Truth


PATH = click.Path(path_type=Path)


@command(
    examples=(
        "darknet-py evaluate --data my.data --cfg my.cfg --weights my.weights --plot curves.svg",
        "darknet-py evaluate --images valid.txt --model yolov3 --points 101 --json found.json",
    )
)
@network
@click.option("--images", type=PATH, metavar="LIST", help="The images, a path per line [default: valid= of --data].")
@click.option("--difficult", type=PATH, metavar="LIST", help="For each image one whose labels need not be found.")
@click.option(
    "--thresh",
    type=UNIT,
    default=0.25,
    show_default=True,
    help="Probability from which on precision, recall and F1 are computed; AP takes all detections from .005 on.",
)
@click.option("--iou-thresh", type=UNIT, default=0.5, show_default=True, help="Least overlap with an object.")
@click.option(
    "--points",
    type=click.Choice(["0", "11", "101"]),
    default="0",
    show_default=True,
    help="AP by the area under the curve, by VOC 2007's 11 recalls, or by COCO's 101.",
)
@click.option(
    "--found",
    type=PATH,
    metavar="DIR",
    help="Take what was found from an archive (`detect --thresh .005 --parquet DIR`), not from the network.",
)
@click.option("--skip-bad", is_flag=True,
              help="Leave out label lines that are wrong, and name them, instead of refusing the labels.")  # fmt: skip
@stretch
@filters
@engine
@pictures
@click.option("--plot", type=PATH, metavar="FILE", help="Draw precision against recall to a .svg or .png file.")
@click.option("--json", "json_file", metavar="FILE", help="Write everything as JSON to FILE (- for standard output).")
def evaluate(
    model: str | None, cfg: Path | None, weights: Path | None, names: Path | None, data: Path | None,
    images: Path | None, difficult: Path | None, thresh: float, iou_thresh: float, points: str, stretch: bool | None,
    skip_bad: bool, found: Path | None, plot: Path | None, json_file: str | None, **options: Unpack[EngineOptions],
) -> None:  # fmt: skip
    """Measure how good a detector is: average precision of each class over a set of labelled images.

    Labels are Darknet's (`class x y width height`), in `labels/` where the images are in `images/`, or beside them. A
    run that was stopped goes on when it is started again. Images that cannot be read are named, and the others count;
    the exit code is then 1. With --classes, --zone and sizes, only objects count that they let through.
    """
    from ..evaluate.average_precision import evaluate as evaluate_found
    from ..evaluate.found import Setting, unit_of
    from ..evaluate.run import Task
    from ..legacy.progress import counted

    check_targets(json_file, plot=plot)
    listed, paths = _find_images(images, data)
    others = _find_images(difficult, None)[1] if difficult else None
    if others is not None and len(others) != len(paths):
        raise click.UsageError(f"{difficult} has {len(others)} images, {listed} has {len(paths)}")
    detector = open_detector(model, cfg, weights, names, data, **options)
    note_missing_names(detector)
    classes = detector.network.classes
    truths, hard = _read_labels(paths, others, classes, skip_bad)
    view = detector.view
    stretches = detector.network.stretches if stretch is None else stretch
    asked = unit_of(detector.network)
    setting = Setting(stretch=stretches, filter=view.filter, tiles=view.tiles, asked=asked)
    if found is not None:
        from ..evaluate.archived import archived

        results = archived(found, paths, detector, setting)
    else:
        with counted(len(paths), "Evaluating") as step:
            results = Task(detector, paths, listed, setting).run(step, lambda text: click.echo(text, err=True))
    measured = evaluate_found(
        results,
        truths,
        classes,
        thresh=thresh,
        iou_thresh=iou_thresh,
        points=int(points),
        difficult=hard,
        filter=view.filter,
    )
    class_names = detector.names or [str(number) for number in range(classes)]
    title = f"{Path(detector.network.path).stem}, {measured.images} images of {Path(listed).name}"
    _write(measured, class_names, title, plot, json_file)
    if measured.images < len(paths):
        raise click.ClickException(f"{len(paths) - measured.images} of {len(paths)} images could not be read")


def _read_labels(
    paths: list[str], others: list[str] | None, classes: int, skip_bad: bool
) -> tuple[list[Truth], list[Truth] | None]:
    """The objects of the images, and of the list of those that need not be found."""
    from ..evaluate.truth import find_labels, read_truths
    from ..formats.labels import SkippedLines

    every = [*paths, *(others or [])]
    keep_found(label for image in every if (label := find_labels(image)) is not None)
    skipped = SkippedLines(lambda text: click.echo(text, err=True)) if skip_bad else None
    truths, without = read_truths(paths, classes, find_labels, skipped)
    if without:
        click.echo(f"{len(without)} of {len(paths)} images have no label file, {without[0]} first", err=True)
    hard = None if others is None else read_truths(others, classes, find_labels, skipped, needed=False)[0]
    if skipped is not None:
        skipped.close()
    return truths, hard


def _write(found: Evaluation, names: Sequence[str], title: str, plot: Path | None, json_file: str | None) -> None:
    """The table, the curves and the JSON."""
    from ..evaluate.plot import write_plot
    from ..evaluate.report import document, table_lines

    for line in table_lines(found, names, found.images):
        click.echo(line, err=json_file == "-")
    write_results(
        plot, lambda path: write_plot(found, names, title, path),
        json_file, lambda: document(found, names, found.images),
    )  # fmt: skip


def _find_images(images: Path | None, data: Path | None) -> tuple[Path, list[str]]:
    """The list, and what it names: paths that are taken from the working directory, as Darknet takes them."""
    from ..evaluate.run import read_list

    if images is None:
        if data is None:
            raise click.UsageError("which images? Give --images LIST, or --data with a valid= entry")
        from ..errors import DataError
        from ..formats.data import read_data
        from ..loading import find_data_file

        entry = read_data(data).get("valid")
        if entry is None:
            raise DataError("has no valid= entry: name the images with --images LIST", data)
        images = find_data_file(entry, data)
    listed = read_list(images)
    keep_found([images, *listed])
    return images, listed
