"""Routes of several layers without copying: their sources write side by side into the route's own buffer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..layers import Route
from .formats import FLOATS

if TYPE_CHECKING:
    from ..layers import Layer
    from .formats import Formats

Joins = dict[int, tuple[int, int]]
"""By number of a layer that owns its buffer: the route in whose buffer it lies, and which of its sources it is."""


def find_joins(layers: tuple[Layer, ...], owner: Mapping[int, int], formats: Formats = FLOATS) -> Joins:
    """Which layers write into a route's buffer: each into that of the first route that has it whole.

    Args:
        layers: of the network.
        owner: by layer number the layer whose buffer holds its output (see `plan.memory`).
        formats: in which they lie there.
    """
    joins: Joins = {}
    for layer in layers:
        if not isinstance(layer, Route) or layer.hands_on or layer.groups > 1:
            continue
        for place, source in enumerate(layer.sources):
            holder = owner[source]
            if not _fits(layers, layer, place, formats):
                continue
            if holder >= 0 and holder not in joins and _is_whole(layers, source, holder):
                joins[holder] = layer.index, place
    return joins


def _fits(layers: tuple[Layer, ...], route: Layer, place: int, formats: Formats) -> bool:
    """Whether a source lies as it must in its route: in the same format, and in whole words."""
    numbers = formats.of(route.index)
    before = [layers[source].out.c for source in route.sources[: place + 1]]
    if place == len(route.sources) - 1:
        before.pop()  # what follows the last one is nobody's
    aligned = all(channels % numbers.per_word == 0 for channels in before)
    return aligned and formats.of(route.sources[place]) is numbers


def _is_whole(layers: tuple[Layer, ...], number: int, holder: int) -> bool:
    """Whether a layer's output is all that its holder's buffer has: no group of it."""
    while number != holder:
        layer = layers[number]
        if isinstance(layer, Route) and layer.groups > 1:
            return False
        number = layer.sources[0]
    return True


def read_by(
    layer: Layer, layers: tuple[Layer, ...], joins: Joins, owner: Mapping[int, int], formats: Formats = FLOATS
) -> set[int]:
    """The layers whose values a layer's steps have to read: not what lies in its own buffer already."""
    found: set[int] = set()
    for place, source in enumerate(layer.sources):
        first = layer.beginning(place)
        part = None if first is None else range(first)
        if isinstance(layer, Route) and layer.groups > 1:
            size = layers[source].out.size // layer.groups
            part = range(layer.group_id * size, (layer.group_id + 1) * size)
        if formats.read_by(layer) is not formats.of(source):
            found.add(source)  # a copy
        elif joins.get(owner[source]) != (layer.index, place):
            found |= writers(layers, joins, owner, source, part)
    return found


def writers(
    layers: tuple[Layer, ...], joins: Joins, owner: Mapping[int, int], number: int, part: range | None = None
) -> set[int]:
    """The layers whose steps write a layer's output, or a part of its values."""
    if number < 0:
        return {number}
    layer = layers[number]
    part = range(layer.out.size) if part is None else part
    if owner[number] != number:
        # A pooling that its convolution does has another size than its source.
        start = layer.group_id * layer.out.size if isinstance(layer, Route) else 0
        inner = range(start + part.start, start + part.stop) if layer.hands_on else None
        return writers(layers, joins, owner, layer.sources[0], inner)
    if not isinstance(layer, Route):
        return {number}
    found, first = set(), 0
    for place, source in enumerate(layer.sources):
        end = first + layers[source].out.size // layer.groups
        low, high = max(first, part.start), min(end, part.stop)
        if low < high and joins.get(owner[source]) == (number, place):
            found |= writers(layers, joins, owner, source, range(low - first, high - first))
        elif low < high:
            found.add(number)
        first = end
    return found
