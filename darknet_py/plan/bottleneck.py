"""A chain of layers (`plan.chains`) -> a step."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from ..kernels.conv.bottleneck import bottleneck
from ..kernels.conv.bottleneck_cut import (
    Band,
    Bottleneck,
    biases_size,
    blocks,
    frame_width,
    weights_before,
    weights_size,
)
from ..kernels.conv.pack import pack_weights
from ..kernels.vector.tile import SHORTER
from .bottleneck_pixels import in_pixels, pixel_step
from .conv_cut import with_room
from .memory import aligned_floats, frozen
from .processor import host_cache_room
from .step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..kernels.vector.tile import Tile
    from ..typing import Floats, Ints
    from .chains import Chain
    from .context import LayerContext


class _Cut(Protocol):
    """How a chain's work is cut."""

    @property
    def scratch(self) -> int:
        """Words of a worker's scratch memory."""


AnyBand = TypeVar("AnyBand", bound=_Cut)

ROOM = 130_000
"""About how many values a task works with, where the second cache has room: they stay there."""

GAIN = 0.8
"""`SHORTER` vectors are used if they leave that share of the lanes that vectors need, or less."""

AROUND = 2
"""How many products of a 1x1 convolution take as long as one of a depthwise one, about."""


def bottleneck_steps(chain: Chain, context: LayerContext) -> list[Step]:
    """The step of a chain.

    Args:
        chain: its layers.
        context: the buffers of its first layer, but for its sources: those of the chain; and all layers' arrays.

    Raises:
        ValueError: the weights are not as many as the layers say.
    """
    shape, profile, images = bottleneck_shape(chain, context), context.profile, context.images
    arrays = [
        profile.fold(given) if layer.batch_normalize and not context.dry else given
        for layer, given in zip(chain.convolutions, context.chain_arrays, strict=True)
    ]
    cut = partial(cut_bands, shape, context.threads, images.count, work_of=partial(_work, shape))
    if in_pixels(shape, profile.tile(context.tile)):
        return [pixel_step(shape, arrays, profile.tile(context.tile), context, cut)]
    tile = fitting(profile.tile(context.tile), shape.e)
    last = fitting(profile.tile(context.tile), shape.n)
    weights = context.stored((tile, last), lambda: _pack(arrays, shape, tile, last, context))
    band = cut(partial(_band, shape, tile, last))
    added = context.sources[1] if shape.adds else np.zeros(0, np.float32)
    return [
        context.step(
            bottleneck, out=context.out, source=context.x, added=added, weights=weights,
            biases=_biases(arrays, shape, tile, last), offsets=_offsets(shape, band, tile), images=images.count,
            next_in=images.next_in, next_out=images.next_out, shape=shape, band=band, tile=tile, last=last,
        )
    ]  # fmt: skip


def bottleneck_shape(chain: Chain, context: LayerContext) -> Bottleneck:
    """The kernel's view of a chain."""
    head, middle, last = chain.head, chain.middle, chain.last

    def code(activation: str) -> int:
        return context.profile.activation_code(activation, fused=True)

    return Bottleneck(
        c=head.c, h=head.h, w=head.w, plane=head.h * head.w, expands=int(chain.first is not None), e=middle.n,
        size=middle.size, stride=middle.stride, pad=middle.pad, n=last.n, out_h=last.out_h, out_w=last.out_w,
        adds=int(chain.added is not None), first_code=code(head.activation), middle_code=code(middle.activation),
        last_code=code(last.activation), added_code=code(chain.activation),
    )  # fmt: skip


def fitting(tile: Tile, channels: int) -> Tile:
    """The shape of blocks for so many channels: of shorter vectors, if they leave fewer lanes empty at no cost."""
    if not tile.embedded or tile.lanes <= SHORTER:
        return tile
    long, short = (-(-channels // lanes) * lanes for lanes in (tile.lanes, SHORTER))
    return replace(tile, lanes=SHORTER) if short <= GAIN * long else tile


def cut_bands(
    shape: Bottleneck, threads: int, images: int, band_of: Callable[[int], AnyBand], work_of: Callable[[int], float]
) -> AnyBand:
    """How many rows a task has: such that the threads end together, little is computed twice, and all stays near.

    Args:
        shape: the layers' numbers.
        threads, images: how many run, and are run, together.
        band_of: the cut for so many rows; its ``scratch`` is in words of 4 bytes.
        work_of: the time that such a task takes, in any unit.
    """
    known = host_cache_room()
    room = ROOM if known is None else min(ROOM, known // 4)
    best: tuple[float, AnyBand] | None = None
    for parts in range(1, shape.out_h + 1):
        rows = -(-shape.out_h // parts)
        if -(-shape.out_h // rows) != parts:
            continue
        band = band_of(rows)
        cost = -(-images * parts // threads) * work_of(rows) * max(1.0, band.scratch / room)
        if best is None or cost < best[0]:
            best = cost, band
    assert best is not None
    return best[1]


def _work(shape: Bottleneck, rows: int) -> float:
    """Of so many rows of outputs, in products."""
    wide = shape.c if shape.expands else AROUND
    height = (rows - 1) * shape.stride + shape.size
    return height * shape.w * wide + rows * shape.out_w * (AROUND * shape.size**2 + shape.n)


def _band(shape: Bottleneck, tile: Tile, last: Tile, rows: int) -> Band:
    pitch = frame_width(shape) * tile.filters
    middle = ((rows - 1) * shape.stride + shape.size) * pitch
    part = rows * shape.out_w * tile.filters
    block = middle + blocks(shape.e, tile) * part
    scratch = block + max((last.single + last.lanes) * last.filters, tile.lanes**2)
    return Band(rows, pitch, middle, part, block, -(-scratch // 16) * 16)


def _offsets(shape: Bottleneck, band: Band, tile: Tile) -> Ints:
    block, lane = np.divmod(np.arange(shape.e, dtype=np.int64), tile.filters)
    planes = np.arange(shape.c, dtype=np.int64) * (shape.h * shape.w)
    return np.concatenate([with_room(planes), with_room(block * band.part + lane)])


def _biases(arrays: Sequence[Mapping[str, Floats]], shape: Bottleneck, tile: Tile, last: Tile) -> Floats:
    """Those of all convolutions, with zeros for absent filters."""
    wide = blocks(shape.e, tile) * tile.filters
    out = np.zeros(biases_size(shape, tile, last), np.float32)
    for start, given in zip((0, wide, 2 * wide)[3 - len(arrays) :], arrays, strict=True):
        out[start : start + given["biases"].size] = given["biases"]
    return out


def _pack(
    arrays: Sequence[Mapping[str, Floats]], shape: Bottleneck, tile: Tile, last: Tile, context: LayerContext
) -> Floats:
    """The weights of all convolutions in the kernel's order."""
    out = aligned_floats(weights_size(shape, tile, last))
    starts = [0, *weights_before(shape, tile), out.size]
    kinds = [(shape.e, shape.c, tile), (shape.e, shape.size**2, tile), (shape.n, shape.e, last)]
    for number, given in enumerate(arrays, 3 - len(arrays)):
        filters, depth, its_tile = kinds[number]
        flat = frozen(given["weights"])
        if flat.size != filters * depth:
            raise ValueError(f"{flat.size} weights are not those of {shape}")
        context.prepare(
            Step.of(
                pack_weights, packed=out[starts[number] : starts[number + 1]], weights=flat,
                filters=filters, depth=depth, part=depth, rows=its_tile.filters, tile=its_tile,
            )
        )  # fmt: skip
    return out
