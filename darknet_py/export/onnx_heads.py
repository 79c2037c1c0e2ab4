"""Heads -> ONNX operators: what flows into them, with the activations that they apply themselves, or decoded."""

from __future__ import annotations

from .. import layers
from .graph import Graph
from .onnx_rows import box_rows


def add_yolo(layer: layers.Yolo, graph: Graph) -> str:
    x = graph.x(layer)
    if graph.heads == "raw":
        return x
    planes = _yolo_planes(layer, graph, x)
    if graph.heads == "decoded":
        return box_rows(layer, graph, planes)
    return graph.reshape(planes, 1, layer.out.c, layer.h, layer.w)


def _yolo_planes(layer: layers.Yolo, graph: Graph, x: str) -> str:
    """The head's values with its activations, n x (5 + classes) x h x w."""
    entries = 5 + layer.classes
    boxes = graph.reshape(x, layer.n, entries, layer.h, layer.w)
    active = boxes if layer.new_coords else graph.node("Sigmoid", boxes)
    if layer.new_coords and layer.scale_x_y == 1:
        return boxes
    centre = _scaled(graph, graph.first(active, 1, 0, 2), layer.scale_x_y)
    parts = [centre, graph.first(boxes, 1, 2, 4), graph.first(active, 1, 4, entries)]
    return graph.node("Concat", *parts, axis=1)


def _scaled(graph: Graph, centre: str, scale: float) -> str:
    """What ``scale_x_y`` makes of the place of a box's centre in its cell."""
    return graph.plus(graph.times(centre, scale), -0.5 * (scale - 1))


def add_gaussian_yolo(layer: layers.GaussianYolo, graph: Graph) -> str:
    x = graph.x(layer)
    if graph.heads == "decoded":
        graph.row_options(layer)  # raises: OpenCV has none
    if graph.heads == "raw":
        return x
    entries = 9 + layer.classes
    boxes = graph.reshape(x, layer.n, entries, layer.h, layer.w)
    active = graph.node("Sigmoid", boxes)
    parts = []
    for k, values in enumerate([active] * 4 + [boxes, active] * 2):
        part = graph.first(values, 1, k, k + 1)
        parts.append(_scaled(graph, part, layer.scale_x_y) if k in (0, 2) else part)
    parts.append(graph.first(active, 1, 8, entries))
    return graph.reshape(graph.node("Concat", *parts, axis=1), 1, layer.out.c, layer.h, layer.w)


def add_region(layer: layers.Region, graph: Graph) -> str:
    x = graph.x(layer)
    if graph.heads == "raw":
        return x
    if graph.heads == "decoded":
        graph.row_options(layer)
    if layer.tree:
        raise graph.network.error(
            layer, "[region] with a tree cannot be exported with its activations: ONNX has no softmax over the groups "
            "of a WordTree at every cell; export its raw input",
        )  # fmt: skip
    entries = layer.coords + 1 + layer.classes
    boxes = graph.reshape(x, layer.n, entries, layer.h, layer.w)
    if graph.heads == "decoded":
        return box_rows(layer, graph, _region_planes(layer, graph, boxes))
    if not layer.flat:
        return graph.reshape(_region_planes(layer, graph, boxes), 1, layer.out.c, layer.h, layer.w)
    flat = graph.transpose(_region_planes(layer, graph, boxes), 2, 3, 0, 1)
    return graph.reshape(flat, 1, layer.out.c, layer.h, layer.w)


def _region_planes(layer: layers.Region, graph: Graph, boxes: str) -> str:
    """The head's values with its activations, n x (coords + 1 + classes) x h x w.

    Where the dialect leaves the centres as they are (``flat``), only rows of boxes have them activated.
    """
    c, entries = layer.coords, layer.coords + 1 + layer.classes
    logistic = graph.node("Sigmoid", boxes)
    centre = boxes if layer.flat and graph.heads != "decoded" else logistic
    parts = [graph.first(centre, 1, 0, 2), graph.first(boxes, 1, 2, c)]
    if layer.softmax and layer.background and not layer.flat:
        parts.append(graph.node("Softmax", graph.first(boxes, 1, c, entries), axis=1))
    else:
        classes = graph.first(boxes if layer.softmax or layer.flat else logistic, 1, c + 1, entries)
        objectness = boxes if layer.background and not layer.flat else logistic
        parts.append(graph.first(objectness, 1, c, c + 1))
        parts.append(graph.node("Softmax", classes, axis=1) if layer.softmax else classes)
    return graph.node("Concat", *parts, axis=1)


def add_detection(layer: layers.Detection, graph: Graph) -> str:
    x = graph.x(layer)
    if graph.heads == "decoded":
        graph.row_options(layer)
    if graph.heads == "raw" or not layer.softmax:
        return graph.reshape(x, 1, layer.out.c, 1, 1)
    cells, scores = layer.side**2, layer.side**2 * layer.classes
    flat = graph.reshape(x, 1, layer.out.c)
    classes = graph.node("Softmax", graph.reshape(graph.first(flat, 1, 0, scores), cells, layer.classes), axis=1)
    parts = [graph.reshape(classes, 1, scores), graph.first(flat, 1, scores, layer.out.c)]
    return graph.reshape(graph.node("Concat", *parts, axis=1), 1, layer.out.c, 1, 1)
