"""How many objects are found by any box at all (Darknet's ``validate_detector_recall``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..output.text import c_float
from .truth import Truth, iou

if TYPE_CHECKING:
    from .found import Found

f32 = np.float32

NONE = f32(0)


@dataclass
class Recall:
    """Counts over the images so far.

    Attributes:
        total, correct: objects, and those that a box overlaps by more than ``iou_thresh``.
        proposals: boxes.
        overlap: sum of the objects' best overlaps, in float32.
        images: how many.
    """

    iou_thresh: float = 0.5
    total: int = 0
    correct: int = 0
    proposals: int = 0
    overlap: np.float32 = NONE
    images: int = 0

    def add(self, found: Found, truth: Truth) -> None:
        """Count an image: boxes in fractions of it, whatever their classes."""
        self.images += 1
        self.proposals += len(found.box)
        for box in truth.box:
            self.total += 1
            best = iou(box, found.box).max(initial=NONE)
            self.overlap += best
            self.correct += bool(best > f32(self.iou_thresh))

    def line(self) -> str:
        """What Darknet prints after each image."""
        with np.errstate(all="ignore"):
            boxes = f32(self.proposals) / f32(self.images)
            overlap = self.overlap * f32(100) / f32(self.total) if self.total else -f32(np.nan)
            recall = 100.0 * self.correct / self.total if self.total else -np.nan
        return (
            f"{self.images - 1:5d} {self.correct:5d} {self.total:5d}\tRPs/Img: {boxes:.2f}\t"
            f"IOU: {c_float(float(overlap), 2)}%\tRecall:{c_float(recall, 2)}%"
        )


def recall_lines(results: Sequence[Found | None], truths: Sequence[Truth]) -> Iterator[str]:
    """A line for each image that could be read, about all up to it."""
    recall = Recall()
    for found, truth in zip(results, truths, strict=True):
        if found is not None:
            recall.add(found, truth)
            yield recall.line()
