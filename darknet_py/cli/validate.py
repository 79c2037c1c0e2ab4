"""``darknet-py validate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DarknetError, ImageError
from ..terminal import in_line
from .command import command
from .inputs import STDIN, find_all, network, open_detector
from .options import UNIT, engine, stretch

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..detector import Detector
    from ..loading import LoadOptions
    from ..validate.compare import ImageResult, Tolerance
    from ..validate.run import Thresholds

FILE = click.Path(path_type=Path)


@command(
    examples=(
        "darknet-py validate --reference darknet.log                              what ./darknet detect printed",
        "darknet-py validate --against libdarknet.so photo.jpg --report report.html",
    )
)
@click.argument("images", nargs=-1, metavar="[IMAGE...]", type=FILE)
@network
@stretch
@click.option("--reference", "-r", "references", multiple=True, type=FILE, metavar="PATH",
              help="What to compare with: a trace's JSON, Darknet's printed text, a folder of comp4_det_test_*.txt, "
                   "coco_results.json, or detections as JSON. May be given several times.")  # fmt: skip
@click.option("--against", type=FILE, metavar="LIBRARY", help="Your own libdarknet.so, called live.")
@click.option("--thresh", type=UNIT, help="Instead of what the reference says (or .5; .005 for result files).")
@click.option("--hier-thresh", type=UNIT, help="Instead of what the reference says (or .5).")
@click.option("--nms", type=UNIT, help="Instead of what the reference says (or .45).")
@engine
@click.option("--ulp", type=click.IntRange(0), default=0, show_default=True,
              help="Units in the last place that exact references may be off.")  # fmt: skip
@click.option("--box-iou", type=UNIT, default=0.99, show_default=True, help="Least overlap of boxes that count as one.")
@click.option("--score", type=UNIT, default=0.001, show_default=True, help="Greatest difference of two scores.")
@click.option("--report", type=FILE, metavar="FILE", help="Write the verdict as one self-contained HTML page.")
def validate(
    images: tuple[Path, ...], model: str | None, cfg: Path | None, weights: Path | None, names: Path | None,
    data: Path | None, references: tuple[Path, ...], against: Path | None, thresh: float | None,
    hier_thresh: float | None, nms: float | None, ulp: int, box_iou: float, score: float, report: Path | None,
    **options: Unpack[LoadOptions],
) -> None:  # fmt: skip
    """Compare this engine with reference detections; exit code 0 only if they agree.

    The kind of reference is recognised by its content. Traces and printed texts must agree exactly, other files within
    --box-iou and --score. Images are found by the names in the reference, or given as IMAGE. One that cannot be read is
    named, and the others are compared.
    """
    from ..formats.atomic import check_writable
    from ..validate.compare import Tolerance
    from ..validate.run import Thresholds

    if not references and against is None:
        raise click.UsageError("compare with what? Name a --reference, or --against a libdarknet.so")
    if against is not None and options["size"]:
        raise click.UsageError("--size does not go with --against: the library takes the size from the cfg; edit that")
    files, bad = find_all(images) if images else ([], 0)
    if STDIN in files:
        raise click.UsageError("images are found by their names: standard input has none")
    if report is not None:
        check_writable(report)
    if against is not None and files:
        from ..validate.whose import check_asked

        options["dialect"] = check_asked(against, options["dialect"]).key

    def make_detector(profile: str) -> Detector:
        settings: LoadOptions = {**options, "math": profile}
        if profile != options["math"]:  # of the others that a library is compared with none takes a calibration
            settings["calibration"] = None
        return open_detector(model, cfg, weights, names, data, **settings)

    comparison = _Comparison(make_detector, options["math"], Thresholds(thresh, hier_thresh, nms),
                             Tolerance(ulp, box_iou, score), bad)  # fmt: skip
    comparison.with_references(references, files)
    if against is not None:
        comparison.with_library(against, files)
    if report is not None:
        comparison.write_report(report)
    _conclude(comparison.results, comparison.failures.count)


class _Comparison:
    """One network compared with one reference after the other; collects the verdicts and prints them."""

    def __init__(
        self, make_detector: Callable[[str], Detector], math: str, thresholds: Thresholds, tolerance: Tolerance,
        bad: int,
    ) -> None:  # fmt: skip
        """``make_detector`` opens the network with an arithmetic; ``bad``: how many arguments name no image."""
        self.results: list[ImageResult] = []
        self.failures = _Failures(bad)
        self._detector = make_detector(math)
        self._make, self._math, self._thresholds, self._tolerance = make_detector, math, thresholds, tolerance

    def with_references(self, references: Sequence[Path], files: Sequence[Path]) -> None:
        """Compare with recorded results; ``files``: which images, none for all that the references name."""
        from ..validate.references import read_references
        from ..validate.run import compare_reference, match_images

        read = [
            read_references(path, self._detector.names) for path in references
        ]  # all of them before the first image
        pairs = [pair for each in read for pair in match_images(each, files, self.failures)]
        for reference, image in pairs:
            try:
                result = compare_reference(self._detector, reference, image, self._thresholds, self._tolerance)
            except ImageError as error:
                self.failures(error, alone=len(pairs) == 1)
                continue
            self._add(result)

    def with_library(self, library: Path, files: Sequence[Path]) -> None:
        """Compare with what a libdarknet.so computes, with the arithmetic that fits it best."""
        from ..validate.run import best_profile, compare_library

        if not files:
            raise click.UsageError("--against needs images")
        images = self._readable(files)
        verdicts = compare_library(library, self._open, images, self._thresholds, self._tolerance)
        best = best_profile(verdicts)
        for result in verdicts[best]:
            self._add(result)
        fits = all(result.agrees for result in verdicts[best])
        verdict = f"fits math={best}" if fits else f"fits no profile; math={best} comes closest"
        click.echo(f"{library} ({self._detector.network.dialect.name}): {verdict}")

    def write_report(self, path: Path) -> None:
        """All verdicts as an HTML page."""
        from ..validate.environment import environment, network_facts
        from ..validate.report import write_report

        facts = {**environment(), **network_facts(self._detector)}
        write_report(path, self.results, facts, {result.image: Path(result.image) for result in self.results})

    def _add(self, result: ImageResult) -> None:
        self.results.append(result)
        _print_result(result)

    def _open(self, profile: str) -> Detector:
        return self._detector if profile == self._math else self._make(profile)

    def _readable(self, files: Sequence[Path]) -> list[Path]:
        """The images that can be read: Darknet would end at the first one that cannot."""
        from ..image.load import load_image

        readable = []
        for image in files:
            try:
                load_image(image)
            except ImageError as error:
                self.failures(error, alone=len(files) == 1)
                continue
            readable.append(image)
        return readable


class _Failures:
    """Names on standard error what could not be compared, and counts it; what stands alone is the command's error."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, error: DarknetError, alone: bool = False) -> None:
        if alone and not self.count:
            raise error
        self.count += 1
        click.echo(f"Error: {error}", err=True)


def _print_result(result: ImageResult) -> None:
    """A line for an image, and its differences."""
    if result.agrees:
        click.echo(f"{in_line(result.image)} ({result.reference}): agrees, {result.how}")
        return
    click.echo(f"{in_line(result.image)} ({result.reference}): DIFFERS")
    for problem in result.problems[:10]:
        click.echo(f"  {problem}")
    if len(result.problems) > 10:
        click.echo(f"  and {len(result.problems) - 10} more differences")


def _conclude(results: Sequence[ImageResult], failed: int) -> None:
    good = sum(result.agrees for result in results)
    total = len(results) + failed
    click.echo(f"{good} of {total} agree")
    if good < total:
        raise click.exceptions.Exit(1)
