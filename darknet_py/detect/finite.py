"""NaN or infinity in what a network gives: one warning for each network, whose results mean nothing then."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np

from ..errors import warn
from ..typing import Floats

if TYPE_CHECKING:
    from ..layers import Layer
    from ..network import Network

ENOUGH = 1 << 20
"""Of so many outputs each is checked; of more, the first of them: where there is one NaN, there are many."""

_reported: WeakValueDictionary[int, Network] = WeakValueDictionary()
"""Networks that a warning was given for, by their identity."""


def was_reported(network: Network) -> bool:
    """Whether a warning was given for the network."""
    return _reported.get(id(network)) is network


def mark_reported(network: Network) -> None:
    """Give no further warning for this network."""
    _reported[id(network)] = network


def check_boxes(network: Network, box: Floats) -> None:
    """Warn if finite outputs gave boxes that are not: a size is the exponential of an output.

    Args:
        network: the graph.
        box: float32, n x 4, of the boxes above the threshold.
    """
    if was_reported(network) or np.isfinite(box).all():
        return
    mark_reported(network)
    wrong = int((~np.isfinite(box)).any(axis=1).sum())
    warn(
        f"{wrong:,} of {len(box):,} boxes are NaN or infinite; check that the weights belong to this cfg", network.path
    )


def check_finite(network: Network, layer: Layer, output: Floats) -> None:
    """Warn if a head or last layer gave NaN or infinity; of each network once.

    Args:
        network: the graph.
        layer: whose output it is.
        output: float32, of any shape.
    """
    if was_reported(network):
        return
    with np.errstate(all="ignore"):
        total = output.reshape(-1)[:ENOUGH].sum()  # NaN and infinity stay in a sum, which is quickly made
    if np.isfinite(total):
        return
    wrong = output.size - int(np.count_nonzero(np.isfinite(output)))
    if not wrong:  # the sum alone was too large
        return
    mark_reported(network)
    warn(
        f"{wrong:,} of the {output.size:,} outputs of layer {layer.index} ([{layer.kind}]) are NaN or infinite; check "
        "that the weights belong to this cfg, and for NaN in them: darknet-py weights info WEIGHTS --cfg CFG",
        network.path,
    )
