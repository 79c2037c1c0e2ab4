"""What OpenCV 4, which reads Darknet's files, makes of a layer: its names, and rows of a head's boxes."""

from __future__ import annotations

from dataclasses import dataclass

Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class OpenCvLayer:
    """What OpenCV calls a layer, and how it counts its work.

    Attributes:
        name: the name of the layer.
        type: its type.
        activation: of the layer that follows it for its activation; ``linear``: none does.
        normalizes: a layer for its batch normalisation follows it.
        work: operations of one value of its output, where that depends on the layer's options.
        flat: whether its output is a list; None: as its input is.
        map_first: of its two inputs the second stands first.
        rows: it is a head; what it makes rows of, its input with the channels last, is a layer before it.
        reads_image: the network's input is an input of it, too.
        options: those that a drawing of the network shows.
    """

    name: str
    type: str
    activation: str = "linear"
    normalizes: bool = False
    work: int = 0
    flat: bool | None = False
    map_first: bool = False
    rows: bool = False
    reads_image: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowOptions:
    """How OpenCV's Region layer makes rows of a head's boxes, by the head's section.

    A row: the box's centre, width and height as fractions of the network's input, its objectness, and for each class
    objectness times probability. Rows of one cell stand together, cells row by row. ``thresh`` is Darknet's training
    option, which OpenCV filters by.

    Attributes:
        anchors: widths and heights of the boxes of a cell.
        thresh: class probabilities that are not above it become 0.
        nms: boxes of one class may overlap by this much; 0: all stay.
        in_cells: anchors are in cells; otherwise in pixels of the network's input.
        squares: sizes are four times the squares of the head's values; otherwise their exponentials.
        classfix: -1: an objectness below .5 counts as 0.
    """

    anchors: Pairs
    thresh: float
    nms: float
    in_cells: bool = False
    squares: bool = False
    classfix: int = 0
