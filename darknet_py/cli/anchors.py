"""``darknet-py anchors``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .bench import status
from .command import command
from .guard import keep_found
from .options import CfgFile, Size, check_targets, dialect, write_results

if TYPE_CHECKING:
    from ..anchors.boxes import Boxes
    from ..anchors.search import Anchors, Search
    from ..typing import Doubles, JsonObject


class Range(click.ParamType):
    """``1-15``, or a single number."""

    name = "range"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", str(value))
        if not match or not 1 <= (first := int(match[1])) <= (last := int(match[2] or match[1])):
            self.fail(f"'{value}' is no range of numbers; write 1-15", param, ctx)
        return first, last


@command(
    examples=(
        "darknet-py anchors --data my.data --cfg my.cfg --plot anchors.svg",
        "darknet-py anchors --labels labels/ --head yolo --num 9 --size 416",
    )
)
@click.option("--data", type=click.Path(path_type=Path), metavar="FILE",
              help="Darknet .data file, whose train= lists images.")  # fmt: skip
@click.option("--labels", multiple=True, type=click.Path(path_type=Path), metavar="PATH...",
              help="Labels: Darknet .txt files, VOC .xml files, folders of either, COCO .json files.")  # fmt: skip
@click.argument("more", nargs=-1, metavar="", type=click.Path(path_type=Path))
@click.option("--skip-bad", is_flag=True,
              help="Leave out labels that are wrong, and name them, instead of refusing the data set.")  # fmt: skip
@click.option("--num", type=click.IntRange(1, 999), help="How many anchors [default: the cfg's, else 5].")
@click.option("--size", type=Size(), metavar="N|WxH", help="The network's input [default: the cfg's, else 416].")
@click.option("--head", type=click.Choice(["region", "yolo"]),
              help="Anchors in cells of 32 pixels, or in pixels [default: the cfg's, else region].")  # fmt: skip
@click.option("--cfg", type=CfgFile(), help="Network to make anchors for, and to compare with.")
@dialect
@click.option("--letterbox", is_flag=True,
              help="Fit each image into the input, as Darknet does, instead of taking it as stretched.")  # fmt: skip
@click.option("--centroid", type=click.Choice(["best", "mean"]), default="best", show_default=True,
              help="Where a cluster's centre goes: where its average IoU is greatest, or to the mean.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of the random starts.")
@click.option("--tries", type=click.IntRange(1, 10000), default=10, show_default=True,
              help="Random starts; the best counts.")  # fmt: skip
@click.option("--k", "curve", type=Range(), metavar="1-15", help="Average IoU for each number of anchors in a range.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE",
              help="Draw the curve (of 1-15 without --k) and the anchors (.svg or .png).")  # fmt: skip
@click.option("--json", "json_file", metavar="FILE", help="Write all figures as JSON to FILE (- for standard output).")
def anchors(
    data: Path | None, labels: tuple[Path, ...], more: tuple[Path, ...], skip_bad: bool,
    num: int | None, size: tuple[int, int] | None, head: str | None, cfg: Path | None, dialect: str, letterbox: bool,
    centroid: str,
    seed: int, tries: int, curve: tuple[int, int] | None, plot: Path | None, json_file: str | None,
) -> None:  # fmt: skip
    """Find anchors for a data set: k-means over the boxes of its labels, with 1 - IoU as the distance.

    The labels come from the images that a data file lists, or from the files and folders behind --labels. Prints the
    line for a cfg, the average IoU with its values, and how many boxes are nearest to each.
    """
    import numpy as np

    from ..anchors import search
    from ..anchors.plot import write_plot

    if (data is None) == (not (paths := (*labels, *more))):
        raise click.UsageError("give either --data FILE or --labels PATH...")
    check_targets(json_file, plot=plot)
    wanted, own = _settings(cfg, num, size, head, dialect, seed=seed, tries=tries, centroid=centroid)
    target = wanted.target
    with status("anchors") as report:
        boxes = _read(data, paths, letterbox, report, skip_bad)
        keep_found(boxes.files)
        sizes = boxes.letterboxed(target.width, target.height) if letterbox else boxes.sizes
        found = wanted.run(sizes, wanted.num, report)
        if plot is not None and curve is None:
            curve = (1, min(15, len(np.unique(sizes, axis=0))))
        points = _curve(wanted, sizes, found, curve, report)
    theirs = None if own is None else search.measure(sizes, own, target, exact=True)
    err = json_file == "-"
    for note in boxes.notes:
        click.echo(f"Note: {note}", err=True)
    click.echo(f"{_count(len(sizes), 'box', 'boxes')} of {_count(boxes.images, 'image', 'images')}\n", err=err)
    click.echo("\n".join(search.anchor_lines(found, target)), err=err)
    if theirs is not None:
        click.echo(f"\n{cfg}: average IoU {theirs.average_iou:.2%} with its own {len(theirs.values)} anchors", err=err)
    if points:
        click.echo("\n" + "\n".join(search.curve_lines(points)), err=err)
    title = f"{_count(len(sizes), 'box', 'boxes')} of {data or ', '.join(path.name for path in paths[:3])}"
    known = None if theirs is None else (str(cfg), theirs)
    write_results(
        plot, lambda path: write_plot(path, points, found, target, title, known),
        json_file, lambda: _document(wanted, boxes, letterbox, found, (cfg, theirs), points),
    )  # fmt: skip


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _settings(
    cfg: Path | None, num: int | None, size: tuple[int, int] | None, head: str | None, dialect: str, **how: Any
) -> tuple[Search, Doubles | None]:
    """What to search for: as the options say, else as the cfg does; and the cfg's own anchors."""
    from dataclasses import replace

    from ..anchors.search import Search
    from ..anchors.target import Target, target_of

    target, own = Target(), None
    if cfg is not None:
        from ..network import read_network

        target, own = target_of(read_network(cfg, size=size, dialect=dialect))
    width, height = size or (target.width, target.height)
    if head is not None and head != target.head:
        target = replace(target, head=head)
    target = replace(target, width=width, height=height)
    return Search(num or (5 if own is None else len(own)), target, **how), own


