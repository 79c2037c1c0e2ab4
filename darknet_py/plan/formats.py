"""In which number format each layer of a plan computes, and in which one its output lies in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import DarknetError
from ..numeric.number_format import FLOAT32
from ..numeric.quantization import INPUT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..layers import Layer, Shape
    from ..network import Network
    from ..numeric.arithmetic import Arithmetic
    from ..numeric.number_format import NumberFormat
    from ..numeric.quantization import Scale


UNBOUNDED = frozenset({"elu", "selu", "tanh"})
"""Activations that give NaN for some finite numbers (infinity by 0, or by itself). Their output lies in float32 if the
narrow format has no NaN: the step that makes its numbers tells of it."""


@dataclass(frozen=True)
class Formats:
    """Formats by layer number (-1: the network's input).

    A layer whose output others read in another format than it lies in gets a copy in that one behind its steps.

    Attributes:
        narrow: the format of the layers that are named here; all others have float32.
        computed: layers that compute in it.
        stored: layers whose output lies in memory in it.
        scales: what its numbers stand for, where that differs from layer to layer.
    """

    narrow: NumberFormat = FLOAT32
    computed: frozenset[int] = frozenset()
    stored: frozenset[int] = frozenset()
    scales: Mapping[int, Scale] = field(default_factory=dict)

    def of(self, number: int) -> NumberFormat:
        """The format in which a layer's output lies."""
        return self.narrow if number in self.stored else FLOAT32

    def computes(self, number: int) -> NumberFormat:
        """The format in which a layer computes."""
        return self.narrow if number in self.computed else FLOAT32

    def read_by(self, layer: Layer) -> NumberFormat:
        """The format in which a layer reads its sources."""
        if layer.hands_on:
            return self.of(layer.index)
        return self.computes(layer.index)

    def size(self, number: int, shape: Shape) -> int:
        """Words of memory that a layer's output takes."""
        return self.of(number).words(shape.c, shape.h * shape.w)

    def copies(self, network: Network) -> dict[int, int]:
        """The layers whose output is needed in the format in which it does not lie, too; by which one last."""
        return {
            source: layer.index
            for layer in network.layers
            for source in layer.sources
            if self.read_by(layer) is not self.of(source)
        }


FLOATS = Formats()
"""Everything is float32."""


def formats_of(network: Network, profile: Arithmetic) -> Formats:
    """The formats of a network's layers under an arithmetic.

    Raises:
        DarknetError: a layer's output cannot lie where it belongs.
    """
    if profile.narrow is None:
        return FLOATS
    able = profile.narrowed(network)
    stored = _stored(network, able, profile.narrow)
    computed = frozenset(n for n in able if n in stored or network.layers[n].multiply_adds)
    scales = {} if profile.quantization is None else profile.quantization.outputs
    return Formats(profile.narrow, computed, stored, scales)


def _stored(network: Network, able: frozenset[int], narrow: NumberFormat) -> frozenset[int]:
    """Outputs that are read in the narrow format: by layers that multiply in it, maybe through others.

    (What multiplies can write float32 as well: so the last convolutions before heads do.)
    """
    wanted, barred, stored = set(), set(), set()
    for layer in reversed(network.layers):
        number = layer.index
        split = layer.part_of_input is not None and layer.part_of_input // (layer.out.h * layer.out.w) % narrow.per_word
        whole = number not in barred and not split
        unsure = narrow.finite and getattr(layer, "activation", None) in UNBOUNDED
        if number in able and number in wanted and whole and not unsure:
            stored.add(number)
        if split:
            barred |= set(layer.sources)  # its part would begin within a word
        elif number in stored or (number in able and layer.multiply_adds):
            wanted |= set(layer.sources)
    for layer in network.layers:
        if not layer.hands_on:
            continue
        if layer.sources[0] not in stored:
            stored.discard(layer.index)  # it lies where its source does, whoever reads it
        elif layer.sources[0] in barred or layer.index in barred:
            raise DarknetError(f"{network.path}: layer {layer.index} begins within a word of {narrow.name} numbers")
        else:
            stored.add(layer.index)
    return frozenset(stored - {INPUT})
