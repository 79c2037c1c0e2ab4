"""NaN or infinity in what a network gives: said once, because nothing, or nonsense, is all that can be found then."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np

from ..errors import warn
from .candidates import Floats

if TYPE_CHECKING:
    from ..layers import Layer
    from ..network import Network

ENOUGH = 1 << 20
"""Of so many outputs each is looked at; of more, the first of them: where there is one NaN, there are many."""

_told: WeakValueDictionary[int, Network] = WeakValueDictionary()
"""Networks of which it was said, by their identity."""


def check_finite(network: Network, layer: Layer, output: Floats) -> None:
    """Warn if a head or last layer gave NaN or infinity; of each network once.

    Args:
        network: the graph.
        layer: whose output it is.
        output: float32, of any shape.
    """
    if _told.get(id(network)) is network:
        return
    with np.errstate(all="ignore"):
        total = output.reshape(-1)[:ENOUGH].sum()  # NaN and infinity stay in a sum, which is quickly made
    if np.isfinite(total):
        return
    wrong = output.size - int(np.count_nonzero(np.isfinite(output)))
    if not wrong:  # the sum alone was too large
        return
    _told[id(network)] = network
    warn(
        f"{wrong:,} of the {output.size:,} outputs of layer {layer.index} ([{layer.kind}]) are NaN or infinite; check "
        "that the weights belong to this cfg, and for NaN in them: darknet-py weights info WEIGHTS --cfg CFG",
        network.path,
    )
