"""Layers that compute in 8-bit integers -> steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DarknetError
from ...kernels.int8.finish import WordFinish, keeps_scale
from ...kernels.int8.shortcut import shortcut_int8
from ..conv_cut import cut_work, offsets
from ..memory import aligned_floats
from .words import numbers_of, pack_words, word_shape, word_tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...kernels.conv.convolution import ConvShape, Cut
    from ...layers import Convolutional, Shortcut
    from ...typing import Floats
    from ..context import LayerContext
    from ..step import Step

MOST = 127
"""The largest weight."""


@dataclass(frozen=True)
class Weights:
    """A convolution's weights as integers.

    Attributes:
        steps: int8, (filters, channels, size, size).
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
    return Weights(steps.reshape(layer.n, layer.c, layer.size, layer.size), step, steps.sum(axis=1, dtype=np.int64))


def convolutional_steps(layer: Convolutional, context: LayerContext) -> list[Step]:
    """One step: sums of products of integers, and what follows them."""
    numbers, scale, profile = numbers_of(context), context.scale, context.profile
    tile, shape = word_tile(context.tile, numbers), word_shape(layer, numbers)
    code = profile.activation_code(layer.activation, fused=True)
    pooled = (context.pool.out.h, context.pool.out.w) if context.pool else (0, 0)
    cut, tasks, pieces = cut_work(shape, tile, context.threads, pooled, context.images)
    pitch = layer.n + tile.filters
    finish = WordFinish(
        code=int(code), floats=int(scale is None), missing=context.scales[0].zero * 0x01010101,
        zero=0 if scale is None else scale.zero, pitch=pitch,
    )  # fmt: skip
    key = cut.block, cut.channels * shape.size**2
    words, corrections, singles = context.stored(key, lambda: _packed(layer, context, shape, cut, finish))
    return [
        context.step(
            numbers.kernels.convolution, out=context.out, source=context.x, weights=words,
            corrections=corrections, singles=singles, tasks=tasks.reshape(-1), pieces=pieces,
            offsets=offsets(shape, cut), shape=shape, cut=cut, finish=finish, tile=tile,
        )
    ]  # fmt: skip


def _packed(
    layer: Convolutional, context: LayerContext, shape: ConvShape, cut: Cut, finish: WordFinish
) -> tuple[Floats, NDArray[np.int32], Floats]:
    """Packed words of weights, corrections and coefficients (see `kernels.int8.finish`).

    Raises:
        DarknetError: weights or biases are not finite.
    """
    corrections, singles = np.zeros(finish.pitch, np.int32), np.zeros((3, finish.pitch), np.float32)
    if context.dry:
        size = -(-layer.n // cut.block) * cut.block * shape.c * shape.size**2
        return aligned_floats(size), corrections, singles.reshape(-1)
    arrays = context.profile.fold(context.arrays) if layer.batch_normalize else context.arrays
    weights, source, scale = quantized(arrays["weights"], layer), context.scales[0], context.scale
    unit = scale.step if scale is not None and keeps_scale.py_func(finish.code) else 1.0
    corrections[: layer.n] = -source.zero * weights.sums
    with np.errstate(over="ignore"):
        singles[0, : layer.n] = weights.step.astype(np.float64) * source.step / unit
        singles[1, : layer.n] = arrays["biases"].astype(np.float64) / unit
    singles[2] = 1.0 if scale is None else 1 / scale.step
    _check_range(layer, finish, singles)
    return pack_words(weights.steps, cut), corrections, singles.reshape(-1)


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


def shortcut_steps(layer: Shortcut, context: LayerContext) -> list[Step]:
    """The sum of two maps of the same shape."""
    (x, added), out = context.scales, context.scale
    assert out is not None
    factors = np.array([x.step * layer.alpha, added.step * layer.beta, 1 / out.step], np.float32)
    return [
        context.step(
            shortcut_int8, out=context.out, x=context.x, added=context.sources[1], words=context.out.size,
            factors=factors, zeros=np.array([x.zero, added.zero, out.zero], np.int64),
            code=int(context.profile.activation_code(layer.activation, fused=True)),
            tile=word_tile(context.tile, numbers_of(context)),
        )
    ]  # fmt: skip
