"""Darknet's activations in ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable

from .graph import Graph


def activate(graph: Graph, x: str, activation: str) -> str:
    """Name of what an activation makes of ``x``. Raises `CfgError` if there are no operators for it."""
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
}
