"""``darknet-py classify``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DarknetError, ImageError
from .command import command
from .inputs import (
    conclude,
    find_all,
    images_argument,
    network,
    note_missing_names,
    open_detector,
    pictures,
    progress,
    read_image,
)  # fmt: skip
from .options import EngineOptions, check_targets, engine, write_json

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..detector import Detector
    from ..inference import Ready
    from ..looking import Named
    from ..typing import JsonObject


@command(
    examples=(
        "darknet-py classify dog.jpg                               the model darknet19, fetched at first use",
        "darknet-py classify photos/ --cfg my.cfg --weights my.weights --names my.names --top 3 --json found.json",
    )
)
@images_argument
@network
@click.option(
    "--top",
    type=click.IntRange(1),
    help="How many classes to name [default: top= of the --data file, there 1 without it; else 5].",
)
@engine
@pictures
@click.option("--json", "json_file", metavar="FILE", help="Write the classes as JSON to FILE (- for standard output).")
def classify(
    images: tuple[str, ...], model: str | None, cfg: Path | None, weights: Path | None, names: Path | None,
    data: Path | None, top: int | None, json_file: str | None, **options: Unpack[EngineOptions],
) -> None:  # fmt: skip
    """Name the most probable classes of each IMAGE (a file, a directory of files, or - for standard input).

    Prints what `classifier predict` of the network's Darknet prints: a line per class with its probability; to standard
    error, a line per image.
    """
    from ..output.writers import writers_of

    check_targets(json_file)
    files, bad = find_all(images)
    detector = open_detector(model, cfg, weights, names, data, default="darknet19", **options)
    count = top or _top_of(data)
    detector.check_classifies()
    note_missing_names(detector)
    writers = writers_of(detector.network.dialect)
    results: list[JsonObject] = []
    failed = 0
    with _kept(json_file, results), progress(len(files), "Classifying") as step:
        for file, named in _named(detector, files, count):
            if isinstance(named, DarknetError):
                if len(files) + bad == 1 or not isinstance(named, ImageError):
                    raise named
                failed += 1
                step([f"Error: {named}"], error=True)
                continue
            results.append({"filename": str(file), "classes": [best._asdict() for best in named.classes]})
            about = writers.predicted(str(file), named.seconds)
            lines = writers.classes(named.classes, detector.class_tree, detector.names)
            if json_file == "-":
                step([about, *lines], error=True)
            else:
                step(lines, about)
    conclude(failed, bad, len(files))


def _named(detector: Detector, files: Sequence[Path], count: int) -> Iterator[tuple[Path, Named | DarknetError]]:
    """The classes of each file, or what is wrong with it."""
    from ..image.ahead import Crew
    from ..plan.runner import in_groups

    def load(file: Path) -> Ready | DarknetError:
        try:
            return detector.make_ready(read_image(file), detector.class_view)
        except ImageError as error:
            return error

    with Crew(detector.threads) as crew:
        for group in crew.read(files, load):
            whole = [each.picture for each in group if not isinstance(each.picture, DarknetError)]
            named = iter([one for part in in_groups(whole) for one in detector.name_classes(part, count)])
            for each in group:
                each.share.warn()
                yield each.item, each.picture if isinstance(each.picture, DarknetError) else next(named)


@contextmanager
def _kept(json_file: str | None, results: Sequence[object]) -> Iterator[None]:
    """Write the results at the end, and what there is of them if the run is interrupted."""
    try:
        yield
    except BaseException:
        if json_file and results:
            write_json(json_file, results)
        raise
    if json_file:
        write_json(json_file, results)


def _top_of(data: Path | None) -> int:
    """How many classes Darknet names: `darknet classify` five, `classifier predict` what its data file says, or one."""
    if data is None:
        return 5
    from ..formats.data import read_top

    return read_top(data)
