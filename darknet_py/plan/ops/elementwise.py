"""Layers that work value by value, or along the channels of a pixel -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers import normalization, rearrange
from ...kernels.layers.activations import activate_channels
from ...kernels.layers.shortcut import shortcut

if TYPE_CHECKING:
    from ...layers import Activation, Cost, Dropout, L2Norm, Logistic, Normalization, Shortcut
    from ..context import LayerContext
    from ..step import Step


def activation_steps(layer: Activation, context: LayerContext) -> list[Step]:
    """One activation for all."""
    return [_activate(layer.out.c, layer.activation, context)]


def logistic_steps(layer: Logistic, context: LayerContext) -> list[Step]:
    """The logistic function."""
    return [_activate(layer.out.c, "logistic", context)]


def _activate(channels: int, activation: str, context: LayerContext) -> Step:
    codes = np.full(channels, context.profile.activation_code(activation), np.int64)
    return context.step(
        activate_channels, out=context.out, x=context.x, codes=codes, cells=context.out.size // channels,
        tile=context.tile,
    )  # fmt: skip


def shortcut_steps(layer: Shortcut, context: LayerContext) -> list[Step]:
    """The sum of two inputs, where both have a value."""
    x, added = layer.out, layer.added
    return [
        context.step(
            shortcut, out=context.out, x=context.x, added=context.sources[1], c=x.c, h=x.h, w=x.w, added_c=added.c,
            added_h=added.h, added_w=added.w, alpha=np.float32(layer.alpha), beta=np.float32(layer.beta),
            code=context.profile.activation_code(layer.activation, fused=True), tile=context.tile,
        )
    ]  # fmt: skip


def normalization_steps(layer: Normalization, context: LayerContext) -> list[Step]:
    """Local response normalisation."""
    x = layer.input
    return [
        context.step(
            normalization.local_response, out=context.out, x=context.x, channels=x.c, cells=x.h * x.w,
            size=layer.size, alpha=np.float32(layer.alpha), beta=np.float32(layer.beta),
            kappa=np.float32(layer.kappa),
        )
    ]  # fmt: skip


def l2norm_steps(layer: L2Norm, context: LayerContext) -> list[Step]:
    """Channels divided by their length, pixel by pixel."""
    x = layer.input
    return [context.step(normalization.l2norm, out=context.out, x=context.x, channels=x.c, cells=x.h * x.w)]


def dropout_steps(layer: Dropout, context: LayerContext) -> list[Step]:
    """Nothing: the input is handed on where it lies."""
    return []


def cost_steps(layer: Cost, context: LayerContext) -> list[Step]:
    """Zeros: there is no truth to compare with."""
    return [context.step(rearrange.fill, out=context.out, value=np.float32(0))]
