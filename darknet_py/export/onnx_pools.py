"""Layers -> ONNX operators: pooling, and the blur of AlexeyAB's ``antialiasing``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import layers
from ..layers.strides import blur_window
from .graph import Graph

if TYPE_CHECKING:
    from ..layers import Shape

LOWEST = float(np.finfo(np.float32).min)
"""What Darknet's max pooling sees outside of its input: -FLT_MAX."""


def add_maxpool(layer: layers.MaxPool, graph: Graph) -> str:
    if layer.depth:
        return _over_channels(layer, graph)
    strides = [1, 1] if layer.blur else [layer.stride_y, layer.stride_x]
    pads, x = _pads(layer.pad // 2, layer.size, strides, layer.input, layer.sharp), graph.x(layer)
    if max(pads) >= layer.size:
        # ONNX pads by less than a window only, so that no window lies outside.
        where = graph.constant(np.array([0, 0, *pads[:2], 0, 0, *pads[2:]], np.int64), "pads")
        x = graph.node("Pad", x, where, graph.constant(LOWEST, "outside"))
        pads = [0] * 4
    found = graph.node("MaxPool", x, kernel_shape=[layer.size] * 2, strides=strides, pads=pads)
    return blur(layer, graph, found, layer.out.c) if layer.blur else found


def _over_channels(layer: layers.MaxPool, graph: Graph) -> str:
    """Channel g is the largest of the channels g, g + depth, ...; the last group may be a shorter one."""
    x, shape, depth = graph.x(layer), layer.input, layer.depth
    groups = -(-shape.c // depth)
    if missing := groups * depth - shape.c:
        where = graph.constant(np.array([0, 0, 0, 0, 0, missing, 0, 0], np.int64), "pads")
        x = graph.node("Pad", x, where, graph.constant(LOWEST, "outside"))
    grouped = graph.reshape(x, groups, depth, shape.h, shape.w)
    return graph.node("ReduceMax", grouped, axes=[0], keepdims=1)


def add_local_avgpool(layer: layers.LocalAvgPool, graph: Graph) -> str:
    strides = [layer.stride_y, layer.stride_x]
    pads = _pads(layer.pad // 2, layer.size, strides, layer.input, layer.out)
    return graph.node(
        "AveragePool", graph.x(layer), kernel_shape=[layer.size] * 2, strides=strides, pads=pads, count_include_pad=0
    )


def _pads(before: int, size: int, strides: list[int], given: Shape, out: Shape) -> list[int]:
    """What windows that begin ``before`` an image's corner reach beyond it: above, left, below, right."""
    extents = zip((out.h, out.w), strides, (given.h, given.w), strict=True)
    after = [max(0, (count - 1) * stride + size - extent - before) for count, stride, extent in extents]
    return [before, before, *after]


def add_avgpool(layer: layers.AvgPool, graph: Graph) -> str:
    return graph.node("GlobalAveragePool", graph.x(layer))


def blur(layer: layers.Convolutional | layers.MaxPool, graph: Graph, x: str, channels: int) -> str:
    """The blur of a map, with the layer's strides: 2x2 of the same weights, or 3x3 of a binomial."""
    size, padding = blur_window(layer.blur)
    line = np.ones(2) if size == 2 else np.array([1, 2, 1])
    window = np.outer(line, line) / line.sum() ** 2
    weights = graph.constant(np.tile(window, (channels, 1, 1, 1)), "blur")
    return graph.node(
        "Conv", x, weights, group=channels, kernel_shape=[size] * 2, strides=[layer.stride_y, layer.stride_x],
        pads=[padding // 2] * 4,
    )  # fmt: skip
