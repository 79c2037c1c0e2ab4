"""What follows the sums of convolutional and connected layers: batch normalisation or biases, and the way back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.activations import CODES
from ...kernels.train import batchnorm, batchnorm_back, batchnorm_fast, gradients
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
    if not layer.batch_normalize:
        slope = context.step(gradients.multiply_gradient, delta=context.own_delta, out=context.out, code=code)
        sums = context.step(
            gradients.sum_biases, updates=context.updates["biases"], delta=context.own_delta, images=batch,
            channels=channels, cells=cells,
        )  # fmt: skip
        return Passes(backward=[slope, sums])
    check_batchnorm(layer, context, cells)
    if not context.profile.exact and layer.activation in ("leaky", "linear"):
        return _fast_passes(context, raw, channels, code)
    return _exact_passes(context, raw, channels, code)


def _exact_passes(context: LayerContext, raw: Floats, channels: int, code: int) -> Passes:
    """Batch normalisation with its sums in order."""
    arrays, updates = context.arrays, context.updates
    side_by_side = replace(context.tile, lanes=max(4, context.tile.lanes // 2))
    mean, variance = np.zeros(channels, np.float32), np.zeros(channels, np.float32)
    deviations = np.ones(-(-channels // side_by_side.lanes) * side_by_side.lanes)
    facts = {"x": raw, "mean": mean, "images": context.batch, "cells": raw.size // (context.batch * channels)}
    forward = [
        context.step(
            batchnorm.batch_statistics, variance=variance, deviations=deviations, rolling_mean=arrays["rolling_mean"],
            rolling_variance=arrays["rolling_variance"], tile=side_by_side, **facts,
        ),
        context.step(
            batchnorm.normalize_batch, out=context.out, deviations=deviations, scales=arrays["scales"],
            biases=arrays["biases"], code=code, tile=context.tile, **facts,
        ),
    ]  # fmt: skip
    facts |= {"delta": context.own_delta, "variance": variance, "scales": arrays["scales"]}
    sums = np.zeros(2 * channels, np.float32)
    back = [
        context.step(
            batchnorm_back.batch_gradient_sums, sums=sums, out=context.out, deviations=deviations, code=code,
            bias_updates=updates["biases"], scale_updates=updates["scales"], tile=side_by_side, **facts,
        ),
        context.step(batchnorm_back.batch_gradient, sums=sums, tile=context.tile, **facts),
    ]  # fmt: skip
    return Passes(forward, back, statistics={"mean": mean, "variance": variance})


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
