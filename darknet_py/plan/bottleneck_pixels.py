"""A chain of layers of few channels -> a step with pixels in the lanes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.conv.bottleneck_pixels import EDGE, PixelBand, bottleneck_pixels, packed, pixel_weights
from ..kernels.conv.pack import pack_weights
from ..kernels.vector.tile import SHORTER
from .conv_cut import with_room
from .memory import aligned_floats, frozen
from .step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..kernels.conv.bottleneck_cut import Bottleneck
    from ..kernels.vector.tile import Tile
    from ..typing import Floats
    from .context import LayerContext

MOST = 16
"""Most channels of the wide map: more fill the lanes, and then a step needs fewer rows of pixels."""

VECTORS = 3
"""Least vectors of pixels of a row."""


def in_pixels(shape: Bottleneck, tile: Tile) -> bool:
    """Whether the pixels of a bottleneck are in the lanes."""
    layers = shape.expands == shape.stride == shape.pad == 1 and shape.size == 3
    long = tile.finishes_within and tile.lanes > SHORTER
    return long and layers and shape.e <= MOST and shape.w >= VECTORS * tile.lanes


def pixel_step(
    shape: Bottleneck, arrays: Sequence[Mapping[str, Floats]], tile: Tile, context: LayerContext,
    cut: Callable[[Callable[[int], PixelBand]], PixelBand],
) -> Step:  # fmt: skip
    """The step.

    Args:
        shape: the layers' numbers.
        arrays: of its three convolutions.
        tile: of the profile.
        context: as for `bottleneck.bottleneck_steps`.
        cut: chooses how many rows a task has, from a band for so many.

    Raises:
        ValueError: the weights are not as many as the layers say.
    """
    last = replace(tile, rows=tile.rows // 2, vectors=2 * tile.vectors) if shape.n <= tile.rows // 2 else tile
    weights = context.stored((tile, last), lambda: _pack(arrays, shape, tile, last, context))
    band = cut(lambda rows: _band(shape, tile, rows))
    images = context.images
    planes, parts = (np.arange(count, dtype=np.int64) for count in (shape.c, shape.e))
    return context.step(
        bottleneck_pixels, out=context.out, source=context.x,
        added=context.sources[1] if shape.adds else np.zeros(0, np.float32), weights=weights,
        biases=np.concatenate([given["biases"] for given in arrays]).astype(np.float32),
        offsets=np.concatenate([with_room(planes * (shape.h * shape.w)), with_room(parts * band.part)]),
        images=images.count, next_in=images.next_in, next_out=images.next_out, shape=shape, band=band, tile=tile,
        last=last,
    )  # fmt: skip


def _band(shape: Bottleneck, tile: Tile, rows: int) -> PixelBand:
    vectors = -(-shape.w // tile.lanes) * tile.lanes
    pitch = EDGE + -(-(shape.w + 1) // tile.lanes) * tile.lanes
    plane = (rows + 2) * pitch
    middle = tile.rows * plane + vectors + tile.lanes + EDGE
    part = -(-((rows - 1) * shape.w + vectors) // tile.lanes) * tile.lanes
    return PixelBand(rows, pitch, plane, middle, part, -(-(middle + shape.e * part) // 16) * 16)


def _pack(
    arrays: Sequence[Mapping[str, Floats]], shape: Bottleneck, tile: Tile, last: Tile, context: LayerContext
) -> Floats:
    """The weights of all convolutions in the kernel's order."""
    out = aligned_floats(pixel_weights(shape, tile, last))
    first, around, third = (frozen(given["weights"]) for given in arrays)
    if (first.size, around.size, third.size) != (shape.e * shape.c, 9 * shape.e, shape.n * shape.e):
        raise ValueError(f"{first.size}, {around.size} and {third.size} weights are not those of {shape}")
    middle = packed(shape.e, shape.c, tile)
    out[middle : middle + around.size] = around
    for part, flat, filters, depth, its_tile in (
        (out[:middle], first, shape.e, shape.c, tile),
        (out[middle + around.size :], third, shape.n, shape.e, last),
    ):
        context.prepare(
            Step.of(
                pack_weights, packed=part, weights=flat, filters=filters, depth=depth, part=depth, rows=its_tile.rows,
                tile=its_tile,
            )
        )  # fmt: skip
    return out
