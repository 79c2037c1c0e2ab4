"""A head's values -> the rows of boxes that OpenCV 4 gives for Darknet's files, in ONNX's operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .graph import Graph

if TYPE_CHECKING:
    from ..layers import GridHead, RowOptions

f32 = np.float32


def box_rows(head: GridHead, graph: Graph, planes: str) -> str:
    """Rows (h * w * n) x (5 + classes): centre x, y, width, height, objectness, each class's probability or 0.

    Args:
        head: the layer.
        graph: the model.
        planes: its activated values, n x (5 + classes) x h x w.
    """
    options = graph.row_options(head)
    count, entries = head.h * head.w * head.n, 5 + head.classes
    rows = graph.reshape(graph.transpose(planes, 2, 3, 0, 1), count, entries)
    size = np.array([head.w, head.h], f32)
    cells = np.stack(np.meshgrid(np.arange(head.w), np.arange(head.h)), axis=-1)
    grid = graph.constant(np.repeat(cells.reshape(-1, 2), head.n, axis=0).astype(f32), "cells")
    centre = graph.node("Div", graph.node("Add", graph.first(rows, 1, 0, 2), grid), graph.constant(size, "grid"))
    unit = size if options.in_cells else np.array([graph.network.input.w, graph.network.input.h], f32)
    anchors = graph.constant(np.tile(np.array(options.anchors, f32) / unit, (head.h * head.w, 1)), "anchors")
    values = graph.first(rows, 1, 2, 4)
    grown = graph.times(graph.node("Mul", values, values), 4) if options.squares else graph.node("Exp", values)
    extents = graph.node("Mul", grown, anchors)
    objectness = graph.first(rows, 1, 4, 5)
    factor = objectness
    if options.classfix == -1 and not options.squares:
        factor = _above(graph, objectness, np.nextafter(f32(0.5), f32(0)))
    scores = _above(graph, graph.node("Mul", graph.first(rows, 1, 5, entries), factor), f32(options.thresh))
    if options.nms > 0:
        scores = _suppressed(graph, graph.node("Concat", centre, extents, axis=1), scores, head, options)
    return graph.node("Concat", centre, extents, objectness, scores, axis=1)


def _above(graph: Graph, values: str, limit: np.float32) -> str:
    """Values that are above a limit, 0 in the place of the others."""
    above = graph.node("Greater", values, graph.constant(limit, "limit"))
    return graph.node("Where", above, values, graph.constant(0.0, "zero"))


def _suppressed(graph: Graph, boxes: str, scores: str, head: GridHead, options: RowOptions) -> str:
    """Scores without those of boxes that overlap a better one of the same class.

    A last box, far away, is always among those that are chosen, and cut off at the end: OpenCV 5 divides by zero where
    nothing is chosen.
    """
    count, classes = head.h * head.w * head.n + 1, head.classes
    boxes = graph.node("Concat", boxes, graph.constant(np.array([[-9, -9, 0.1, 0.1]], f32), "last"), axis=0)
    scores = graph.node("Concat", scores, graph.constant(np.eye(1, classes, dtype=f32) * 2, "last"), axis=0)
    chosen = graph.node(
        "NonMaxSuppression", graph.reshape(boxes, 1, count, 4),
        graph.reshape(graph.transpose(scores, 1, 0), 1, classes, count), graph.constant(np.array([count], np.int64)),
        graph.constant(np.array([options.nms], f32)), graph.constant(np.array([options.thresh], f32)),
        center_point_box=1,
    )  # fmt: skip
    place = graph.node("Gather", chosen, graph.constant(np.array([2, 1], np.int64)), axis=1)  # row, class
    kept = graph.node("GatherND", scores, place)
    zeros = graph.constant(np.zeros((count, classes), f32), "zeros")
    return graph.first(graph.node("ScatterND", zeros, place, kept), 0, 0, count - 1)
