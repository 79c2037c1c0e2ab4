"""8-bit integers for real numbers: which step and zero each layer's output has, and what has to agree.

A stored number q (0 .. 255) stands for ``step * (q - zero)``. Where the steps come from (`calibration`) is no matter of
this module; here stands what a network needs of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError

if TYPE_CHECKING:
    from ..layers import Layer
    from ..network import Network
    from ..typing import Doubles

INPUT = -1
"""The network's input, as a layer number."""

LEVELS = 255
"""The largest stored number."""


@dataclass(frozen=True)
class Scale:
    """What a stored number q stands for: ``step * (q - zero)``.

    Attributes:
        step: distance of two neighbours, a positive float32.
        zero: the number that stands for 0, from 0 to 255.
    """

    step: float
    zero: int

    def __post_init__(self) -> None:
        step = float(np.float32(self.step))
        # Down to normal numbers, and with room for 255 steps: so no product of a step leaves float32.
        if not (2.0**-100 <= step <= 2.0**100) or not 0 <= self.zero <= LEVELS:
            raise DarknetError(f"step {self.step} and zero {self.zero} are no scale of 8-bit numbers")
        object.__setattr__(self, "step", step)

    @classmethod
    def of_range(cls, low: float, high: float) -> Scale:
        """The scale on which ``low`` .. ``high``, and 0, just fit. Raises `DarknetError` if they are no numbers."""
        low, high = min(low, 0.0), max(high, 0.0)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise DarknetError(f"{low} .. {high} is no range of numbers")
        step = max((high - low) / LEVELS, 2.0**-100)
        return cls(step, round(min(-low / step, LEVELS)))

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest number that it has."""
        return -self.step * self.zero, self.step * (LEVELS - self.zero)


PICTURE = Scale(1 / LEVELS, 0)
"""The scale on which the bytes of a picture are what they are."""


@dataclass(frozen=True)
class Quantization:
    """What a network needs to be computed in 8-bit integers.

    Attributes:
        outputs: the scale of each layer in `scaled` (-1: the network's input). More may be there.
        floats: layers that are computed in float32 though they could be integers.
        factors: by layer whose channels are balanced (`numeric.balance`), what each is multiplied by to be real again.
        sha256: of the file that it was read from, if it was.
    """

    outputs: Mapping[int, Scale]
    floats: frozenset[int] = field(default=frozenset())
    factors: Mapping[int, Doubles] = field(default_factory=dict, compare=False)
    sha256: str | None = field(default=None, compare=False)

    def check(self, network: Network) -> None:
        """Raise `DarknetError` if it is not for this network."""
        missing = sorted(scaled(network) - self.outputs.keys())
        if missing:
            raise DarknetError(f"{network.path}: the calibration has no scale for layer {missing[0]}")
        for group in groups(network):
            if len({self.outputs[number] for number in group if number in self.outputs}) > 1:
                numbers = ", ".join(map(str, sorted(group)))
                raise DarknetError(f"{network.path}: the calibration has different scales for layers {numbers}")

    def integers(self, network: Network) -> frozenset[int]:
        """The layers that are computed in integers."""
        return narrowable(network, self.floats)


def narrowable(network: Network, floats: Collection[int] = ()) -> frozenset[int]:
    """The layers that are computed in a narrow number format, if not in ``floats``.

    Those that only move values about are where all that they read comes in it, so that nothing is converted for their
    sake.
    """
    found: set[int] = set()
    for layer in network.layers:
        if layer.index in floats or not layer.quantizes:
            continue
        if layer.passes_values and not all(source in found for source in layer.sources):
            continue
        found.add(layer.index)
    return frozenset(found)


def placeholder(network: Network) -> Quantization:
    """One scale for all: to show, verify and compile what a calibration would be used with."""
    return Quantization(dict.fromkeys(scaled(network), Scale.of_range(-8, 8)))


def quantizable(network: Network) -> frozenset[int]:
    """The layers that can be computed in integers."""
    return frozenset(layer.index for layer in network.layers if layer.quantizes)


def rounds_weights(layer: Layer) -> bool:
    """Whether its weights are 8-bit integers when it is computed in integers."""
    return layer.quantizes and layer.multiply_adds > 0


def scaled(network: Network) -> frozenset[int]:
    """The layers whose output (-1: the input) must have a scale: what can be integers, and what that reads."""
    found: set[int] = set()
    for layer in network.layers:
        if layer.quantizes:
            found |= {layer.index, *layer.sources}
    return frozenset(found)


def groups(network: Network) -> list[frozenset[int]]:
    """Sets of layers (-1: the network's input) that must have the same scale, as values go from one to the other.

    Their ranges are to be united. Of layers that are in no set each has a scale of its own.
    """
    parent: dict[int, int] = {}

    def root(number: int) -> int:
        while parent.get(number, number) != number:
            number = parent[number]
        return number

    for layer in network.layers:
        if layer.passes_values and layer.quantizes:
            for source in layer.sources:
                parent[root(source)] = root(layer.index)
    return _sets(network.layers, root)


def _sets(layers: Iterable[Layer], root: Callable[[int], int]) -> list[frozenset[int]]:
    sets: dict[int, set[int]] = {}
    for number in (INPUT, *(layer.index for layer in layers)):
        sets.setdefault(root(number), set()).add(number)
    return [frozenset(group) for group in sets.values() if len(group) > 1]
