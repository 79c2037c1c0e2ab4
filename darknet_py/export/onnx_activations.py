"""Darknet's activations in ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .graph import Graph


def activate(graph: Graph, x: str, activation: str) -> str:
    """Name of what an activation makes of ``x``. Raises `CfgError` if there are no operators for it (`extend`)."""
    if activation not in _ACTIVATIONS:
        assert graph.layer is not None
        raise graph.network.error(graph.layer, f"activation={activation} cannot be exported: no operators for it here")
    return _ACTIVATIONS[activation](graph, x)


def _plain(kind: str, **attributes: float) -> Callable[[Graph, str], str]:
    return lambda graph, x: graph.node(kind, x, **attributes)


def _clip(graph: Graph, x: str, low: float, high: float) -> str:
    return graph.node("Clip", x, graph.constant(low, "low"), graph.constant(high, "high"))


def _loggy(graph: Graph, x: str) -> str:
    # 2 / (1 + exp(-x)) - 1
    return graph.node("Tanh", graph.times(x, 0.5))


def _ramp(graph: Graph, x: str) -> str:
    return graph.node("Add", graph.node("Relu", x), graph.times(x, 0.1))


def _beyond(graph: Graph, x: str, low: float, high: float, slope: float) -> str:
    """``slope`` times what ``x`` exceeds the interval by."""
    return graph.times(graph.node("Sub", x, _clip(graph, x, low, high)), slope)


def _plse(graph: Graph, x: str) -> str:
    middle = _clip(graph, graph.plus(graph.times(x, 0.125), 0.5), 0, 1)
    return graph.node("Add", middle, _beyond(graph, x, -4, 4, 0.01))


def _lhtan(graph: Graph, x: str) -> str:
    return graph.node("Add", _clip(graph, x, 0, 1), _beyond(graph, x, 0, 1, 0.001))


def _stair(graph: Graph, x: str) -> str:
    # floor(x / 2), and the fraction of x too where floor(x) is odd
    floor, half = graph.node("Floor", x), graph.node("Floor", graph.times(x, 0.5))
    odd = graph.node("Sub", floor, graph.times(half, 2))
    return graph.node("Add", half, graph.node("Mul", odd, graph.node("Sub", x, floor)))


def _swish(graph: Graph, x: str) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _mish(graph: Graph, x: str) -> str:
    return graph.node("Mul", x, graph.node("Tanh", graph.node("Softplus", x)))


def _hard_mish(graph: Graph, x: str) -> str:
    # c * c / 2 + c of what lies between -2 and 0 (0 at both ends), and x itself above
    c = _clip(graph, x, -2, 0)
    curve = graph.node("Mul", c, graph.plus(graph.times(c, 0.5), 1))
    return graph.node("Add", curve, graph.node("Relu", x))


def _gelu(graph: Graph, x: str) -> str:
    # x / 2 * (1 + tanh(x * (.797885 + .035677 x^2)))
    slope = graph.plus(graph.times(graph.node("Mul", x, x), 0.035677), 0.797885)
    tanh = graph.node("Tanh", graph.node("Mul", x, slope))
    return graph.node("Mul", graph.times(x, 0.5), graph.plus(tanh, 1))


_LEAST_SUM = 0.0001
"""What AlexeyAB's Darknet adds to the sum over the channels of a pixel, before it divides by it."""


def _shares(graph: Graph, values: str) -> str:
    axis = graph.constant(np.array([1], np.int64), "axis")
    return graph.node("Div", values, graph.plus(graph.node("ReduceSum", values, axis, keepdims=1), _LEAST_SUM))


def _normalize_channels_maxval(graph: Graph, x: str) -> str:
    largest = graph.node("ReduceMax", x, axes=[1], keepdims=1)
    return _shares(graph, graph.node("Exp", graph.node("Sub", x, largest)))


_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, x: x,
    "logistic": _plain("Sigmoid"),
    "loggy": _loggy,
    "relu": _plain("Relu"),
    "elu": _plain("Elu", alpha=1.0),
    "selu": _plain("Selu", alpha=1.6732, gamma=1.0507),
    "relie": _plain("LeakyRelu", alpha=0.01),
    "ramp": _ramp,
    "leaky": _plain("LeakyRelu", alpha=0.1),
    "tanh": _plain("Tanh"),
    "plse": _plse,
    "stair": _stair,
    "hardtan": lambda graph, x: _clip(graph, x, -1, 1),
    "lhtan": _lhtan,
    "swish": _swish,
    "mish": _mish,
    "hard_mish": _hard_mish,
    "normalize_channels": lambda graph, x: _shares(graph, graph.node("Relu", x)),
    "normalize_channels_softmax": lambda graph, x: _shares(graph, graph.node("Exp", x)),
    "normalize_channels_softmax_maxval": _normalize_channels_maxval,
    "relu6": lambda graph, x: _clip(graph, x, 0, 6),
    "gelu": _gelu,
    "revleaky": _plain("LeakyRelu", alpha=0.1),
}
