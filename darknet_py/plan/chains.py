"""Layers that one step computes together without writing what lies between them: inverted bottlenecks.

A 1x1 convolution that widens (it may be missing), a depthwise one, a 1x1 convolution, perhaps a sum with an earlier map
behind it; see `kernels.conv.bottleneck`, `kernels.int8.bottleneck`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..layers import Convolutional, MultiShortcut, Shortcut
from .formats import FLOATS
from .inner import unrolls

if TYPE_CHECKING:
    from ..layers import Layer
    from ..network import Network
    from ..numeric.arithmetic import Arithmetic
    from ..numeric.number_format import NumberFormat
    from .formats import Formats


ACTIVATIONS = frozenset({"leaky", "linear", "relu"})
"""Those of `kernels.conv.activation.has_slope`."""


@dataclass(frozen=True)
class Chain:
    """The layers of a bottleneck.

    Attributes:
        first: the convolution that widens, if there is one.
        middle: the depthwise one.
        last: the one that narrows.
        added: number of the layer whose output is added; None: there is no sum.
        activation: behind the sum.
        members: numbers of all layers behind the head, the ones that only hand on included.
    """

    first: Convolutional | None
    middle: Convolutional
    last: Convolutional
    added: int | None
    activation: str
    members: tuple[int, ...]

    @property
    def convolutions(self) -> tuple[Convolutional, ...]:
        """Those that there are, in their order."""
        return (self.middle, self.last) if self.first is None else (self.first, self.middle, self.last)

    @property
    def head(self) -> Convolutional:
        """The layer whose step computes all, and whose buffer has the last one's output."""
        return self.convolutions[0]

    @property
    def sources(self) -> tuple[int, ...]:
        """The layers whose outputs it reads."""
        return (*self.head.sources, *(() if self.added is None else (self.added,)))


def find_chains(
    network: Network, keep: Collection[int], profile: Arithmetic, formats: Formats = FLOATS
) -> dict[int, Chain]:
    """The bottlenecks of a network by the number of their first layer.

    Args:
        network: the graph.
        keep: layers whose outputs must be there at the end of a run.
        profile: the arithmetic: batch normalisation must become part of the weights.
        formats: those of its layers.
    """
    finder = _Finder(network, keep, profile, formats)
    chains: dict[int, Chain] = {}
    end = -1
    for layer in network.layers:
        chain = finder.chain_from(layer) if layer.index > end else None
        if chain is not None:
            chains[layer.index] = chain
            end = chain.members[-1]
    return chains


class _Finder:
    """Follows outputs that a single layer reads."""

    def __init__(self, network: Network, keep: Collection[int], profile: Arithmetic, formats: Formats) -> None:
        self.layers, self.keep, self.profile, self.formats = network.layers, keep, profile, formats
        self.numbers: NumberFormat = formats.computes(0)
        self.users: dict[int, list[int]] = {}
        for layer in network.layers:
            for source in layer.sources:
                self.users.setdefault(source, []).append(layer.index)

    def chain_from(self, head: Layer) -> Chain | None:
        """The bottleneck that begins with a layer."""
        self.numbers = self.formats.computes(head.index)
        if not self.numbers.bottlenecks:
            return None
        members: list[int] = []
        first = self._pointwise(head)
        middle = self._depthwise(head if first is None else self._next(head, members))
        last = self._pointwise(None if middle is None else self._next(middle, members))
        if middle is None or last is None:
            return None
        behind: list[int] = []
        added = self._added(self._next(last, behind), last, head.index)
        if added is None:
            return Chain(first, middle, last, None, "linear", tuple(members))
        return Chain(first, middle, last, *added, (*members, *behind))

    def _next(self, layer: Layer, members: list[int]) -> Layer | None:
        """The only layer that reads an output, which nobody asks for; layers on the way are noted with it."""
        while True:
            users = self.users.get(layer.index, [])
            if len(users) != 1 or layer.index in self.keep or self.layers[users[0]].sources[0] != layer.index:
                return None
            layer = self.layers[users[0]]
            members.append(layer.index)
            if layer.kind not in ("dropout", "empty"):
                return layer

    def _plain(self, layer: Layer | None) -> Convolutional | None:
        """A layer, if it is a convolution without anything that is a step of its own, in the head's number format."""
        if not isinstance(layer, Convolutional) or layer.xnor or layer.blur or unrolls(layer):
            return None
        number = layer.index
        alike = self.formats.computes(number) is self.formats.of(number) is self.numbers
        folds = not layer.batch_normalize or self.profile.folds_normalization(False)
        found = alike and folds and layer.activation in ACTIVATIONS and layer.stride_x == layer.stride_y
        return layer if found else None

    def _pointwise(self, layer: Layer | None) -> Convolutional | None:
        """A layer, if it is a 1x1 convolution of all pixels and channels."""
        found = self._plain(layer)
        return found if found and found.size == found.groups == found.stride_x == 1 and found.pad == 0 else None

    def _depthwise(self, layer: Layer | None) -> Convolutional | None:
        """A layer, if it is a convolution of each channel with one filter."""
        found = self._plain(layer)
        if found is None or found.size == 1 or found.stride_x > 2 or found.groups == 1:
            return None
        if found.size > min(found.h, found.w) + 2 * found.pad:
            return None  # C's division rounds up: there is an output, but no whole window
        return found if found.groups == found.c == found.n else None

    def _added(self, layer: Layer | None, last: Convolutional, head: int) -> tuple[int, str] | None:
        """What a layer adds to a bottleneck's output, and its activation, if it does nothing else."""
        if not isinstance(layer, Shortcut | MultiShortcut) or layer.activation not in ACTIVATIONS:
            return None
        sources, number = layer.sources, layer.index
        if len(sources) != 2 or sources[1] >= head or self.layers[sources[1]].out != layer.out or layer.out != last.out:
            return None
        plain = layer.alpha == layer.beta == 1 if isinstance(layer, Shortcut) else not layer.weights
        formats = {self.formats.computes(number), self.formats.of(number), self.formats.of(sources[1])}
        return (sources[1], layer.activation) if plain and formats == {self.numbers} else None
