"""Layers that move values about -> ONNX operators: route, reorg, upsample, crop, history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import layers
from .graph import Graph

if TYPE_CHECKING:
    from ..layers import Shape


def _shaped(graph: Graph, name: str, shape: Shape) -> str:
    return graph.reshape(name, 1, shape.c, shape.h, shape.w)


def add_route(layer: layers.Route, graph: Graph) -> str:
    names = [graph.names[number] for number in layer.layers]
    if layer.groups > 1:
        sizes = [graph.network.layers[number].out.c // layer.groups for number in layer.layers]
        names = [
            graph.first(name, 1, size * layer.group_id, size * (layer.group_id + 1))
            for name, size in zip(names, sizes, strict=True)
        ]
    return names[0] if len(names) == 1 else graph.node("Concat", *names, axis=1)


def add_reorg(layer: layers.Reorg, graph: Graph) -> str:
    x, given, s = graph.x(layer), layer.input, layer.stride
    if layer.flatten or layer.extra:
        found = _flattened(graph, layer, x) if layer.flatten else x
        if layer.extra:
            flat = graph.reshape(found, 1, given.size, 1, 1)
            rest = graph.constant(np.zeros((1, layer.extra, 1, 1), np.float32), "extra")
            return graph.node("Concat", flat, rest, axis=1)
        return _shaped(graph, found, layer.out)
    # Darknet walks one side as (c, h, w) of the *input* and the other as (c / s^2, h * s, w * s), in both directions.
    c = given.c // (s * s)
    if layer.reverse:
        blocks = graph.reshape(x, s, s, c, given.h, given.w)
        moved = graph.transpose(blocks, 2, 3, 0, 4, 1)
    else:
        blocks = graph.reshape(x, c, given.h, s, given.w, s)
        moved = graph.transpose(blocks, 2, 4, 0, 1, 3)
    return _shaped(graph, moved, layer.out)


def _flattened(graph: Graph, layer: layers.Reorg, x: str) -> str:
    """Channels and pixels change places."""
    c, cells = layer.input.c, layer.input.h * layer.input.w
    extents = (cells, c) if layer.reverse else (c, cells)
    return graph.transpose(graph.reshape(x, *extents), 1, 0)


def add_reorg3d(layer: layers.Reorg3d, graph: Graph) -> str:
    x, given, s = graph.x(layer), layer.input, layer.stride
    if layer.reverse:
        # AlexeyAB's Darknet walks both sides by the shape of the larger image: it takes the input for an image of that
        # shape, and writes one of s * s fewer channels.
        blocks = graph.reshape(x, s, s, layer.out.c // (s * s), layer.out.h, layer.out.w)
        moved = graph.transpose(blocks, 2, 3, 0, 4, 1)
    else:
        blocks = graph.reshape(x, given.c, layer.out.h, s, layer.out.w, s)
        moved = graph.transpose(blocks, 2, 4, 0, 1, 3)
    return _shaped(graph, moved, layer.out)


def add_upsample(layer: layers.Upsample, graph: Graph) -> str:
    x, s = graph.x(layer), layer.stride
    if not layer.reverse:
        scales = graph.constant(np.array([1, 1, s, s], np.float32), "scales")
        found = graph.node(
            "Resize", x, "", scales, mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric",
        )  # fmt: skip
        return graph.times(found, layer.scale)
    # Sums of blocks. Darknet takes the first values of an input that the stride does not divide as a smaller one.
    c, h, w = layer.out.c, layer.out.h * s, layer.out.w * s
    if (h, w) != (layer.input.h, layer.input.w):
        flat = graph.reshape(x, 1, layer.input.size)
        x = graph.reshape(graph.first(flat, 1, 0, c * h * w), 1, c, h, w)
    means = graph.node("AveragePool", x, kernel_shape=[s, s], strides=[s, s])
    return graph.times(means, layer.scale * s * s)


def add_crop(layer: layers.Crop, graph: Graph) -> str:
    given, out = layer.input, layer.out
    top, left = (given.h - out.h) // 2, (given.w - out.w) // 2
    found = graph.slice(graph.x(layer), [2, 3], [top, left], [top + out.h, left + out.w], [1, 1])
    return found if layer.noadjust else graph.plus(graph.times(found, 2), -1)


def add_history(layer: layers.History, graph: Graph) -> str:
    shape = layer.input
    earlier = np.zeros((1, layer.out.c - shape.c, shape.h, shape.w), np.float32)
    x = graph.x(layer)
    return graph.node("Concat", x, graph.constant(earlier, "earlier"), axis=1) if earlier.size else x
