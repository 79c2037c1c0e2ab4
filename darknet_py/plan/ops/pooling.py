"""Pooling layers -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernels.layers import pooling

if TYPE_CHECKING:
    from ...layers import AvgPool, MaxPool
    from ..context import LayerContext
    from ..step import Step


def maxpool_steps(layer: MaxPool, context: LayerContext) -> list[Step]:
    """Windows start half of the padding before the image."""
    x, out = layer.input, layer.out
    return [
        context.step(
            pooling.maxpool, out=context.out, x=context.x, channels=x.c, h=x.h, w=x.w, out_h=out.h, out_w=out.w,
            size=layer.size, stride=layer.stride, offset=-(layer.pad // 2),  # C's -pad/2
            tile=context.tile,
        )
    ]  # fmt: skip


def avgpool_steps(layer: AvgPool, context: LayerContext) -> list[Step]:
    """One value for each channel."""
    x = layer.input
    return [context.step(pooling.avgpool, out=context.out, x=context.x, channels=x.c, cells=x.h * x.w)]
