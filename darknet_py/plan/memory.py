"""The arena: one block of memory in which all activation buffers lie, each only as long as it is needed."""

from __future__ import annotations

import sys
from bisect import bisect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DarknetError
from ..numeric.number_format import FLOAT32, WORD
from .formats import FLOATS
from .fusion import pooled_convolutions
from .inner import inner_size
from .joins import find_joins, writers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..layers import Layer
    from ..network import Network
    from .chains import Chain
    from .formats import Formats
    from .joins import Joins

ALIGNMENT = 128
"""Buffers start at multiples of this many bytes: two cache lines."""

NO_CHAINS: Mapping[int, Chain] = MappingProxyType({})

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
    """Where a layer's output lies in the arena: the byte at which it starts, and how many words it has."""

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
        joins: owners that write into the buffer of a route.
        formats: what the buffers hold.
        inner: room inside layers (`plan.inner`), by number.
        copies: copies of outputs in another format, by layer number.
        chains: layers whose buffer holds the output of a chain's last one, by number.
    """

    buffers: dict[int, Buffer]
    size: int
    pools: dict[int, int]
    owners: dict[int, int]
    joins: Joins
    formats: Formats
    inner: dict[int, Buffer]
    copies: dict[int, Buffer]
    chains: Mapping[int, Chain]

    @property
    def count(self) -> int:
        """The arena's size in words."""
        return self.size // WORD.itemsize

    def writers(self, layers: tuple[Layer, ...], number: int) -> set[int]:
        """The layers whose steps write a layer's output (-1: the network's input)."""
        return writers(layers, self.joins, self.owners, number)

    def head_of(self, number: int) -> int | None:
        """The layer whose step computes a layer, too; None: it has steps of its own, or needs none."""
        heads = [head for head, pool in self.pools.items() if pool == number]
        heads += [head for head, chain in self.chains.items() if number in chain.members]
        return heads[0] if heads else None


def owners(layers: tuple[Layer, ...], within: Collection[int]) -> dict[int, int]:
    """Whose buffer holds a layer's output, by number: some layers only hand on what they get.

    ``within``: layers that the step of another one computes, too.
    """
    result = {INPUT: INPUT}
    for layer in layers:
        given = layer.hands_on or layer.index in within
        result[layer.index] = result[layer.sources[0]] if given else layer.index
    return result


def handed_on(layer: Layer, given: Buffer, formats: Formats) -> Buffer:
    """Where the output of a layer lies that hands on its input, or (a [route] with groups) a part of it."""
    begin = layer.part_of_input
    if begin is None:
        return given
    first = begin // formats.of(layer.index).per_word
    return Buffer(given.offset + first * WORD.itemsize, formats.size(layer.index, layer.out))


def lay_out(
    network: Network, keep: Collection[int], formats: Formats = FLOATS, chains: Mapping[int, Chain] = NO_CHAINS
) -> Layout:
    """Give every buffer a place: first fit among those whose lives do not overlap.

    Args:
        network: the graph.
        keep: layers whose outputs must still be there at the end of a run.
        formats: what they consist of.
        chains: layers that are computed together.
    """
    layers = network.layers
    pools = pooled_convolutions(network, keep, formats)
    ends = {**pools, **{head: chain.members[-1] for head, chain in chains.items()}}
    owner = owners(layers, {*pools.values(), *(member for chain in chains.values() for member in chain.members)})
    joins = find_joins(layers, owner, formats)
    last_use = _last_uses(layers, keep, owner, joins)
    wanted = formats.copies(network)
    arena = _Arena()
    copies: dict[int, Buffer] = {}
    buffers: dict[int, Buffer] = {}
    inner: dict[int, Buffer] = {}

    def place(number: int) -> Buffer:
        """Where the output of a layer that owns its buffer lies; that of a join before all of its sources."""
        if number not in buffers:
            count = formats.size(number, network.input if number == INPUT else layers[ends.get(number, number)].out)
            if number in joins:
                route, source = joins[number]
                first = sum(formats.size(route, layers[before].out) for before in layers[route].sources[:source])
                buffers[number] = Buffer(place(route).offset + first * WORD.itemsize, count)
            else:
                buffers[number] = arena.take(count, last_use.get(number, number))
        return buffers[number]

    for number in range(INPUT, len(layers)):
        if owner[number] == number:
            place(number)
        else:
            buffers[number] = handed_on(layers[number], buffers[layers[number].sources[0]], formats)
        if number in wanted:
            out = network.input if number == INPUT else layers[number].out
            other = FLOAT32 if number in formats.stored else formats.narrow
            copies[number] = arena.take(other.words(out.c, out.h * out.w), wanted[number])
        count = inner_size(layers[number]) if number >= 0 else 0
        if count:
            inner[number] = arena.take(count, number)
        arena.give_back(number)
    return Layout(buffers, arena.size, pools, owner, joins, formats, inner, copies, chains)


def _last_uses(
    layers: tuple[Layer, ...], keep: Collection[int], owner: Mapping[int, int], joins: Joins
) -> dict[int, int]:
    """By layer that has a stretch of the arena of its own: the last layer that needs what lies there."""

    def holder(number: int) -> int:
        number = owner[number]
        while number in joins:
            number = joins[number][0]
        return number

    end = len(layers)
    last_use = {INPUT: end}
    for layer in layers:
        for used in (layer.index, *layer.sources):
            last_use[holder(used)] = max(last_use.get(holder(used), 0), layer.index)
    for number in keep:
        last_use[holder(number)] = end
    return last_use


class _Arena:
    """Takes room for buffers, and back behind the layer that needs them last."""

    def __init__(self) -> None:
        self.size = 0
        self._left = _Room()
        self._ending: dict[int, list[tuple[int, int]]] = {}

    def take(self, count: int, last: int) -> Buffer:
        """Room for so many words, until ``last``."""
        room = -(-count * WORD.itemsize // ALIGNMENT) * ALIGNMENT
        offset = self._left.take(room)
        self._ending.setdefault(last, []).append((offset, room))
        self.size = max(self.size, offset + room)
        return Buffer(offset, count)

    def give_back(self, number: int) -> None:
        """What nobody needs behind a layer."""
        for offset, room in self._ending.pop(number, ()):
            self._left.give(offset, room)


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
