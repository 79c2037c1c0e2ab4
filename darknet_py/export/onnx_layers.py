"""Layers -> ONNX operators: normalisation, softmax, and whatever works value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import layers
from .graph import Graph
from .onnx_activations import activate
from .onnx_pools import LOWEST

if TYPE_CHECKING:
    from ..formats.tree import Tree


def add_softmax(layer: layers.Softmax, graph: Graph) -> str:
    size = layer.input.size
    x = graph.times(graph.x(layer), 1 / layer.temperature)
    if layer.tree:
        if layer.index not in graph.trees:
            raise graph.network.error(layer, f"[softmax] cannot be exported without its tree, {layer.tree}")
        found = _tree_softmax(graph, graph.reshape(x, size), graph.trees[layer.index])
    else:
        found = graph.node("Softmax", graph.reshape(x, 1, layer.groups, size // layer.groups), axis=2)
    return graph.reshape(found, 1, size, 1, 1)


def _tree_softmax(graph: Graph, x: str, tree: Tree) -> str:
    """Softmax over each sibling group: the groups become rows, filled up with what counts nothing."""
    longest = int(tree.group_size.max())
    rows = np.full((tree.groups, longest), tree.n, np.int64)  # the value after the last: the filling
    places = np.zeros(tree.n, np.int64)
    for group, (offset, size) in enumerate(zip(tree.group_offset.tolist(), tree.group_size.tolist(), strict=True)):
        rows[group, :size] = np.arange(offset, offset + size)
        places[offset : offset + size] = group * longest + np.arange(size)
    filled = graph.node("Concat", x, graph.constant(np.array([LOWEST], np.float32), "filling"), axis=0)
    found = graph.node("Softmax", graph.node("Gather", filled, graph.constant(rows, "groups")), axis=1)
    return graph.node("Gather", graph.reshape(found, rows.size), graph.constant(places, "places"))


def add_normalization(layer: layers.Normalization, graph: Graph) -> str:
    x, c = graph.x(layer), layer.input.c
    weights = np.float32(layer.alpha) * _window(c, layer.size)
    sums = graph.node("Conv", graph.node("Mul", x, x), graph.constant(weights.reshape(c, c, 1, 1), "window"))
    norm = graph.plus(sums, layer.kappa)
    return graph.node("Mul", x, graph.node("Pow", norm, graph.constant(-layer.beta, "exponent")))


def _window(channels: int, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """How often the square of each channel (column) counts in the norm of each channel (row).

    Darknet's running sum never adds the channel ``size / 2`` but takes it away later (`kernels.layers.normalization`).
    """
    before, after = (size - 1) // 2 + 1, size // 2
    rows = np.zeros((channels, channels), np.float32)
    rows[0, :after] = 1
    for k in range(1, channels):
        rows[k] = rows[k - 1]
        if k >= before:
            rows[k, k - before] -= 1
        if k + after < channels:
            rows[k, k + after] += 1
    return rows


def add_l2norm(layer: layers.L2Norm, graph: Graph) -> str:
    x = graph.x(layer)
    return graph.node("Div", x, graph.node("ReduceL2", x, axes=[1], keepdims=1))


def add_activation(layer: layers.Activation, graph: Graph) -> str:
    return activate(graph, graph.x(layer), layer.activation)


def add_logistic(layer: layers.Logistic, graph: Graph) -> str:
    return graph.node("Sigmoid", graph.x(layer))


def add_nothing(layer: layers.Dropout | layers.Empty, graph: Graph) -> str:
    return graph.x(layer)


def add_scale_channels(layer: layers.ScaleChannels, graph: Graph) -> str:
    # The input has one row and column, or one channel: ONNX repeats it as often as the map has them.
    return activate(graph, graph.node("Mul", graph.x(layer, 1), graph.x(layer)), layer.activation)


def add_sam(layer: layers.Sam, graph: Graph) -> str:
    return activate(graph, graph.node("Mul", graph.x(layer), graph.x(layer, 1)), layer.activation)


def add_zeros(layer: layers.Cost | layers.Contrastive, graph: Graph) -> str:
    return graph.constant(np.zeros((1, layer.out.c, layer.out.h, layer.out.w), np.float32), "never_written")
