"""What decoding gives: boxes with objectness and class probabilities, before non-maximum suppression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..typing import Floats

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes in the order of Darknet's ``get_network_boxes``.

    Attributes:
        box: float32, n x 4: centre x, y, width, height, as fractions of the image (or pixels, where asked for).
        objectness: float32, n; 0 where it is not above the threshold.
        kept: int64, m: numbers of the boxes whose objectness is not 0. The others have no class above the threshold.
        prob: float32, m x classes: probability of each class in the boxes ``kept``; 0 where not above the threshold.
        flushed: computed with denormal numbers as zero, and to be worked on so.
        uncertainty: float32, n x 4, of ``[Gaussian_yolo]``: of x, y, width and height; None where no head knows it.
    """

    box: Floats
    objectness: Floats
    kept: Indices
    prob: Floats
    flushed: bool = False
    uncertainty: Floats | None = None

    def __len__(self) -> int:
        return len(self.objectness)


def join(parts: Sequence[Candidates], flushed: bool) -> Candidates:
    """The candidates of one head or more, one head after the other."""
    starts = np.cumsum([0, *(len(part) for part in parts)])[:-1]
    return Candidates(
        np.concatenate([part.box for part in parts]),
        np.concatenate([part.objectness for part in parts]),
        np.concatenate([part.kept + start for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.prob for part in parts]) if len(parts) > 1 else parts[0].prob,
        flushed,
        _join_uncertainty(parts),
    )


def _join_uncertainty(parts: Sequence[Candidates]) -> Floats | None:
    if all(part.uncertainty is None for part in parts):
        return None
    return np.concatenate(
        [np.zeros((len(part), 4), np.float32) if part.uncertainty is None else part.uncertainty for part in parts]
    )
