"""A batch as the network gets it, in one picture with the boxes that it is to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..detect.detections import Detections
from ..image.draw import draw_detections
from .augment import CLASS_ONLY
from .truth import Boxes, Cells, Truth

if TYPE_CHECKING:
    from ..typing import Floats, Pixels

MOST = 16
"""Pictures that are shown."""

_GAP = 4
_WHOLE = (0.5, 0.5, 1.0, 1.0)


def sheet(x: Floats, y: Floats, truth: Truth, names: Sequence[str]) -> Pixels:
    """The first pictures of a batch, side by side.

    Args:
        x: float32[n, 3, h, w].
        y: float32[n, length].
        truth: what ``y`` is.
        names: of the classes; numbers are shown without.

    Returns:
        uint8[height, width, 3].
    """
    count = min(len(x), MOST)
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    h, w = x.shape[2:]
    out = np.full((rows * (h + _GAP) - _GAP, columns * (w + _GAP) - _GAP, 3), 255, np.uint8)
    for number in range(count):
        row, column = divmod(number, columns)
        pixels = np.clip(x[number].transpose(1, 2, 0) * 255 + 0.5, 0, 255).astype(np.uint8)
        top, left = row * (h + _GAP), column * (w + _GAP)
        out[top : top + h, left : left + w] = draw_detections(pixels, _objects(y[number], truth, names, (w, h)))
    return out


def _objects(row: Floats, truth: Truth, names: Sequence[str], size: tuple[int, int]) -> Detections:
    """A picture's truth as if it had been found. What has no box is drawn around the whole picture."""
    found: list[tuple[tuple[float, ...], int]] = []
    classes = len(row)
    if isinstance(truth, Boxes):
        classes = truth.classes
        for *box, number in row.reshape(-1, 5).tolist():
            if not box[0]:
                break
            found.append((_WHOLE if box[0] >= CLASS_ONLY else tuple(box), int(number)))
    elif isinstance(truth, Cells):
        classes, side = truth.classes, int(np.sqrt(truth.cells))
        for cell, values in enumerate(row.reshape(truth.cells, -1)):
            if values[0]:
                x, y, w, h = values[1 + classes :].tolist()
                centre = (cell % side + x) / side, (cell // side + y) / side
                found.append(((*centre, w, h), int(values[1 : 1 + classes].argmax())))
    else:
        found += [(_WHOLE, int(number)) for number in np.flatnonzero(row > 0)]
    boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    numbers = np.array([number for _, number in found], np.int64)
    return Detections(
        boxes, np.ones(len(found), np.float32), numbers, np.arange(len(found)), size, classes,
        tuple(names) if len(names) == classes else (),
    )  # fmt: skip
