"""Layers that move values about -> ONNX operators: route, reorg, shortcut, upsample, crop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import layers
from .graph import Graph
from .onnx_activations import activate

if TYPE_CHECKING:
    from ..layers import Shape


def _shaped(graph: Graph, name: str, shape: Shape) -> str:
    return graph.reshape(name, 1, shape.c, shape.h, shape.w)


def add_route(layer: layers.Route, graph: Graph) -> str:
    names = [graph.names[number] for number in layer.layers]
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


def add_shortcut(layer: layers.Shortcut, graph: Graph) -> str:
    x, added, out = graph.x(layer), layer.added, layer.out
    stride, sample = max(added.w // out.w, 1), max(out.w // added.w, 1)
    c, rows, columns = min(out.c, added.c), min(out.h, added.h), min(out.w, added.w)
    other = graph.x(layer, 1)
    if (c, rows, columns, stride) != (added.c, added.h, added.w, 1):
        ends = [c, (rows - 1) * stride + 1, (columns - 1) * stride + 1]
        other = graph.slice(other, [1, 2, 3], [0, 0, 0], ends, [1, stride, stride])
    if sample > 1:
        other = _spread(graph, other, (c, rows, columns), sample)
    missing = [out.c - c, out.h - rows * sample, out.w - columns * sample]
    if any(missing):
        pads = graph.constant(np.array([0, 0, 0, 0, 0, *missing], np.int64), "pads")
        other = graph.node("Pad", other, pads)
    if layer.alpha != 1:
        factors = np.ones((1, out.c, out.h, out.w), np.float32)
        factors[:, :c, : rows * sample : sample, : columns * sample : sample] = layer.alpha
        x = graph.node("Mul", x, graph.constant(factors, "alpha"))
    return activate(graph, graph.node("Add", x, graph.times(other, layer.beta)), layer.activation)


def _spread(graph: Graph, name: str, extents: tuple[int, int, int], sample: int) -> str:
    """Zeros between the values, ``sample - 1`` in either direction."""
    c, rows, columns = extents
    single = graph.reshape(name, c, rows, 1, columns, 1)
    pads = graph.constant(np.array([0, 0, 0, 0, 0, 0, 0, sample - 1, 0, sample - 1], np.int64), "pads")
    return graph.reshape(graph.node("Pad", single, pads), 1, c, rows * sample, columns * sample)


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
