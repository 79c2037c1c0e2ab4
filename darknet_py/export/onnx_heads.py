"""Heads -> ONNX operators: what flows into them, or with the activations that they apply themselves."""

from __future__ import annotations

from .. import layers
from .graph import Graph


def add_yolo(layer: layers.Yolo, graph: Graph) -> str:
    x = graph.x(layer)
    if not graph.activated:
        return x
    entries = 5 + layer.classes
    boxes = graph.reshape(x, layer.n, entries, layer.h, layer.w)
    logistic = graph.node("Sigmoid", boxes)
    parts = [graph.first(logistic, 1, 0, 2), graph.first(boxes, 1, 2, 4), graph.first(logistic, 1, 4, entries)]
    return graph.reshape(graph.node("Concat", *parts, axis=1), 1, layer.out.c, layer.h, layer.w)


def add_region(layer: layers.Region, graph: Graph) -> str:
    x = graph.x(layer)
    if not graph.activated:
        return x
    if layer.tree:
        raise graph.network.error(
            layer, "[region] with a tree cannot be exported with its activations: ONNX has no softmax over the groups "
            "of a WordTree at every cell; export its raw input",
        )  # fmt: skip
    entries = layer.coords + 1 + layer.classes
    boxes = graph.reshape(x, layer.n, entries, layer.h, layer.w)
    logistic = graph.node("Sigmoid", boxes)
    parts = [graph.first(logistic, 1, 0, 2), graph.first(boxes, 1, 2, layer.coords)]
    if layer.softmax and layer.background:
        parts.append(graph.node("Softmax", graph.first(boxes, 1, layer.coords, entries), axis=1))
    else:
        classes = graph.first(boxes if layer.softmax else logistic, 1, layer.coords + 1, entries)
        parts.append(graph.first(boxes if layer.background else logistic, 1, layer.coords, layer.coords + 1))
        parts.append(graph.node("Softmax", classes, axis=1) if layer.softmax else classes)
    return graph.reshape(graph.node("Concat", *parts, axis=1), 1, layer.out.c, layer.h, layer.w)


def add_detection(layer: layers.Detection, graph: Graph) -> str:
    x = graph.x(layer)
    if not (graph.activated and layer.softmax):
        return graph.reshape(x, 1, layer.out.c, 1, 1)
    cells, scores = layer.side**2, layer.side**2 * layer.classes
    flat = graph.reshape(x, 1, layer.out.c)
    classes = graph.node("Softmax", graph.reshape(graph.first(flat, 1, 0, scores), cells, layer.classes), axis=1)
    parts = [graph.reshape(classes, 1, scores), graph.first(flat, 1, scores, layer.out.c)]
    return graph.reshape(graph.node("Concat", *parts, axis=1), 1, layer.out.c, 1, 1)
