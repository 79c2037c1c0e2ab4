"""When sizes change and which files are written, as Darknet's programs have it."""

from __future__ import annotations

from dataclasses import dataclass

from .random import Numbers

STEP = 32
"""Sizes are multiples of it."""

LAST = 200
"""In so many batches before the end a detector has its largest size."""


@dataclass(frozen=True)
class Resizing:
    """Training at several sizes (``random=1``): a new one is drawn each ``every`` iterations.

    Attributes:
        low, high: smallest and largest size of the network's square input, multiples of `STEP`.
        every: iterations with one size.
        ends_large: the largest size in the last batches.
    """

    low: int = 320
    high: int = 608
    every: int = 10
    ends_large: bool = True

    def draw(self, numbers: Numbers, batch: int, max_batches: int) -> int:
        """The next size; one draw.

        Args:
            numbers: where random numbers come from.
            batch: number of updates so far.
            max_batches: of the whole training.
        """
        size = (numbers.rand() % ((self.high - self.low) // STEP + 1) + self.low // STEP) * STEP
        return self.high if self.ends_large and batch + LAST > max_batches else size


DETECTOR = Resizing()
"""``detector train``."""

CLASSIFIER = Resizing(128, 448, 40, ends_large=False)
"""``classifier train``."""


@dataclass(frozen=True)
class Saving:
    """Which weights files are written, besides NAME.backup, and when (``train_detector``, ``train_yolo``)."""

    backup_every: int = 100
    last: str = "_final"

    def snapshot(self, batch: int, epochs: tuple[int, int]) -> str | None:
        """What stands behind NAME in the name of a file that is to be kept after an update; None for no file.

        Args:
            batch: number of updates so far.
            epochs: times that the whole training set was seen, before and after the update.
        """
        return f"_{batch}" if batch % 10000 == 0 or (batch < 1000 and batch % 100 == 0) else None


class YoloSaving(Saving):
    """``yolo train``, for YOLOv1."""

    def snapshot(self, batch: int, epochs: tuple[int, int]) -> str | None:
        return f"_{batch}" if batch % 1000 == 0 or (batch < 1000 and batch % 100 == 0) else None


class EpochSaving(Saving):
    """``classifier train``: a file for each epoch."""

    def snapshot(self, batch: int, epochs: tuple[int, int]) -> str | None:
        return f"_{epochs[1]}" if epochs[1] > epochs[0] else None


DETECTOR_FILES = Saving()
YOLO_FILES = YoloSaving()
CLASSIFIER_FILES = EpochSaving(1000, "")
