"""Batch normalisation by the batch's own statistics, and its gradient (``batchnorm_layer.c``, ``blas.c``).

Sums run over images, then cells, in float32; what C computes in double is double here. Forward and backward have
different epsilons.
"""

from __future__ import annotations

import math

import numpy as np

from ..layers.activations import LEAKY, LINEAR, activate, is_code  # noqa: F401 (for `Requires` in a docstring)
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.libm import pow
from ..runtime.work import plan_kernel

EPSILON = np.float64(np.float32(0.000001))
"""Added to the root of the variance, going forward."""

GRADIENT_EPSILON = np.float32(0.00001)
"""Added to the variance, going back."""

KEPT = np.float32(0.99)
ADDED = np.float32(0.01)
"""Parts of the rolling statistics: of the old value, of the batch's."""


@plan_kernel(tasks=lambda biases: biases.size)
def normalize_batch(
    queue, out, normalized, x, mean, variance, rolling_mean, rolling_variance, scales, biases, images, cells, code
):
    """Normalise each channel by its own mean and variance, then scale, bias, activation.

    Args:
        out: written float32[images, biases.size, cells]
        normalized: written float32[images, biases.size, cells]: kept for the way back
        x: float32[images, biases.size, cells]
        mean, variance: written float32[biases.size]
        rolling_mean, rolling_variance: updated float32[biases.size]
        scales, biases: float32[biases.size]
        images: int
        cells: int: values of a channel
        code: int: number of the activation

    Requires:
        is_code(code)
        images * cells > 1
    """
    channels, count = biases.size, images * cells
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        total = np.float32(0)
        for image in range(images):
            first = (image * channels + channel) * cells
            for i in range(first, first + cells):
                total += x[i]
        centre = total * np.float32(1.0 / count)
        spread = np.float32(0)
        for image in range(images):
            first = (image * channels + channel) * cells
            for i in range(first, first + cells):
                distance = np.float64(x[i] - centre)
                spread = np.float32(spread + distance * distance)
        spread = spread * np.float32(1.0 / (count - 1))
        mean[channel], variance[channel] = centre, spread
        rolling_mean[channel] = rolling_mean[channel] * KEPT + ADDED * centre
        rolling_variance[channel] = rolling_variance[channel] * KEPT + ADDED * spread
        deviation = math.sqrt(np.float64(spread)) + EPSILON
        scale, bias = scales[channel], biases[channel]
        for image in range(images):
            first = (image * channels + channel) * cells
            for i in range(first, first + cells):
                normalized[i] = np.float32(np.float64(x[i] - centre) / deviation)
            _finish(out, normalized, first, cells, scale, bias, code)


@kernel
def _finish(out, normalized, first, cells, scale, bias, code):
    """Scale, bias and activation of one channel of one image.

    Args:
        out: written float32[...]
        normalized: float32[...]
        first: int: place of the channel
        cells: int: its values
        scale, bias: float32
        code: int: number of the activation
    """
    if code == LINEAR:
        for i in range(first, first + cells):
            out[i] = normalized[i] * scale + bias
    elif code == LEAKY:
        for i in range(first, first + cells):
            y = normalized[i] * scale + bias
            out[i] = y if y > 0 else np.float32(0.1 * y)
    else:
        for i in range(first, first + cells):
            out[i] = activate(normalized[i] * scale + bias, code)


@plan_kernel(tasks=lambda scales: scales.size)
def batch_gradient(queue, delta, x, normalized, mean, variance, scales, bias_updates, scale_updates, images, cells):
    """From the deltas of normalised and scaled values to those of ``x``, in place; updates of biases and scales.

    Args:
        delta: updated float32[images, scales.size, cells]
        x, normalized: float32[images, scales.size, cells]
        mean, variance: float32[scales.size]: the batch's
        scales: float32[scales.size]
        bias_updates, scale_updates: updated float32[scales.size]
        images: int
        cells: int: values of a channel
    """
    channels, count = scales.size, images * cells
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        centre, scale = mean[channel], scales[channel]
        spread = np.float64(variance[channel] + GRADIENT_EPSILON)
        by_scale = np.float32(0)
        mean_delta = np.float32(0)
        variance_delta = np.float32(0)
        for image in range(images):
            first = (image * channels + channel) * cells
            by_bias = np.float32(0)
            for i in range(first, first + cells):
                by_bias += delta[i]
                by_scale += delta[i] * normalized[i]
                scaled = delta[i] * scale
                mean_delta += scaled
                variance_delta += scaled * (x[i] - centre)
                delta[i] = scaled
            bias_updates[channel] += by_bias
        scale_updates[channel] += by_scale
        root = math.sqrt(spread)
        mean_delta = np.float32(mean_delta * (-1.0 / root))
        variance_delta = np.float32(variance_delta * (-0.5 * pow(spread, -1.5)))
        slope = np.float64(variance_delta) * 2.0
        shift = np.float64(mean_delta / np.float32(count))
        for image in range(images):
            first = (image * channels + channel) * cells
            for i in range(first, first + cells):
                delta[i] = np.float32(delta[i] / root + slope * np.float64(x[i] - centre) / count + shift)
