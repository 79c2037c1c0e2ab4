"""Pooling layers -> steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...kernels.layers import pooling
from ...kernels.layers.pooling_wide import maxpool_wide
from .convolutional import blur_steps

if TYPE_CHECKING:
    from ...layers import AvgPool, LocalAvgPool, MaxPool
    from ..context import LayerContext
    from ..step import Step

WIDE = 3
"""Windows from this size on, one for each pixel, are put together from smaller ones."""


def maxpool_steps(layer: MaxPool, context: LayerContext) -> list[Step]:
    """Windows start half of the padding before the image; a blur may follow. Or over channels."""
    x = layer.input
    if layer.depth:
        return [
            context.step(
                pooling.maxpool_depth, out=context.out, x=context.x, channels=x.c, cells=x.h * x.w, depth=layer.depth
            )
        ]
    if layer.blur:
        size = layer.sharp.size
        sharp, rest = context.inner_part(0, size), context.inner_part(size)
        before = replace(layer, out=layer.sharp, stride_x=1, stride_y=1, blur=0)
        return [
            *maxpool_steps(before, replace(context, out=sharp)),
            *blur_steps(layer, replace(context, sources=[sharp], inner=rest)),
        ]
    if layer.size >= WIDE and layer.stride_x == layer.stride_y == 1:
        return [
            context.step(
                maxpool_wide, out=context.out, x=context.x, channels=x.c, h=x.h, w=x.w, out_h=layer.out.h,
                out_w=layer.out.w, size=layer.size, offset=-(layer.pad // 2), tile=context.tile,
            )
        ]  # fmt: skip
    return [
        context.step(
            pooling.maxpool, out=context.out, x=context.x, channels=x.c, h=x.h, w=x.w, out_h=layer.out.h,
            out_w=layer.out.w, size=layer.size, stride_x=layer.stride_x, stride_y=layer.stride_y,
            offset=-(layer.pad // 2),  # C's -pad/2
            tile=context.tile,
        )
    ]  # fmt: skip


def local_avgpool_steps(layer: LocalAvgPool, context: LayerContext) -> list[Step]:
    """Windows as those of `maxpool_steps`."""
    x, out = layer.input, layer.out
    return [
        context.step(
            pooling.local_avgpool, out=context.out, x=context.x, channels=x.c, h=x.h, w=x.w, out_h=out.h, out_w=out.w,
            size=layer.size, stride_x=layer.stride_x, stride_y=layer.stride_y, offset=-(layer.pad // 2),
        )
    ]  # fmt: skip


def avgpool_steps(layer: AvgPool, context: LayerContext) -> list[Step]:
    """One value for each channel."""
    x = layer.input
    return [context.step(pooling.avgpool, out=context.out, x=context.x, channels=x.c, cells=x.h * x.w)]
