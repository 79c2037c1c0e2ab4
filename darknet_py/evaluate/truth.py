"""What is really in the images of a validation set: the boxes of their label files, with their classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError
from ..formats.labels import Wrong, label_paths, read_labelled, refuse_wrong
from ..formats.text import is_file

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Truth:
    """The boxes of one image.

    Attributes:
        class_id: int64, n.
        box: float32, n x 4: centre x, y, width, height, as fractions of the image.
    """

    class_id: NDArray[np.int64]
    box: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.class_id)

    def __getitem__(self, rows: NDArray[np.bool_]) -> Truth:
        """Some of them."""
        return Truth(self.class_id[rows], self.box[rows])


NOTHING = Truth(np.zeros(0, np.int64), np.zeros((0, 4), np.float32))


def find_labels(image: str) -> Path | None:
    """An image's label file, if there is one (Darknet's places and AlexeyAB's)."""
    return next((Path(path) for path in label_paths(image) if is_file(path)), None)


def read_truth(path: str | Path, classes: int, wrong: Wrong | None = None) -> Truth:
    """The boxes of a label file.

    Args:
        path: the file.
        classes: how many the network has.
        wrong: called with the error of each line that is left out.

    Raises:
        DataError: a line is no label, or its class is none of the network's (never with ``wrong``).
    """
    lines = read_labelled(path, wrong, classes)
    if not lines:
        return NOTHING
    return Truth(
        np.array([line.class_id for line in lines], np.int64), np.array([line.box for line in lines], np.float32)
    )


def read_truths(
    images: Sequence[str], classes: int, find: Callable[[str], Path | None] = find_labels, wrong: Wrong | None = None,
    needed: bool = True,
) -> tuple[list[Truth], list[str]]:  # fmt: skip
    """The boxes of all images, and the images that have no label file (of which nothing is expected then).

    Args:
        images: the files.
        classes: how many the network has.
        find: gives the paths where an image's labels may be.
        wrong: called with the error of each line that is left out.
        needed: at least one image must have a label file.

    Raises:
        DataError: there is no label file at all, or lines are wrong and there is no ``wrong``: the first of them, and
            how many there are.
    """
    truths, without = [], []
    errors: list[DataError] = []
    for image in images:
        path = find(image)
        if path is None:
            without.append(image)
        truths.append(NOTHING if path is None else read_truth(path, classes, wrong or errors.append))
    if needed and len(without) == len(images):
        tried = " or ".join(label_paths(images[0]))
        raise DataError(f"none of the images has a label file; that of the first would be {tried}", images[0])
    refuse_wrong(errors)
    return truths, without


@np.errstate(all="ignore")
def iou(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of a box with each of the others (n x 4), in float32 as Darknet's ``box_iou``."""
    half = np.float32(0.5)
    low = np.maximum(box[:2] - box[2:] * half, others[:, :2] - others[:, 2:] * half)
    high = np.minimum(box[:2] + box[2:] * half, others[:, :2] + others[:, 2:] * half)
    side = high - low
    common = np.where((side < 0).any(axis=1), np.float32(0), side[:, 0] * side[:, 1])
    union = box[2] * box[3] + others[:, 2] * others[:, 3] - common
    found: NDArray[np.float32] = np.where(common == 0, np.float32(0), common / union)
    return found
