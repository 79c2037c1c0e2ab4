"""Shortcuts -> ONNX operators: pjreddie's between unlike shapes, AlexeyAB's of several layers with weights."""

from __future__ import annotations

import numpy as np

from .. import layers
from .graph import Graph
from .onnx_activations import activate


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


def add_multi_shortcut(layer: layers.MultiShortcut, graph: Graph) -> str:
    factors = _factors(layer, graph.arrays["weights"]) if layer.weights else np.ones((len(layer.sources), 1))
    total = _weighted(graph, graph.x(layer), factors[0])
    for source, row in enumerate(factors[1:], 1):
        added, c = graph.x(layer, source), graph.network.layers[layer.sources[source]].out.c
        if c > layer.out.c:
            added = graph.first(added, 1, 0, layer.out.c)
        added = _weighted(graph, added, row[:c])
        if c < layer.out.c:
            pads = graph.constant(np.array([0, 0, 0, 0, 0, layer.out.c - c, 0, 0], np.int64), "pads")
            added = graph.node("Pad", added, pads)
        total = graph.node("Add", total, added)
    return activate(graph, total, layer.activation)


def _weighted(graph: Graph, name: str, factors: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    """Times one factor, or one for each channel."""
    return name if (factors == 1).all() else graph.per_channel("Mul", name, factors)


def _factors(
    layer: layers.MultiShortcut, weights: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What the input and each added layer are multiplied by, (layers + 1) x (1 or channels)."""
    values = weights.astype(np.float64)
    relu = layer.normalization == "relu"
    values = np.maximum(values, 0.001) if relu else np.exp(values - values.max(axis=0))
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = values / (values.sum(axis=0) + 0.0001)
    return shares
