"""The arena: one block of memory in which all activation buffers lie, each only as long as it is needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..layers import Dropout, Route
from .fusion import pooled_convolutions
from .number_format import FLOAT32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..layers import Layer
    from ..network import Network
    from .number_format import NumberFormat

ALIGNMENT = 128
"""Buffers start at multiples of this many bytes: two cache lines."""

INPUT = -1
"""The network's input, as a source of layers."""


def aligned_memory(size: int) -> NDArray[np.uint8]:
    """So many bytes, all 0, that start on a multiple of `ALIGNMENT`."""
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


def aligned_floats(count: int) -> NDArray[np.float32]:
    """Zeros that start on a multiple of `ALIGNMENT` bytes."""
    return aligned_memory(4 * count).view(np.float32)


def frozen(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """A flat read-only view: weights always reach their kernels as the same type, from memory or from a file."""
    view = np.ascontiguousarray(array, np.float32).reshape(-1).view(np.ndarray)
    view.flags.writeable = False
    return view


@dataclass(frozen=True)
class Buffer:
    """Where a layer's output lies in the arena: the byte at which it starts, and how many numbers it has."""

    offset: int
    count: int


@dataclass(frozen=True)
class Layout:
    """Where everything lies in the arena of one image.

    Attributes:
        buffers: by layer number (-1: the network's input).
        size: the arena's size in bytes.
        pools: convolutions whose buffer holds their output as the pooling of that number makes it.
        numbers: what the buffers hold.
    """

    buffers: dict[int, Buffer]
    size: int
    pools: dict[int, int]
    numbers: NumberFormat

    @property
    def count(self) -> int:
        """The arena's size in numbers."""
        return self.size // self.numbers.itemsize


def owner(layers: tuple[Layer, ...], number: int, pools: Mapping[int, int]) -> int:
    """The layer whose buffer holds the output of layer ``number``: some layers only hand on what they get."""
    while number != INPUT:
        layer = layers[number]
        hands_on = isinstance(layer, Dropout) or (isinstance(layer, Route) and len(layer.layers) == 1)
        if not hands_on and number not in pools.values():
            break
        number = layer.sources[0]
    return number


def lay_out(network: Network, keep: Collection[int], numbers: NumberFormat = FLOAT32) -> Layout:
    """Give every buffer a place: first fit among those whose lives do not overlap.

    Args:
        network: the graph.
        keep: layers whose outputs must still be there at the end of a run.
        numbers: what they consist of.
    """
    layers = network.layers
    pools = pooled_convolutions(network, keep)
    end = len(layers)
    last_use = {INPUT: end}
    for layer in layers:
        for source in layer.sources:
            holder = owner(layers, source, pools)
            last_use[holder] = max(last_use.get(holder, 0), layer.index)
    for number in keep:
        last_use[owner(layers, number, pools)] = end
    live: list[tuple[int, int, int]] = []
    buffers: dict[int, Buffer] = {}
    total = 0
    for number in range(INPUT, end):
        if owner(layers, number, pools) == number:
            count = network.input.size if number == INPUT else layers[pools.get(number, number)].out.size
            room = -(-count * numbers.itemsize // ALIGNMENT) * ALIGNMENT
            live = [buffer for buffer in live if buffer[2] >= number]
            offset = _first_fit(live, room)
            live.append((offset, room, last_use.get(number, number)))
            buffers[number] = Buffer(offset, count)
            total = max(total, offset + room)
        else:
            buffers[number] = buffers[owner(layers, number, pools)]
    return Layout(buffers, total, pools, numbers)


def _first_fit(live: list[tuple[int, int, int]], room: int) -> int:
    """Lowest offset with ``room`` free bytes among live (offset, room, last use) buffers."""
    offset = 0
    for start, taken, _ in sorted(live):
        if start - offset >= room:
            break
        offset = max(offset, start + taken)
    return offset
