"""Layers that move or compare narrow numbers, whatever these are -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.pooling_wide import maxpool_wide
from ...kernels.vector.tile import HALVES
from ...kernels.words import moves
from ...kernels.words.pool import maxpool_words
from ..convolution import conv_shape
from ..memory import aligned_floats
from ..regions import address_of
from .moves import copy_step
from .pooling import WIDE

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ...kernels.conv.cut import ConvShape, Cut
    from ...kernels.vector.tile import Tile
    from ...layers import Convolutional, MaxPool, Reorg, Route, Upsample
    from ...numeric.number_format import NumberFormat
    from ...typing import Floats
    from ..context import LayerContext
    from ..step import Step


def word_tile(context: LayerContext) -> Tile:
    """The micro-kernels' shape on words of the format in which a layer computes."""
    return numbers_of(context).kernels.tile(context.tile)


def word_shape(layer: Convolutional, numbers: NumberFormat, tile: Tile) -> ConvShape:
    """The kernel's view of a layer: its channels are words that are multiplied."""
    shape = conv_shape(layer)
    words = numbers.words(shape.c, 1)
    return shape._replace(c=words * tile.parts, group=words * layer.h * layer.w)


def pack_words(weights: NDArray[Any], cut: Cut, tile: Tile, groups: int = 1) -> Floats:
    """Weights (filters, channels, size, size) as words of some channels, in the order of `kernels.conv.pack`.

    What is missing is 0. (`HALVES`: words of two channels each, as `kernels.vector.dots.operand` takes them of a word
    of the input.)
    """
    parts = [pack_blocks(group, cut.block, cut.channels, tile) for group in np.split(weights, groups)]
    if groups == 1:
        return parts[0]
    return np.concatenate(parts, out=aligned_floats(sum(part.size for part in parts)))


def pack_blocks(weights: NDArray[Any], block: int, channels: int, tile: Tile) -> Floats:
    """The same of one group: blocks of so many filters, k in parts of so many words that are multiplied."""
    n, c, size, _ = weights.shape
    each = 4 // weights.itemsize
    blocks, words, taps = -(-n // block), -(-c // each), size * size
    padded = np.zeros((blocks, block, words, each, taps), weights.dtype)
    padded.reshape(blocks * block, words * each, taps)[:n, :c] = weights.reshape(n, c, taps)
    if tile.bytes == HALVES:
        words *= 2
        padded = padded[:, :, :, [0, 2, 1, 3]].astype(np.int16).reshape(blocks, block, words, 2, taps)
    ordered = padded.transpose(0, 2, 4, 1, 3)  # blocks, words, taps, filters of a block, channels of a word
    out = aligned_floats(blocks * block * words * taps)
    at = 0
    for first in range(0, words, channels):
        part = np.ascontiguousarray(ordered[:, first : first + channels]).view(np.float32).reshape(-1)
        out[at : at + part.size] = part
        at += part.size
    return out


def numbers_of(context: LayerContext) -> NumberFormat:
    """The format in which a layer computes that does so in a narrow one."""
    assert context.narrow is not None
    return context.narrow


def maxpool_steps(layer: MaxPool, context: LayerContext) -> list[Step]:
    """Windows start half of the padding before the image."""
    x, out, channels = layer.input, layer.out, numbers_of(context).words(layer.input.c, 1)
    if layer.size >= WIDE and layer.stride_x == layer.stride_y == 1:
        return [
            context.step(
                maxpool_wide, out=context.out, x=context.x, channels=channels, h=x.h, w=x.w, out_h=out.h, out_w=out.w,
                size=layer.size, offset=-(layer.pad // 2), tile=word_tile(context),
            )
        ]  # fmt: skip
    return [
        context.step(
            maxpool_words, out=context.out, x=context.x, channels=channels, h=x.h, w=x.w, out_h=out.h,
            out_w=out.w, size=layer.size, stride_x=layer.stride_x, stride_y=layer.stride_y, offset=-(layer.pad // 2),
            tile=word_tile(context),
        )
    ]  # fmt: skip


def upsample_steps(layer: Upsample, context: LayerContext) -> list[Step]:
    """Each word becomes a block."""
    x = layer.input
    return [
        context.step(
            moves.upsample_words, out=context.out, x=context.x, channels=numbers_of(context).words(x.c, 1), h=x.h,
            w=x.w, stride=layer.stride,
        )
    ]  # fmt: skip


def reorg_steps(layer: Reorg, context: LayerContext) -> list[Step]:
    """Pixels to channels, or back, number by number."""
    x, out = layer.input, layer.out
    return [
        context.step(
            moves.reorg_words, out=context.out.view(np.uint8), x=context.x.view(np.uint8), c=x.c, h=x.h, w=x.w,
            out_cells=out.h * out.w, size=4 // numbers_of(context).per_word, stride=layer.stride, reverse=layer.reverse,
        )
    ]  # fmt: skip


def route_steps(layer: Route, context: LayerContext) -> list[Step]:
    """The sources one behind the other, or the same part of each; what lies where it belongs is not copied."""
    if len(context.sources) == 1:
        return []
    steps, first, cells, each = [], 0, layer.out.h * layer.out.w, numbers_of(context).per_word
    for source, channels in zip(context.sources, layer.channels, strict=True):
        part = channels // layer.groups
        start = layer.group_id * part
        last = first + part == layer.out.c
        ends = last and start + part == channels
        there = context.out[first // each * cells : -(-(first + part) // each) * cells]
        here = source[start // each * cells : -(-(start + part) // each) * cells]
        if first % each or start % each or (part % each and not ends):
            steps.append(_copy_channels(context, there, here, part, first % each, start % each, cells, last))
        elif address_of(there) != address_of(here):
            steps.append(copy_step(there, here))
        first += part
    return steps


def _copy_channels(
    context: LayerContext, out: Floats, x: Floats, channels: int, first_out: int, first_in: int, cells: int, last: bool
) -> Step:
    return context.step(
        moves.copy_channels_words, out=out.view(np.uint8), x=x.view(np.uint8), channels=channels, first_out=first_out,
        first_in=first_in, cells=cells, size=4 // numbers_of(context).per_word, last=last,
    )  # fmt: skip
