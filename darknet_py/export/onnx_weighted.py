"""Layers with weights -> ONNX operators, batch normalisation folded in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import layers
from .graph import Graph
from .onnx_activations import activate
from .onnx_pools import blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..parameters import Arrays
    from ..typing import Floats


def _factors(arrays: Arrays, graph: Graph) -> NDArray[np.float64]:
    """What batch normalisation multiplies each channel by."""
    with np.errstate(all="ignore"):
        return np.asarray(arrays["scales"] / graph.arithmetic.deviations(arrays["rolling_variance"]))


@np.errstate(all="ignore")
def folded_weights(layer: layers.Weighted, graph: Graph, axis: int = 0) -> tuple[Floats, Floats]:
    """Weights and biases with the batch normalisation in them; ``axis`` of the weights: the output channels."""
    arrays = graph.arrays
    weights, biases = arrays["weights"], arrays["biases"]
    if not layer.batch_normalize:
        return weights, biases
    factors = _factors(arrays, graph)
    shape = [1] * weights.ndim
    shape[axis] = -1
    # One layer's weights in double would be twice what the file has of them: each is rounded at once.
    folded = np.multiply(
        weights, factors.reshape(shape), dtype=np.float64, casting="unsafe", out=np.empty(weights.shape, np.float32)
    )
    return folded, (biases - arrays["rolling_mean"] * factors).astype(np.float32)


def add_convolutional(layer: layers.Convolutional, graph: Graph) -> str:
    if layer.xnor:
        raise graph.network.error(layer, "xnor=1 cannot be exported: ONNX has no convolution of signs")
    x, out, groups = graph.x(layer), layer.sharp, layer.groups
    arrays = graph.arithmetic.fold(graph.arrays) if layer.batch_normalize else graph.arrays
    strides = [1, 1] if layer.blur else [layer.stride_y, layer.stride_x]
    if layer.size == 1 and max(strides) > 1 and not layer.skips and graph.heads != "decoded":
        # Darknet does not skip pixels here: it takes the first values of each group as if they were the smaller image.
        # (OpenCV, whose rows "decoded" are, does.)
        c = layer.input.c // groups
        flat = graph.reshape(x, 1, groups, c * layer.input.h * layer.input.w)
        x = graph.reshape(graph.first(flat, 2, 0, c * out.h * out.w), 1, layer.input.c, out.h, out.w)
        strides = [1, 1]
    found = graph.node(
        "Conv", x, *graph.weights(layer, arrays), group=groups, kernel_shape=[layer.size] * 2, strides=strides,
        dilations=[layer.dilation] * 2, pads=[pad * layer.dilation for pad in _pads(layer)],
    )  # fmt: skip
    found = activate(graph, found, layer.activation)
    return blur(layer, graph, found, layer.n) if layer.blur else found


def add_deconvolutional(layer: layers.Deconvolutional, graph: Graph) -> str:
    weights, biases = folded_weights(layer, graph, axis=1)
    found = graph.node(
        "ConvTranspose", graph.x(layer), graph.constant(weights, "weights"), graph.constant(biases, "biases"),
        kernel_shape=[layer.size] * 2, strides=[layer.stride] * 2, pads=[layer.pad] * 4,
    )  # fmt: skip
    return activate(graph, found, layer.activation)


def add_connected(layer: layers.Connected, graph: Graph) -> str:
    weights, biases = folded_weights(layer, graph)
    flat = graph.reshape(graph.x(layer), 1, layer.input.size)
    found = graph.node("Gemm", flat, graph.constant(weights, "weights"), graph.constant(biases, "biases"), transB=1)
    return activate(graph, graph.reshape(found, 1, layer.out.size, 1, 1), layer.activation)


def add_batchnorm(layer: layers.BatchNorm, graph: Graph) -> str:
    arrays, factors = graph.arrays, _factors(graph.arrays, graph)
    scaled = graph.per_channel("Mul", graph.x(layer), factors)
    return graph.per_channel("Add", scaled, arrays["biases"] - arrays["rolling_mean"] * factors)


def add_implicit(layer: layers.Implicit, graph: Graph) -> str:
    return graph.constant(graph.arrays["weights"].reshape(1, layer.out.c, layer.out.h, layer.out.w), "weights")


def add_local(layer: layers.Local, graph: Graph) -> str:
    # Every location has filters of its own: its window becomes a column (by a convolution that only picks values),
    # and each column is multiplied by its location's matrix.
    c, taps, places = layer.input.c, layer.size**2, layer.out.h * layer.out.w
    picks = np.tile(np.eye(taps, dtype=np.float32).reshape(taps, 1, layer.size, layer.size), (c, 1, 1, 1))
    columns = graph.node(
        "Conv", graph.x(layer), graph.constant(picks, "picks"), group=c, kernel_shape=[layer.size] * 2,
        strides=[layer.stride] * 2, pads=_pads(layer),
    )  # fmt: skip
    columns = graph.transpose(graph.reshape(columns, c * taps, places, 1), 1, 0, 2)
    matrices = graph.arrays["weights"].reshape(places, layer.n, c * taps)
    sums = graph.node("MatMul", graph.constant(matrices, "weights"), columns)
    shape = (1, layer.n, layer.out.h, layer.out.w)
    found = graph.reshape(graph.transpose(sums, 1, 0, 2), *shape)
    biases = graph.constant(graph.arrays["biases"].reshape(shape), "biases")
    return activate(graph, graph.node("Add", found, biases), layer.activation)


def _pads(layer: layers.Convolutional | layers.Local) -> list[int]:
    """Zeros above, left, below and right. Where a filter is larger than the padded image, Darknet's size of the output
    is still 1 (its division truncates -1/2 to 0): there the image goes on with zeros as far as the filter reaches."""
    more = [max(0, layer.size - side - 2 * layer.pad) for side in (layer.input.h, layer.input.w)]
    return [layer.pad, layer.pad, layer.pad + more[0], layer.pad + more[1]]
