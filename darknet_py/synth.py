"""Stand-in weights: deterministic random numbers in the form that a cfg asks for.

To try, test and time a network whose weights one does not have. The stream is fixed for good, so that any machine can
rebuild the very file that a result was made with: one ``numpy.random.RandomState(seed)``, arrays in the order of the
file, each drawn with ``uniform`` in double and stored as float32.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .dialect import AUTO
from .formats.weights import WeightsWriter
from .layers import Dropout, MultiShortcut
from .network import Network, read_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .layers import Layer

SEEN = 32013312
"""The number of training images in the header (that of the released yolov3 weights)."""

_CHUNK = 1 << 20
_DAMPED = (0.1, 0.3)
"""The scales of a layer before a sum, or deep residual networks would overflow."""


def write_synth(cfg: str | Path, out: str | Path, seed: int = 7, minor: int = 2, dialect: str = AUTO) -> Network:
    """Write stand-in weights for ``cfg`` to ``out``; nothing is left behind if that fails.

    Args:
        cfg: the cfg file.
        out: the weights file to write.
        seed: of the generator, 0 to 2**32 - 1.
        minor: version in the header; 2 and above store ``seen`` in 8 bytes, below in 4.
        dialect: as for `read_network`.

    Raises:
        CfgError, WeightsError
    """
    network = read_network(cfg, dialect=dialect)
    random = np.random.RandomState(seed)
    with WeightsWriter(out, SEEN, minor=minor) as writer:
        for layer in network.layers:
            for array in layer.stored():
                if not all(map(math.isfinite, array.spread)):
                    raise network.error(layer, f"[{layer.kind}] stand-in weights cannot be drawn by its mean and std")
                damped = array.name == "scales" and _before_a_sum(network, layer)
                for chunk in _draw(random, *(_DAMPED if damped else array.spread), array.count):
                    writer.put(chunk)
    return network


def _before_a_sum(network: Network, layer: Layer) -> bool:
    """In AlexeyAB's dialect: whether a [shortcut] follows, with [dropout] at most between."""
    following = network.layers[layer.index + 1 :]
    first = next((other for other in following if not isinstance(other, Dropout)), None)
    return isinstance(first, MultiShortcut)


def _draw(random: np.random.RandomState, low: float, high: float, count: int) -> Iterator[NDArray[np.float32]]:
    """``count`` values in chunks: the stream does not depend on how it is cut."""
    for first in range(0, count, _CHUNK):
        yield random.uniform(low, high, min(_CHUNK, count - first)).astype(np.float32)
