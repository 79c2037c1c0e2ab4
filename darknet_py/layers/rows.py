"""How OpenCV's Region layer (of OpenCV 4, which reads Darknet's files) makes rows of a head's boxes.

A row: the box's centre, width and height as fractions of the network's input, its objectness, and for each class
objectness times probability. Rows of one cell stand together, cells row by row.
"""

from __future__ import annotations

from dataclasses import dataclass

Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class RowOptions:
    """What OpenCV reads of a head's section; ``thresh`` is Darknet's training option, which OpenCV filters by.

    Attributes:
        name: what OpenCV calls the layer.
        anchors: widths and heights of the boxes of a cell.
        thresh: class probabilities that are not above it become 0.
        nms: boxes of one class may overlap by this much; 0: all stay.
        in_cells: anchors are in cells; otherwise in pixels of the network's input.
        squares: sizes are four times the squares of the head's values; otherwise their exponentials.
        classfix: -1: an objectness below .5 counts as 0.
    """

    name: str
    anchors: Pairs
    thresh: float
    nms: float
    in_cells: bool = False
    squares: bool = False
    classfix: int = 0
