"""Layers that one step computes together without writing what lies between them: inverted bottlenecks.

A 1x1 convolution that widens (it may be missing), a depthwise one, a 1x1 convolution, perhaps a sum with an earlier map
behind it; see `kernels.conv.bottleneck`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..layers import Convolutional, Dropout, Empty, MultiShortcut, Shortcut
from ..numeric.number_format import FLOAT32
from .formats import FLOATS
from .inner import unrolls

if TYPE_CHECKING:
    from ..layers import Layer
    from ..network import Network
    from ..numeric.arithmetic import Arithmetic
    from .formats import Formats


ACTIVATIONS = frozenset({"leaky", "linear", "relu"})
"""Those of `kernels.conv.bottleneck.has_slope`."""


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
        self.users: dict[int, list[int]] = {}
        for layer in network.layers:
            for source in layer.sources:
                self.users.setdefault(source, []).append(layer.index)

    def chain_from(self, head: Layer) -> Chain | None:
        """The bottleneck that begins with a layer."""
        first = head if self._is_pointwise(head) else None
        members: list[int] = []
        middle = head if first is None else self._next(head, members)
        if middle is None or not self._is_depthwise(middle):
            return None
        last = self._next(middle, members)
        if last is None or not self._is_pointwise(last):
            return None
        assert isinstance(middle, Convolutional) and isinstance(last, Convolutional)
        assert first is None or isinstance(first, Convolutional)
        behind: list[int] = []
        shortcut = self._next(last, behind)
        added = None if shortcut is None else self._added(shortcut, last, head.index)
        if shortcut is None or added is None:
            return Chain(first, middle, last, None, "linear", tuple(members))
        assert isinstance(shortcut, Shortcut | MultiShortcut)
        return Chain(first, middle, last, added, shortcut.activation, (*members, *behind))

    def _next(self, layer: Layer, members: list[int]) -> Layer | None:
        """The only layer that reads an output, which nobody asks for; layers on the way are noted with it."""
        while True:
            users = self.users.get(layer.index, [])
            if len(users) != 1 or layer.index in self.keep or self.layers[users[0]].sources[0] != layer.index:
                return None
            layer = self.layers[users[0]]
            members.append(layer.index)
            if not isinstance(layer, Dropout | Empty):
                return layer

    def _plain(self, layer: Layer) -> bool:
        """Whether a layer is a convolution in float32 without anything that is a step of its own."""
        if not isinstance(layer, Convolutional) or layer.xnor or layer.blur or unrolls(layer):
            return False
        number = layer.index
        floats = self.formats.computes(number) is self.formats.of(number) is FLOAT32
        folds = not layer.batch_normalize or self.profile.folds_normalization(False)
        return floats and folds and layer.activation in ACTIVATIONS and layer.stride_x == layer.stride_y

    def _is_pointwise(self, layer: Layer) -> bool:
        if not isinstance(layer, Convolutional) or not self._plain(layer):
            return False
        return layer.size == 1 and layer.groups == 1 and layer.stride_x == 1 and layer.pad == 0

    def _is_depthwise(self, layer: Layer) -> bool:
        if not isinstance(layer, Convolutional) or not self._plain(layer):
            return False
        alone = layer.groups == layer.c == layer.n and layer.groups > 1
        return alone and layer.size > 1 and layer.stride_x <= 2

    def _added(self, layer: Layer, last: Convolutional, head: int) -> int | None:
        """What a layer adds to a bottleneck's output, if it does nothing else."""
        if not isinstance(layer, Shortcut | MultiShortcut) or layer.activation not in ACTIVATIONS:
            return None
        sources, number = layer.sources, layer.index
        if len(sources) != 2 or sources[1] >= head or self.layers[sources[1]].out != layer.out or layer.out != last.out:
            return None
        plain = not layer.weights if isinstance(layer, MultiShortcut) else layer.alpha == layer.beta == 1
        formats = {self.formats.computes(number), self.formats.of(number), self.formats.of(sources[1])}
        return sources[1] if plain and formats == {FLOAT32} else None
