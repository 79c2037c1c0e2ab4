"""Batch normalisation folded into the weights, or reset (Darknet's commands ``denormalize`` and ``reset``)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..layers import LAYERS
from ..numeric.arithmetic import get_arithmetic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..layers import Layer
    from ..network import Network
    from ..parameters import Arrays
    from ..typing import Doubles, Floats

FORMULAS = ("denormalize", "forward")
"""How the factor of a channel is computed.

``denormalize`` is Darknet's command of that name: ``scale / sqrt(variance + .00001)``, or ``.000001`` for connected
layers. That is not what its forward pass computes, ``scale / (sqrt(variance) + .000001f)`` in pjreddie's: this is
``forward``.
"""


def fold(network: Network, arrays: Iterable[Arrays], formula: str) -> tuple[Network, Iterator[Arrays]]:
    """The network without batch normalisation, and its arrays, computed one layer after another.

    A ``[batchnorm]`` layer, which has no weights to fold into, stays as it is.

    Args:
        network: the graph, and
        arrays: its stored arrays, one dict per layer.
        formula: one of `FORMULAS`.
    """
    plain = [layer.without_normalization() if layer.folds else layer for layer in network.layers]
    pairs = zip(network.layers, arrays, strict=True)
    deviations = _formula(network, formula)
    return dataclasses.replace(network, layers=tuple(plain)), (
        _fold_layer(layer, stored, deviations) if layer.folds and layer.normalizes else stored
        for layer, stored in pairs
    )


def reset(network: Network, arrays: Iterable[Arrays], formula: str) -> Iterator[Arrays]:
    """The arrays with batch normalisation folded in, and scales and variances of 1, means of 0 in its place.

    Darknet's ``reset`` leaves deconvolutional layers alone, and so does this.
    """
    deviations = _formula(network, formula)
    for layer, stored in zip(network.layers, arrays, strict=True):
        if layer.resets and layer.normalizes:
            ones, zeros = np.ones_like(stored["biases"]), np.zeros_like(stored["biases"])
            neutral = {"scales": ones, "rolling_mean": zeros, "rolling_variance": ones}
            yield {**_fold_layer(layer, stored, deviations), **neutral}
        else:
            yield stored


def _formula(network: Network, formula: str) -> Callable[[Layer, Floats], Doubles]:
    """What a layer's scales are divided by, from its variances."""
    if formula == "forward":
        deviations = get_arithmetic("ieee", network.dialect).deviations
        return lambda layer, variance: deviations(variance)
    return lambda layer, variance: np.sqrt(variance.astype(np.float64) + layer.denormalize_epsilon)


def _fold_layer(layer: Layer, stored: Arrays, deviations: Callable[[Layer, Floats], Doubles]) -> Arrays:
    """Weights and biases with the batch normalisation in them."""
    weights, biases, mean = stored["weights"], stored["biases"], stored["rolling_mean"]
    with np.errstate(all="ignore"):
        factor = (stored["scales"] / deviations(layer, stored["rolling_variance"])).astype(np.float32)
        shape = [1] * weights.ndim
        shape[layer.channel_axis] = -1
        return {"biases": biases - mean * factor, "weights": weights * factor.reshape(shape)}


def rewrite_cfg(network: Network, *removed: str) -> bytes | None:
    """A cfg without these options in the sections that batch normalisation is folded in; None if it has none of them.

    Everything else stays as it stands in the file.
    """
    kinds = {kind for kind, layer in LAYERS[network.dialect.key].items() if layer.folds}
    lines = {
        option.line
        for section in (network.cfg.layers if network.cfg else ())
        if section.kind in kinds
        for option in section.options
        if option.key in removed
    }
    if not lines:
        return None
    text = Path(network.path).read_bytes().split(b"\n")
    return b"\n".join(line for number, line in enumerate(text, start=1) if number not in lines)