def _read(
    data: Path | None, paths: tuple[Path, ...], letterbox: bool, report: Callable[[str], None], skip_bad: bool
) -> Boxes:
    from ..anchors.boxes import read_data_boxes, read_label_boxes
    from ..formats.labels import SkippedLines

    wrong = SkippedLines(lambda text: click.echo(text, err=True)) if skip_bad else None
    boxes = read_label_boxes(paths, report, wrong) if data is None else read_data_boxes(data, letterbox, report, wrong)
    if wrong is not None:
        wrong.close()
    return boxes


def _curve(
    wanted: Search, sizes: Doubles, found: Anchors, curve: tuple[int, int] | None, report: Callable[[str], None]
) -> list[tuple[int, float]]:
    """(k, average IoU) for each k of the range."""
    numbers = range(curve[0], curve[1] + 1) if curve else ()
    return [(k, (found if k == wanted.num else wanted.run(sizes, k, report)).average_iou) for k in numbers]


def _document(
    wanted: Search, boxes: Boxes, letterbox: bool, found: Anchors, compared: tuple[Path | None, Anchors | None],
    points: list[tuple[int, float]],
) -> JsonObject:  # fmt: skip
    from ..anchors.search import as_document

    target = wanted.target
    cfg, theirs = compared
    return {
        "boxes": int(found.counts.sum()),
        "images": boxes.images,
        "notes": list(boxes.notes),
        "num": wanted.num,
        "size": [target.width, target.height],
        "head": target.head,
        "letterbox": letterbox,
        "centroid": wanted.centroid,
        "seed": wanted.seed,
        "tries": wanted.tries,
        **as_document(found, target),
        "cfg": None if theirs is None else {"path": str(cfg), **as_document(theirs, target)},
        "curve": [{"k": k, "average_iou": value} for k, value in points],
    }
