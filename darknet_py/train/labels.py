"""What is in the pictures of a training set: boxes from label files, classes from paths; all checked beforehand."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..errors import DataError
from ..formats.labels import Labelled, label_paths, read_labelled
from ..formats.text import is_file, read_lines
from ..formats.tree import Tree
from ..typing import Floats, Ints

_TAG = re.compile(r"[0-9]{1,9}")

IGNORED = -1234
"""Truth of a group of siblings of which nothing is known (Darknet's SECRET_NUM)."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The boxes of one picture.

    Attributes:
        class_id: int64[n].
        box: float32[n, 4]: centre x, y, width, height, as fractions of the picture.
    """

    class_id: Ints
    box: Floats

    def __len__(self) -> int:
        return len(self.class_id)

    @property
    def class_only(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which of them have a class and no box: x and y are 0."""
        only: np.ndarray[tuple[int], np.dtype[np.bool_]] = (self.box[:, 0] == 0) & (self.box[:, 1] == 0)
        return only


NOTHING = Labels(np.zeros(0, np.int64), np.zeros((0, 4), np.float32))


@dataclass(frozen=True)
class Classes:
    """Which class numbers label files may have.

    Attributes:
        boxes: how many there are for boxes.
        nodes: how many there are for labels without a box (joint training): nodes of the WordTree; 0 if there must be
            no such label.
    """

    boxes: int
    nodes: int = 0


def read_picture_labels(path: str, classes: Classes, wrong: Callable[[DataError], None]) -> Labels:
    """The labels of one file.

    Args:
        path: the label file.
        classes: which numbers there are.
        wrong: called with the error of each line that is none, or has a class that is out of range.
    """
    rows = [row for row in read_labelled(path, wrong) if _allowed(row, classes, path, wrong)]
    if not rows:
        return NOTHING
    return Labels(
        np.array([row.class_id for row in rows], np.int64),
        np.array([[single(word) for word in row.text.split()[1:]] for row in rows], np.float32),
    )


def _allowed(row: Labelled, classes: Classes, path: str, wrong: Callable[[DataError], None]) -> bool:
    only = row.box[0] == 0 and row.box[1] == 0
    most = classes.nodes if only else classes.boxes
    if row.class_id < most:
        return True
    if only and not most:
        message = (
            f"'{row.text.strip()[:60]}' is a class without a box (x and y are 0); only a [region] with a tree learns "
            "from such labels"
        )
    else:
        message = f"class {row.class_id}: there are classes 0 to {most - 1}"
    wrong(DataError(message, path, row.number))
    return False


def single(word: str) -> np.float32:
    """A decimal number rounded to float32 once, as C's ``scanf`` does it, not by way of a double."""
    double = float(word)
    nearest: np.float32 = np.float32(double)
    if float(nearest) == double or not np.isfinite(nearest):
        return nearest
    other = np.nextafter(nearest, np.float32(np.inf if double > float(nearest) else -np.inf), dtype=np.float32)
    if abs(double - float(nearest)) != abs(float(other) - double):
        return nearest
    # The double is half way between two floats: what was cut off from the number decides.
    exact = Fraction(word.strip().lower().replace("_", "")) - Fraction(double)
    if exact == 0:
        return nearest
    return max(nearest, other) if exact > 0 else min(nearest, other)


def read_all_labels(
    pictures: Sequence[str], classes: Classes, wrong: Callable[[DataError], None]
) -> list[Labels | None]:
    """The labels of all pictures; None where the file is missing, which is an error, too.

    Args:
        pictures: their paths.
        classes: which class numbers there are.
        wrong: called with every error.
    """
    found: list[Labels | None] = []
    for picture in pictures:
        path = next((path for path in label_paths(picture) if is_file(path)), None)
        if path is None:
            where = label_paths(picture)[0]
            wrong(DataError(f"there is no label file for {picture}; an empty file says that nothing is in it", where))
        found.append(None if path is None else read_picture_labels(path, classes, wrong))
    return found


def path_truth(path: str, names: Sequence[str], tree: Tree | None = None) -> Floats:
    """What a classifier is to say of a picture: 1 for each class whose name is in its path (``fill_truth``).

    With a WordTree also 1 for their ancestors, and `IGNORED` for all siblings of a group without a 1.

    Returns:
        float32[len(names)].
    """
    truth = np.array([name in path for name in names], np.float32)
    if tree is None:
        return truth
    for node in np.flatnonzero(truth):
        truth[tree.path(int(node))] = 1
    for offset, size in zip(tree.group_offset, tree.group_size, strict=True):
        if not truth[offset : offset + size].any():
            truth[offset : offset + size] = IGNORED
    return truth


def read_tags(path: str, classes: int, wrong: Callable[[DataError], None]) -> Ints:
    """Which tags a picture has: the numbers in its label file, (``load_tags_paths``).

    A picture without a file has no tags.

    Args:
        path: the picture.
        classes: how many tags there are.
        wrong: called with the error of each number that is out of range, or of a word that is none.

    Returns:
        int64[n].
    """
    file = path.replace("images", "labels", 1).replace(".jpg", ".txt", 1)
    tags: list[int] = []
    if file == path or not is_file(file):
        return np.zeros(0, np.int64)
    for number, line in enumerate(read_lines(file), start=1):
        for word in line.split():
            if not _TAG.fullmatch(word):
                wrong(DataError(f"'{word[:60]}' is not the number of a tag", file, number))
            elif int(word) >= classes:
                wrong(DataError(f"tag {word}: there are tags 0 to {classes - 1}", file, number))
            else:
                tags.append(int(word))
    return np.array(tags, np.int64)
