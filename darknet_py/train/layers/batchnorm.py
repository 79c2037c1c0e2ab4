"""What follows the sums of convolutional and connected layers: batch normalisation or biases, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.activations import CODES
from ...kernels.train import batchnorm, batchnorm_fast, gradients
from ...plan.memory import aligned_floats
from ..context import Passes

if TYPE_CHECKING:
    from ...layers import Weighted
    from ...typing import Floats
    from ..context import LayerContext


def check_batchnorm(layer: Weighted, context: LayerContext, cells: int) -> None:
    """Raise `CfgError` where batch normalisation would divide by 0: a channel has one value in a call."""
    if layer.batch_normalize and context.batch * cells < 2:
        raise context.section.error(
            "batch_normalize=1 over a single value (one image, a map of 1 x 1) divides by 0: take more images for a "
            "call (a larger batch, or fewer subdivisions)"
        )


def normalized_passes(layer: Weighted, context: LayerContext, raw: Floats, channels: int) -> Passes:
    """From the sums ``raw`` to the output, and from the delta to that of the sums.

    Of layers without batch normalisation ``raw`` is the output itself, and its biases and activation are in place.
    """
    code, cells, batch = CODES[layer.activation], layer.out.size // channels, context.batch
    delta = context.own_delta
    if not layer.batch_normalize:
        slope = context.step(gradients.multiply_gradient, delta=delta, out=context.out, code=code)
        sums = context.step(
            gradients.sum_biases, updates=context.updates["biases"], delta=delta, images=batch, channels=channels,
            cells=cells,
        )  # fmt: skip
        return Passes(backward=[slope, sums])
    check_batchnorm(layer, context, cells)
    if not context.profile.exact and layer.activation in ("leaky", "linear"):
        return _fast_passes(context, raw, channels, code)
    arrays, updates = context.arrays, context.updates
    normalized = aligned_floats(raw.size)
    mean, variance = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    forward = context.step(
        batchnorm.normalize_batch, out=context.out, normalized=normalized, x=raw, mean=mean, variance=variance,
        rolling_mean=arrays["rolling_mean"], rolling_variance=arrays["rolling_variance"], scales=arrays["scales"],
        biases=arrays["biases"], images=batch, cells=cells, code=code,
    )  # fmt: skip
    back = context.step(
        batchnorm.batch_gradient, delta=delta, out=context.out, x=raw, normalized=normalized, mean=mean,
        variance=variance, scales=arrays["scales"], bias_updates=updates["biases"], scale_updates=updates["scales"],
        images=batch, cells=cells, code=code,
    )  # fmt: skip
    return Passes([forward], [back], statistics={"mean": mean, "variance": variance})


def _fast_passes(context: LayerContext, raw: Floats, channels: int, code: int) -> Passes:
    """Batch normalisation with its sums in vectors."""
    arrays, updates = context.arrays, context.updates
    mean, variance = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    facts = {
        "out": context.out, "x": raw, "mean": mean, "variance": variance, "scales": arrays["scales"],
        "images": context.batch, "cells": raw.size // (context.batch * channels), "code": code, "tile": context.tile,
    }  # fmt: skip
    forward = context.step(
        batchnorm_fast.normalize_batch_fast, rolling_mean=arrays["rolling_mean"],
        rolling_variance=arrays["rolling_variance"], biases=arrays["biases"], **facts,
    )  # fmt: skip
    back = context.step(
        batchnorm_fast.batch_gradient_fast, delta=context.own_delta, bias_updates=updates["biases"],
        scale_updates=updates["scales"], **facts,
    )  # fmt: skip
    return Passes([forward], [back], statistics={"mean": mean, "variance": variance})
