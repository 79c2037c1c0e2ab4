"""What a Darknet prints and writes, by dialect: lines, JSON, label files, the layer table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..dialect import ALEXEYAB, PJREDDIE
from ..network import layer_table
from . import alexeyab, text
from .alexeyab_table import alexeyabs_table

if TYPE_CHECKING:
    from pathlib import Path

    from ..detect.classify import Classification
    from ..detect.detections import Detections
    from ..dialect import Dialect
    from ..formats.tree import Tree
    from ..network import Network


@dataclass(frozen=True)
class Writers:
    """The texts of one Darknet.

    Attributes:
        table: a network's layer table; with the flag also what is unused in its cfg.
        before_image: lines about the network that precede each image.
        predicted: the line with an image's path and time in seconds.
        rows: the rows of what was found and their lines, in the order of the lines; with the flag in his form with
            places, if he has one.
        frame: the lines of a demo's frame, likewise.
        classes: lines about a classifier's best classes, with its WordTree, if it has one, and all names.
        files: writers of files besides pictures, if he has such files.
        before_accuracy: what ``classifier valid`` prints first.
        tells_guesses: it also prints a line about each image.
    """

    table: Callable[[Network, bool], list[str]]
    before_image: Callable[[Network], Iterable[str]]
    predicted: Callable[[str, float], str]
    rows: Callable[[Detections, bool], Iterable[tuple[int, str]]]
    frame: Callable[[Detections, bool], Iterable[str]]
    classes: Callable[[Sequence[Classification], Tree | None, Sequence[str]], list[str]]
    files: FileWriters | None = None
    before_accuracy: tuple[str, ...] = ()
    tells_guesses: bool = True

    def lines(self, found: Detections, places: bool = False) -> list[str]:
        """The lines about an image."""
        return [line for _, line in self.rows(found, places)]

    def tree_lines(self, found: Detections) -> list[str]:
        """`lines`, each followed by the way through the WordTree: nodes with their probability given the parent."""
        lines = []
        for row, line in self.rows(found, False):
            steps = (f"{step.name} {step.conditional:.0%}" for step in found.tree_paths[row])
            lines += [line, "  " + " > ".join(steps)]
        return lines


@dataclass(frozen=True)
class FileWriters:
    """The files of a Darknet that writes some besides pictures.

    Attributes:
        json: an image or, without a path, a frame as an object: what was found, its number from 1, the path.
        json_array: the text of a file of such objects.
        labels: what was found as the text of a label file.
        label_file: where an image's label file is.
    """

    json: Callable[[Detections, int, str | None], str]
    json_array: Callable[[Sequence[str]], str]
    labels: Callable[[Detections], str]
    label_file: Callable[[str], Path]


ALEXEYABS_FILES = FileWriters(alexeyab.json_text, alexeyab.json_array, alexeyab.label_text, alexeyab.label_file)

WRITERS: dict[str, Writers] = {
    PJREDDIE.key: Writers(
        table=layer_table, before_image=lambda network: (), predicted=text.predicted_line,
        rows=lambda found, places: enumerate(text.darknet_lines(found)),
        frame=lambda found, places: text.darknet_lines(found), classes=lambda found, *_: text.class_lines(found),
    ),
    ALEXEYAB.key: Writers(
        table=alexeyabs_table, before_image=alexeyab.layer_lines, predicted=alexeyab.predicted_line,
        rows=alexeyab.object_rows, frame=alexeyab.frame_lines, classes=alexeyab.class_lines,
        files=ALEXEYABS_FILES, before_accuracy=(" TOP calculation...", ""), tells_guesses=False,
    ),
}  # fmt: skip
"""Writers by the dialect's key: nothing else chooses a text by dialect."""


def writers_of(dialect: Dialect) -> Writers:
    """The writers of a dialect."""
    return WRITERS[dialect.key]
