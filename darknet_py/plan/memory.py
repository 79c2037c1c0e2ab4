"""The arena: one block of memory in which all activation buffers lie, each only as long as it is needed."""

from __future__ import annotations

import sys
from bisect import bisect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError
from ..numeric.number_format import FLOAT32
from .fusion import pooled_convolutions
from .inner import inner_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..layers import Layer
    from ..network import Network
    from ..numeric.number_format import NumberFormat

ALIGNMENT = 128
"""Buffers start at multiples of this many bytes: two cache lines."""

INPUT = -1
"""The network's input, as a source of layers."""


def aligned_memory(size: int) -> NDArray[np.uint8]:
    """So many bytes, all 0, that start on a multiple of `ALIGNMENT`. Raises `DarknetError` if there is not enough."""
    try:
        raw = np.zeros(size + ALIGNMENT, np.uint8)
    except (MemoryError, ValueError):  # a ValueError: more than an array can have
        raise DarknetError(f"not enough memory: this network needs {size / 1e9:.1f} GB at once") from None
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
        owners: by layer number the layer whose buffer holds its output.
        numbers: what the buffers hold.
        inner: room inside layers (`plan.inner`), by number.
    """

    buffers: dict[int, Buffer]
    size: int
    pools: dict[int, int]
    owners: dict[int, int]
    numbers: NumberFormat
    inner: dict[int, Buffer]

    @property
    def count(self) -> int:
        """The arena's size in numbers."""
        return self.size // self.numbers.itemsize


def owners(layers: tuple[Layer, ...], pools: Mapping[int, int]) -> dict[int, int]:
    """Whose buffer holds a layer's output, by number: some layers only hand on what they get."""
    pooled = set(pools.values())
    result = {INPUT: INPUT}
    for layer in layers:
        given = layer.hands_on or layer.index in pooled
        result[layer.index] = result[layer.sources[0]] if given else layer.index
    return result


def handed_on(layer: Layer, given: Buffer, numbers: NumberFormat) -> Buffer:
    """Where the output of a layer lies that hands on its input, or (a [route] with groups) a part of it."""
    begin = layer.part_of_input
    return given if begin is None else Buffer(given.offset + begin * numbers.itemsize, layer.out.size)


def lay_out(network: Network, keep: Collection[int], numbers: NumberFormat = FLOAT32) -> Layout:
    """Give every buffer a place: first fit among those whose lives do not overlap.

    Args:
        network: the graph.
        keep: layers whose outputs must still be there at the end of a run.
        numbers: what they consist of.
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
    inner: dict[int, Buffer] = {}
    total = 0
    for number in range(INPUT, end):
        if owner[number] == number:
            count = network.input.size if number == INPUT else layers[pools.get(number, number)].out.size
            room = -(-count * numbers.itemsize // ALIGNMENT) * ALIGNMENT
            offset = room_left.take(room)
            ending.setdefault(last_use.get(number, number), []).append((offset, room))
            buffers[number] = Buffer(offset, count)
            total = max(total, offset + room)
        else:
            buffers[number] = handed_on(layers[number], buffers[layers[number].sources[0]], numbers)
        count = inner_size(layers[number]) if number >= 0 else 0
        if count:
            room = -(-count * numbers.itemsize // ALIGNMENT) * ALIGNMENT
            inner[number] = Buffer(room_left.take(room), count)
            ending.setdefault(number, []).append((inner[number].offset, room))
            total = max(total, inner[number].offset + room)
        for offset, room in ending.pop(number, ()):
            room_left.give(offset, room)
    return Layout(buffers, total, pools, owner, numbers, inner)


class _Room:
    """Gaps between buffers, from the lowest offset on: (start, end); the last one has no end."""

    def __init__(self) -> None:
        self._gaps: list[tuple[int, int]] = [(0, sys.maxsize)]

    def take(self, room: int) -> int:
        """The lowest offset with ``room`` free bytes (first fit)."""
        for i, (start, end) in enumerate(self._gaps):
            if end - start >= room:
                self._gaps[i : i + 1] = [(start + room, end)] if end - start > room else []
                return start
        raise MemoryError

    def give(self, offset: int, room: int) -> None:
        """Take bytes back."""
        start, end = offset, offset + room
        i = bisect(self._gaps, (start, end))
        if i < len(self._gaps) and self._gaps[i][0] == end:
            end = self._gaps.pop(i)[1]
        if i and self._gaps[i - 1][1] == start:
            i -= 1
            start = self._gaps.pop(i)[0]
        self._gaps.insert(i, (start, end))
