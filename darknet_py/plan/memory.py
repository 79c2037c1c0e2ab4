"""The arena: one block of float32 values in which all activation buffers lie, each only as long as it is needed."""

from __future__ import annotations

import sys
from bisect import bisect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError
from ..layers import Dropout, Route
from .fusion import pooled_convolutions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..layers import Layer
    from ..network import Network

ALIGNMENT = 32
"""Buffers start at multiples of this many float32 values (128 bytes: two cache lines)."""

INPUT = -1
"""The network's input, as a source of layers."""


def aligned_floats(count: int) -> NDArray[np.float32]:
    """Zeros that start on a 128-byte boundary."""
    try:
        raw = np.zeros(count + ALIGNMENT, np.float32)
    except (MemoryError, ValueError):  # a ValueError: more than an array can have
        raise DarknetError(f"not enough memory: this network needs {4 * count / 1e9:.1f} GB at once") from None
    start = (-raw.ctypes.data % (4 * ALIGNMENT)) // 4
    return raw[start : start + count]


def frozen(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """A flat read-only view: weights always reach their kernels as the same type, from memory or from a file."""
    view = np.ascontiguousarray(array, np.float32).reshape(-1).view(np.ndarray)
    view.flags.writeable = False
    return view


@dataclass(frozen=True)
class Buffer:
    """Where a layer's output lies in the arena."""

    offset: int
    size: int


@dataclass(frozen=True)
class Layout:
    """Buffers by layer number (-1: the network's input) and the arena's size in float32 values.

    ``pools``: convolutions whose buffer holds their output as the pooling of that number makes it.
    """

    buffers: dict[int, Buffer]
    size: int
    pools: dict[int, int]


def owners(layers: tuple[Layer, ...], pools: Mapping[int, int]) -> dict[int, int]:
    """Whose buffer holds a layer's output, by number: some layers only hand on what they get."""
    pooled = set(pools.values())
    result = {INPUT: INPUT}
    for layer in layers:
        hands_on = isinstance(layer, Dropout) or (isinstance(layer, Route) and len(layer.layers) == 1)
        given = hands_on or layer.index in pooled
        result[layer.index] = result[layer.sources[0]] if given else layer.index
    return result


def lay_out(network: Network, keep: Collection[int]) -> Layout:
    """Give every buffer a place: first fit among those whose lives do not overlap.

    Args:
        network: the graph.
        keep: layers whose outputs must still be there at the end of a run.
    """
    layers = network.layers
    pools = pooled_convolutions(network, keep)
    owner = owners(layers, pools)
    end = len(layers)
    last_use = {INPUT: end}
    for layer in layers:
        for source in layer.sources:
            holder = owner[source]
            last_use[holder] = max(last_use.get(holder, 0), layer.index)
    for number in keep:
        last_use[owner[number]] = end
    room_left = _Room()
    ending: dict[int, list[tuple[int, int]]] = {}
    buffers: dict[int, Buffer] = {}
    total = 0
    for number in range(INPUT, end):
        if owner[number] == number:
            size = network.input.size if number == INPUT else layers[pools.get(number, number)].out.size
            room = -(-size // ALIGNMENT) * ALIGNMENT
            offset = room_left.take(room)
            ending.setdefault(last_use.get(number, number), []).append((offset, room))
            buffers[number] = Buffer(offset, size)
            total = max(total, offset + room)
        else:
            buffers[number] = buffers[owner[number]]
        for offset, room in ending.pop(number, ()):
            room_left.give(offset, room)
    return Layout(buffers, total, pools)


class _Room:
    """Gaps between buffers, from the lowest offset on: (start, end); the last one has no end."""

    def __init__(self) -> None:
        self._gaps: list[tuple[int, int]] = [(0, sys.maxsize)]

    def take(self, room: int) -> int:
        """The lowest offset with ``room`` free values (first fit)."""
        for i, (start, end) in enumerate(self._gaps):
            if end - start >= room:
                self._gaps[i : i + 1] = [(start + room, end)] if end - start > room else []
                return start
        raise MemoryError

    def give(self, offset: int, room: int) -> None:
        """Take values back."""
        start, end = offset, offset + room
        i = bisect(self._gaps, (start, end))
        if i < len(self._gaps) and self._gaps[i][0] == end:
            end = self._gaps.pop(i)[1]
        if i and self._gaps[i - 1][1] == start:
            i -= 1
            start = self._gaps.pop(i)[0]
        self._gaps.insert(i, (start, end))
