"""``[maxpool]`` and ``[avgpool]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.pooling import avgpool
from ...kernels.train import pooling
from ..context import Passes

if TYPE_CHECKING:
    from ...layers import AvgPool, MaxPool
    from ..context import LayerContext


def maxpool_passes(layer: MaxPool, context: LayerContext) -> Passes:
    """The first maximum of a window gets its delta. A window without any number above -FLT_MAX gives none."""
    x, out = layer.input, layer.out
    channels = context.batch * x.c
    places = np.zeros(context.out.size, np.int32)
    forward = context.step(
        pooling.maxpool_places, out=context.out, places=places, x=context.x, channels=channels, h=x.h, w=x.w,
        out_h=out.h, out_w=out.w, size=layer.size, stride=layer.stride, offset=-(layer.pad // 2),
    )  # fmt: skip
    if context.below is None:
        return Passes([forward])
    back = context.step(
        pooling.maxpool_gradient, below=context.below, delta=context.own_delta, places=places, channels=channels,
        cells=x.h * x.w, out_cells=out.h * out.w,
    )  # fmt: skip
    return Passes([forward], [back])


def avgpool_passes(layer: AvgPool, context: LayerContext) -> Passes:
    """Each value of a channel gets the same part of its delta."""
    sizes = {"channels": context.batch * layer.input.c, "cells": layer.input.h * layer.input.w}
    forward = context.step(avgpool, out=context.out, x=context.x, **sizes)
    if context.below is None:
        return Passes([forward])
    back = context.step(pooling.avgpool_gradient, below=context.below, delta=context.own_delta, **sizes)
    return Passes([forward], [back])
