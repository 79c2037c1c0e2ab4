"""Layers that compute in bfloat16 -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.bf16.finish import PairFinish
from ...kernels.bf16.moves import round_bf16
from ...kernels.bf16.shortcut import shortcut_bf16
from ...kernels.bf16.winograd import winograd_bf16
from ...kernels.vector.pairs import pair_tile
from ...kernels.vector.tile import AVX512
from ..coefficients import coefficients
from ..conv_cut import cut_work, offsets
from ..convolution import conv_shape
from ..memory import aligned_floats
from ..step import Step
from ..winograd import choose_transform, pack_tiles, winograd_steps
from .words import numbers_of, pack_words, word_shape, word_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...kernels.conv.cut import Cut
    from ...kernels.conv.winograd_code import Winograd
    from ...kernels.vector.tile import Tile
    from ...layers import Convolutional, Shortcut
    from ...typing import Floats
    from ..context import LayerContext
    from ..convolution import Chooser


def rounded(values: Floats) -> NDArray[np.uint16]:
    """Float32 as bfloat16, by their bits: half to even; NaN stays NaN."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    halves = (bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(values), bits >> 16 | 0x40, halves).astype(np.uint16)


def convolutional_steps(layer: Convolutional, context: LayerContext, choose: Chooser = choose_transform) -> list[Step]:
    """Sums of products, and what follows them: in one step, or tile by tile (see `plan.convolution`).

    Which of the two depends neither on the processor's vectors nor on the threads, and so do no bits.
    """
    numbers, profile = numbers_of(context), context.profile
    tile = word_tile(context)
    shape = word_shape(layer, numbers, tile)
    arrays = context.arrays
    if layer.batch_normalize and not context.dry:
        arrays = profile.fold(arrays)
    singles, doubles = coefficients(arrays, None, tile)
    finish = PairFinish(
        normalize=0, code=profile.activation_code(layer.activation, fused=True), divided=0, pitch=singles.shape[1],
        floats=int(not context.writes_narrow),
    )  # fmt: skip
    transform = choose(shape, 1, pair_tile(AVX512)) if layer.c % numbers.per_word == 0 else None
    if transform:
        packed = context.stored(transform, lambda: _tiles(arrays["weights"], layer, transform, tile, context))
        operands = {
            "weights": packed, "singles": singles.reshape(-1), "doubles": doubles.reshape(-1), "finish": finish,
        }  # fmt: skip
        return winograd_steps(transform, shape, operands, tile, context, winograd_bf16)
    pooled = (context.pool.out.h, context.pool.out.w) if context.pool else (0, 0)
    cut, tasks, pieces = cut_work(shape, tile, context.threads, pooled, context.images)
    key = cut.block, cut.channels * shape.size**2
    words = context.stored(key, lambda: _packed(arrays["weights"], layer, cut, tile, context))
    return [
        context.step(
            numbers.kernels.convolution, out=context.out, source=context.x, weights=words,
            singles=singles.reshape(-1), doubles=doubles.reshape(-1), tasks=tasks.reshape(-1), pieces=pieces,
            offsets=offsets(shape, cut), shape=shape, cut=cut, finish=finish, tile=tile,
        )
    ]  # fmt: skip


def _packed(weights: Floats, layer: Convolutional, cut: Cut, tile: Tile, context: LayerContext) -> Floats:
    if context.dry:
        weights = np.zeros((layer.n, layer.c, layer.size, layer.size), np.float32)
    return pack_words(rounded(weights).reshape(layer.n, layer.c, layer.size, layer.size), cut, tile)


def _tiles(weights: Floats, layer: Convolutional, transform: Winograd, tile: Tile, context: LayerContext) -> Floats:
    """Weights, transformed in float32 and rounded: of an even number of channels."""
    values = pack_tiles(weights, transform, conv_shape(layer), tile, context)
    words = aligned_floats(values.size // 2)
    context.prepare(
        Step.of(
            round_bf16, out=words, x=values, channels=values.size // tile.filters, cells=tile.filters, tile=tile
        )
    )  # fmt: skip
    return words


def shortcut_steps(layer: Shortcut, context: LayerContext) -> list[Step]:
    """The sum of two maps of the same shape."""
    return [
        context.step(
            shortcut_bf16, out=context.out, x=context.x, added=context.sources[1], words=context.out.size,
            alpha=np.float32(layer.alpha), beta=np.float32(layer.beta),
            code=context.profile.activation_code(layer.activation, fused=True),
            tile=word_tile(context),
        )
    ]  # fmt: skip
