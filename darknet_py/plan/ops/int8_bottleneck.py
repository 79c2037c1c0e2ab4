"""A chain of layers (`plan.chains`) in 8-bit integers -> a step."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...kernels.int8.bottleneck import (
    WordBand,
    Zeros,
    bottleneck_int8,
    filters_of,
    words_of,
)
from ...kernels.int8.finish import BIAS, FACTOR, WordFinish
from ..bottleneck import bottleneck_shape, cut_bands
from ..memory import aligned_floats
from .int8 import packed
from .int8_depthwise import pack_taps, tap_offsets
from .words import pack_blocks, word_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...kernels.conv.bottleneck_cut import Bottleneck
    from ...kernels.vector.tile import Tile
    from ...numeric.quantization import Scale
    from ...typing import Floats
    from ..chains import Chain
    from ..context import LayerContext
    from ..step import Step

    Coefficients = tuple[Floats, NDArray[np.int32], Floats]

FINISH = 8
"""How many dot products take as long as what follows a sum."""

AROUND = 10
"""The same of what moves a depthwise convolution's input to where its products meet it."""


def bottleneck_steps(chain: Chain, context: LayerContext) -> list[Step]:
    """The step of a chain, as `plan.bottleneck.bottleneck_steps`."""
    shape, images, tile = bottleneck_shape(chain, context), context.images, word_tile(context)
    weights, corrections, singles = context.stored("bottleneck", lambda: _packed(chain, context, shape, tile))
    band = cut_bands(
        shape, context.threads, images.count, partial(_band, shape, tile), partial(_work, shape)
    )  # fmt: skip
    added = context.sources[1] if shape.adds else np.zeros(0, np.float32)
    return [
        context.step(
            bottleneck_int8, out=context.out, source=context.x, added=added, weights=weights, corrections=corrections,
            singles=singles, offsets=tap_offsets(shape, band), images=images.count, next_in=images.next_in,
            next_out=images.next_out, shape=shape, band=band, zeros=_zeros(chain, context), tile=tile,
        )
    ]  # fmt: skip


def _scales(chain: Chain, context: LayerContext) -> list[Scale]:
    """Those of what each convolution reads, and of the last one's output."""
    return [context.scales[0], *(context.chain_scales[each.index] for each in chain.convolutions)]


def _zeros(chain: Chain, context: LayerContext) -> Zeros:
    """What stands for 0 in each map."""
    (wide, middle, last), (added, total) = _scales(chain, context)[-3:], _summed(chain, context)
    return Zeros(wide.zero, middle.zero, last.zero, added.zero, total.zero)


def _summed(chain: Chain, context: LayerContext) -> tuple[Scale, Scale]:
    """The scales of what is added, and of the sum; of the last convolution, where there is none."""
    if chain.added is None:
        last = context.chain_scales[chain.last.index]
        return last, last
    return context.chain_scales[chain.added], context.chain_scales[chain.members[-1]]


def _packed(chain: Chain, context: LayerContext, shape: Bottleneck, tile: Tile) -> Coefficients:
    """Words of weights, corrections and coefficients of all convolutions."""
    scales, pitch, count = _scales(chain, context), filters_of(shape), len(chain.convolutions)
    corrections, singles = np.zeros(pitch, np.int32), np.zeros(2 * pitch + 3, np.float32)
    codes = (shape.first_code, shape.middle_code, shape.last_code)[-count:]
    wide = 4 * words_of(chain.middle.n)
    words = []
    for i, start in enumerate((0, wide, 2 * wide)[-count:]):
        layer = chain.convolutions[i]
        own = replace(context, arrays=context.chain_arrays[i], scales=[scales[i]], scale=scales[i + 1])
        pack = (
            pack_taps
            if layer is chain.middle
            else partial(pack_blocks, block=4, channels=2 * words_of(layer.c), tile=tile)
        )
        finish = WordFinish(int(codes[i]), 0, 0, scales[i + 1].zero, pitch)
        made, less, factors = packed(layer, own, finish, tile, pack)
        words.append(made)
        corrections[start : start + layer.n] = less[: layer.n]
        rows = factors.reshape(3, -1)
        singles[start : start + layer.n] = rows[FACTOR, : layer.n]
        singles[pitch + start : pitch + start + layer.n] = rows[BIAS, : layer.n]
    added, total = _summed(chain, context)
    singles[2 * pitch :] = 1 / total.step, scales[-1].step, added.step
    return np.concatenate(words, out=aligned_floats(sum(part.size for part in words))), corrections, singles


def _band(shape: Bottleneck, tile: Tile, rows: int) -> WordBand:
    """The cut into tasks of so many rows."""
    phases, height = min(shape.stride, shape.size), (rows - 1) * shape.stride + shape.size
    row = phases * -(-(shape.out_w + (shape.size - 1) // shape.stride) // tile.lanes) * tile.lanes
    wide = height * row + tile.lanes
    middle = wide + shape.expands * min(height, shape.h) * shape.w
    part = rows * shape.out_w
    return WordBand(rows, row, wide, middle, part, -(-(middle + words_of(shape.e) * part) // 16) * 16)


def _work(shape: Bottleneck, rows: int) -> float:
    """Of so many rows of outputs, in dot products of a filter's word; see `FINISH`."""
    wide, height = words_of(shape.e), (rows - 1) * shape.stride + shape.size
    first = min(height, shape.h) * shape.w * wide * (words_of(shape.c) + FINISH)
    middle = rows * shape.out_w * wide * (shape.size * -(-shape.size // 4) + FINISH + AROUND)
    last = rows * shape.out_w * words_of(shape.n) * (wide + FINISH)
    return first * shape.expands + middle + last
