"""Layers that work value by value, or along the channels of a pixel -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers import normalization, rearrange
from ...kernels.layers.activations import activate_channels
from ...kernels.layers.shortcut import product, share_weights, shortcut, weighted_sum
from ..memory import frozen
from ..step import Step

if TYPE_CHECKING:
    from ...layers import (
        Activation,
        Contrastive,
        Cost,
        Dropout,
        Empty,
        L2Norm,
        Logistic,
        MultiShortcut,
        Normalization,
        Sam,
        ScaleChannels,
        Shortcut,
    )  # fmt: skip
    from ...typing import Floats
    from ..context import LayerContext


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


def multi_shortcut_steps(layer: MultiShortcut, context: LayerContext) -> list[Step]:
    """The input, then source after source; with the last one the activation."""
    if layer.weights:
        return _weighted_shortcut_steps(layer, context)
    x, one = layer.out, np.float32(1)
    steps, before = [], context.x
    for number, (source, count) in enumerate(zip(context.sources[1:], layer.counts, strict=True), 1):
        activation = layer.activation if number == len(layer.added) else "linear"
        channels = count // (x.h * x.w)
        steps.append(
            context.step(
                shortcut, out=context.out, x=before, added=source[:count], c=x.c, h=x.h, w=x.w, added_c=channels,
                added_h=x.h, added_w=x.w, alpha=one, beta=one,
                code=context.profile.activation_code(activation, fused=True), tile=context.tile,
            )
        )  # fmt: skip
        before = context.out
    return steps


def _weighted_shortcut_steps(layer: MultiShortcut, context: LayerContext) -> list[Step]:
    """The same with factors for each channel."""
    x = layer.out
    shares = context.stored("shares", lambda: _shares(layer, context))
    factors = [np.ascontiguousarray(np.broadcast_to(row, x.c)) for row in shares.reshape(-1, layer.weights)]
    steps, before, factor = [], context.x, factors[0]
    for number, (source, count) in enumerate(zip(context.sources[1:], layer.counts, strict=True), 1):
        activation = layer.activation if number == len(layer.added) else "linear"
        steps.append(
            context.step(
                weighted_sum, out=context.out, x=before, added=source[:count], factors=factor,
                added_factors=factors[number], channels=x.c, cells=x.h * x.w,
                code=context.profile.activation_code(activation, fused=True),
            )
        )  # fmt: skip
        before, factor = context.out, np.ones(x.c, np.float32)
    return steps


def _shares(layer: MultiShortcut, context: LayerContext) -> Floats:
    """The stored weights as they multiply: as shares of their sum, if so."""
    weights = frozen(context.arrays["weights"])
    if layer.normalization == "none":
        return weights
    out = np.zeros(weights.size, np.float32)
    context.prepare(
        Step.of(
            share_weights, out=out, weights=weights, channels=layer.weights,
            exponentials=layer.normalization == "softmax",
        )
    )  # fmt: skip
    return out


def scale_channels_steps(layer: ScaleChannels, context: LayerContext) -> list[Step]:
    """A map times one value for each channel, or one for each pixel."""
    return [_product(layer, context, channel_step=int(not layer.scale_wh), cell_step=int(layer.scale_wh))]


def sam_steps(layer: Sam, context: LayerContext) -> list[Step]:
    """The product of two maps."""
    return [_product(layer, context, channel_step=layer.out.h * layer.out.w, cell_step=1)]


def _product(layer: ScaleChannels | Sam, context: LayerContext, channel_step: int, cell_step: int) -> Step:
    out = layer.out
    return context.step(
        product, out=context.out, x=context.x, other=context.sources[1], channels=out.c, cells=out.h * out.w,
        channel_step=channel_step, cell_step=cell_step, code=context.profile.activation_code(layer.activation),
    )  # fmt: skip


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


def dropout_steps(layer: Dropout | Empty, context: LayerContext) -> list[Step]:
    """Nothing: the input is handed on where it lies."""
    return []


def cost_steps(layer: Cost | Contrastive, context: LayerContext) -> list[Step]:
    """Zeros: there is no truth to compare with."""
    return [context.step(rearrange.fill, out=context.out, value=np.float32(0))]
