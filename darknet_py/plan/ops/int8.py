"""Layers that compute in 8-bit integers -> steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DarknetError
from ...kernels.int8.finish import WordFinish, keeps_scale
from ...kernels.int8.shortcut import shortcut_int8
from ...kernels.vector.tile import SIGNED
from ...layers import Shortcut
from ...layers.multi_shortcut import MOST_SUMMED
from ..conv_cut import cut_work, offsets
from ..winograd import choose_transform
from .int8_depthwise import depthwise_step, pack_taps
from .int8_winograd import pack_word_tiles, word_winograd_steps
from .words import numbers_of, pack_words, word_shape, word_tile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...kernels.vector.tile import Tile
    from ...layers import Convolutional, MultiShortcut
    from ...typing import Floats
    from ..context import LayerContext
    from ..convolution import Chooser
    from ..step import Step

MOST = 127
"""The largest weight."""


@dataclass(frozen=True)
class Weights:
    """A convolution's weights as integers.

    Attributes:
        steps: int8, (filters, channels of a group, size, size).
        step: float32, what they are multiples of, by filter.
        sums: int64, by filter.
    """

    steps: NDArray[np.int8]
    step: Floats
    sums: NDArray[np.int64]


def quantized(weights: Floats, layer: Convolutional) -> Weights:
    """Weights as whole multiples of the 127th part of their filter's largest one.

    Raises:
        DarknetError: some are no finite numbers.
    """
    rows = np.asarray(weights, np.float32).reshape(layer.n, -1)
    largest = np.abs(rows).max(axis=1)
    if not np.isfinite(largest).all():
        raise DarknetError(f"layer {layer.index}: weights that are not finite cannot be 8-bit integers; use math=fast")
    step = np.maximum(largest / np.float32(MOST), np.float32(2.0**-120))
    steps = np.rint(rows / step[:, None]).astype(np.int8)
    shape = layer.n, layer.c // layer.groups, layer.size, layer.size
    return Weights(steps.reshape(shape), step, steps.sum(axis=1, dtype=np.int64))


def convolutional_steps(layer: Convolutional, context: LayerContext, choose: Chooser = choose_transform) -> list[Step]:
    """Sums of products of integers, and what follows them; ``choose``: as for `plan.convolution.convolution_steps`."""
    numbers, scale, profile, tile = numbers_of(context), context.scale, context.profile, word_tile(context)
    code = profile.activation_code(layer.activation, fused=True)
    finish = WordFinish(
        code=int(code), floats=int(scale is None), missing=context.scales[0].zero * 0x01010101,
        zero=0 if scale is None else scale.zero, pitch=layer.n + tile.filters,
    )  # fmt: skip
    if layer.depthwise:
        arrays = context.stored("depthwise", lambda: packed(layer, context, finish, tile, pack_taps))
        return [depthwise_step(layer, arrays, finish, tile, context)]
    shape = word_shape(layer, numbers, tile)
    transform = choose(shape, context.threads, tile)
    if transform:
        tiles = partial(pack_word_tiles, transform=transform, tile=tile)
        arrays = context.stored(transform, lambda: packed(layer, context, finish, tile, tiles))
        return word_winograd_steps(transform, shape, arrays, finish, tile, context)
    pooled = (context.pool.out.h, context.pool.out.w) if context.pool else (0, 0)
    cut, tasks, pieces = cut_work(shape, tile, context.threads, pooled, context.images)
    key = cut.block, cut.channels * shape.size**2
    packing = partial(pack_words, groups=layer.groups, cut=cut, tile=tile)
    words, corrections, singles = context.stored(key, lambda: packed(layer, context, finish, tile, packing))
    return [
        context.step(
            numbers.kernels.convolution, out=context.out, source=context.x, weights=words,
            corrections=corrections, singles=singles, tasks=tasks.reshape(-1), pieces=pieces,
            offsets=offsets(shape, cut), shape=shape, cut=cut, finish=finish, tile=tile,
        )
    ]  # fmt: skip


def packed(
    layer: Convolutional,
    context: LayerContext,
    finish: WordFinish,
    tile: Tile,
    pack: Callable[[NDArray[np.int8]], Floats],
) -> tuple[Floats, NDArray[np.int32], Floats]:
    """Words of weights as ``pack`` makes them, corrections and coefficients (see `kernels.int8.finish`).

    Raises:
        DarknetError: weights or biases are not finite.
    """
    corrections, singles = np.zeros(finish.pitch, np.int32), np.zeros((3, finish.pitch), np.float32)
    if context.dry:
        nothing = np.zeros((layer.n, layer.c // layer.groups, layer.size, layer.size), np.int8)
        return pack(nothing), corrections, singles.reshape(-1)
    arrays = context.profile.fold(context.arrays) if layer.batch_normalize else context.arrays
    weights, source, scale = quantized(arrays["weights"], layer), context.scales[0], context.scale
    unit = scale.step if scale is not None and keeps_scale.py_func(finish.code) else 1.0
    shift = 128 if tile.bytes == SIGNED else 0  # what is subtracted before the products
    corrections[: layer.n] = (shift - source.zero) * weights.sums
    with np.errstate(over="ignore"):
        singles[0, : layer.n] = weights.step.astype(np.float64) * source.step / unit
        singles[1, : layer.n] = arrays["biases"].astype(np.float64) / unit
    singles[2] = 1.0 if scale is None else 1 / scale.step
    _check_range(layer, finish, singles)
    return pack(weights.steps), corrections, singles.reshape(-1)


def _check_range(layer: Convolutional, finish: WordFinish, singles: Floats) -> None:
    """Raise `DarknetError` if sums could become NaN, which no integer shows.

    Beyond float32's range they may go only where that is as good as the largest or smallest integer.
    """
    factors, biases = singles[:2].astype(np.float64)
    farthest = np.abs(biases) if keeps_scale.py_func(finish.code) else factors * 2.0**31 + np.abs(biases)
    if not (np.maximum(factors, farthest) <= np.finfo(np.float32).max).all():
        raise DarknetError(
            f"layer {layer.index}: biases that are not finite, or sums beyond float32, cannot be 8-bit integers; use "
            "math=fast"
        )


def shortcut_steps(layer: Shortcut | MultiShortcut, context: LayerContext) -> list[Step]:
    """The sum of maps of the same shape."""
    scales, out, count = context.scales, context.scale, len(context.sources)
    assert out is not None
    shares = (layer.alpha, layer.beta) if isinstance(layer, Shortcut) else (1.0,) * count
    factors = [scale.step * share for scale, share in zip(scales, shares, strict=True)]
    maps = [context.sources[min(i, count - 1)] for i in range(1, MOST_SUMMED)]
    return [
        context.step(
            shortcut_int8, out=context.out, x=context.x, added=maps[0], third=maps[1], fourth=maps[2], count=count,
            words=context.out.size, factors=np.array([1 / out.step, *factors], np.float32),
            zeros=np.array([out.zero, *(scale.zero for scale in scales)], np.int64),
            code=int(context.profile.activation_code(layer.activation, fused=True)), tile=word_tile(context),
        )
    ]  # fmt: skip
