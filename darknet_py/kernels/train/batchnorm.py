"""Batch normalisation by the batch's own statistics, and its gradient (``batchnorm_layer.c``, ``blas.c``).

Sums run over images, then cells, in float32; what C computes in double is double here. Forward and backward have
different epsilons.
"""

from __future__ import annotations

import math

import numpy as np

from ..layers.activations import LEAKY, LINEAR, activate
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.libm import pow
from ..runtime.work import plan_kernel
from .gradients import multiply_range

EPSILON = np.float64(np.float32(0.000001))
"""Added to the root of the variance, going forward."""

GRADIENT_EPSILON = np.float32(0.00001)
"""Added to the variance, going back."""

SIDE_BY_SIDE = 4
"""Channels of one task of `normalize_batch`."""

PART = 2048
"""Values that are still in the nearest cache when their sums are taken."""

ZERO = np.float32(0)

KEPT = np.float32(0.99)
ADDED = np.float32(0.01)
"""Parts of the rolling statistics: of the old value, of the batch's."""


@plan_kernel(tasks=lambda biases: -(-biases.size // SIDE_BY_SIDE))
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
    channels = biases.size
    while True:
        task = next_task(queue)
        if task < 0:
            return
        start, end = task * SIDE_BY_SIDE, min((task + 1) * SIDE_BY_SIDE, channels)
        if end - start == SIDE_BY_SIDE:
            _four_statistics(mean, variance, x, start, channels, images, cells)
        else:
            for channel in range(start, end):
                _statistics(mean, variance, x, channel, channels, images, cells)
        for channel in range(start, end):
            centre, spread = mean[channel], variance[channel]
            rolling_mean[channel] = rolling_mean[channel] * KEPT + ADDED * centre
            rolling_variance[channel] = rolling_variance[channel] * KEPT + ADDED * spread
            deviation = math.sqrt(np.float64(spread)) + EPSILON
            for image in range(images):
                first = (image * channels + channel) * cells
                for i in range(first, first + cells):
                    normalized[i] = np.float32(np.float64(x[i] - centre) / deviation)
                _finish(out, normalized, first, cells, scales[channel], biases[channel], code)


@kernel
def _statistics(mean, variance, x, channel, channels, images, cells):
    """Mean and variance of one channel.

    Args:
        mean, variance: written float32[...]
        x: float32[...]
        channel, channels, images, cells: int: number of the channel, and how many there are of each
    """
    count = images * cells
    total = ZERO
    for image in range(images):
        first = (image * channels + channel) * cells
        for i in range(first, first + cells):
            total += x[i]
    centre = total * np.float32(1.0 / count)
    spread = ZERO
    for image in range(images):
        first = (image * channels + channel) * cells
        for i in range(first, first + cells):
            spread = _with_square(spread, x[i] - centre)
    mean[channel], variance[channel] = centre, spread * np.float32(1.0 / (count - 1))


@kernel(forceinline=True)
def _with_square(total, distance):
    """``total += pow(distance, 2)``: the sum in double, rounded; returns float32.

    Args:
        total, distance: float32
    """
    return np.float32(np.float64(total) + np.float64(distance) * np.float64(distance))


@kernel
def _four_statistics(mean, variance, x, start, channels, images, cells):
    """As `_statistics`, of four channels: their sums wait for each other's additions, not for their own.

    Args:
        mean, variance: written float32[...]
        x: float32[...]
        start, channels, images, cells: int: number of the first channel, and how many there are of each
    """
    a = b = c = d = ZERO
    for image in range(images):
        first = (image * channels + start) * cells
        for i in range(first, first + cells):
            a += x[i]
            b += x[i + cells]
            c += x[i + 2 * cells]
            d += x[i + 3 * cells]
    count = images * cells
    part = np.float32(1.0 / count)
    p, q, r, s = a * part, b * part, c * part, d * part
    mean[start], mean[start + 1], mean[start + 2], mean[start + 3] = p, q, r, s
    a = b = c = d = ZERO
    for image in range(images):
        first = (image * channels + start) * cells
        for i in range(first, first + cells):
            a = _with_square(a, x[i] - p)
            b = _with_square(b, x[i + cells] - q)
            c = _with_square(c, x[i + 2 * cells] - r)
            d = _with_square(d, x[i + 3 * cells] - s)
    part = np.float32(1.0 / (count - 1))
    variance[start], variance[start + 1], variance[start + 2], variance[start + 3] = (
        a * part,
        b * part,
        c * part,
        d * part,
    )


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


@plan_kernel(tasks=lambda scales: -(-scales.size // 2))
def batch_gradient(
    queue, delta, out, x, normalized, mean, variance, scales, bias_updates, scale_updates, images, cells, code
):
    """From the deltas of the output to those of ``x``, in place; updates of biases and scales.

    Args:
        delta: updated float32[images, scales.size, cells]
        out: float32[images, scales.size, cells]: the output, after the activation
        x, normalized: float32[images, scales.size, cells]
        mean, variance: float32[scales.size]: the batch's
        scales: float32[scales.size]
        bias_updates, scale_updates: updated float32[scales.size]
        images: int
        cells: int: values of a channel
        code: int: number of the activation

    Requires:
        is_code(code)
    """
    channels = scales.size
    while True:
        task = next_task(queue)
        if task < 0:
            return
        channel = 2 * task
        count = min(2, channels - channel)
        by_scale, mean_delta, variance_delta = ZERO, ZERO, ZERO
        by_scale1, mean_delta1, variance_delta1 = ZERO, ZERO, ZERO
        centre, scale = mean[channel], scales[channel]
        centre1, scale1 = mean[channel + count - 1], scales[channel + count - 1]
        for image in range(images):
            by_bias, by_bias1 = ZERO, ZERO
            begin = (image * channels + channel) * cells
            for first in range(begin, begin + cells, PART):
                last = min(first + PART, begin + cells)
                multiply_range(delta, out, first, last, code)
                if count == 1:
                    for i in range(first, last):
                        d = delta[i]
                        by_bias += d
                        by_scale += d * normalized[i]
                        scaled = d * scale
                        mean_delta += scaled
                        variance_delta += scaled * (x[i] - centre)
                        delta[i] = scaled
                    continue
                multiply_range(delta, out, first + cells, last + cells, code)
                for i in range(first, last):  # two channels: their sums wait for each other's additions
                    k = i + cells
                    d, e = delta[i], delta[k]
                    by_bias += d
                    by_bias1 += e
                    by_scale += d * normalized[i]
                    by_scale1 += e * normalized[k]
                    scaled, scaled1 = d * scale, e * scale1
                    mean_delta += scaled
                    mean_delta1 += scaled1
                    variance_delta += scaled * (x[i] - centre)
                    variance_delta1 += scaled1 * (x[k] - centre1)
                    delta[i], delta[k] = scaled, scaled1
            bias_updates[channel] += by_bias
            if count == 2:
                bias_updates[channel + 1] += by_bias1
        scale_updates[channel] += by_scale
        _finish_gradient(
            delta, x, centre, variance[channel], mean_delta, variance_delta, channel, channels, images, cells
        )
        if count == 2:
            channel += 1
            scale_updates[channel] += by_scale1
            _finish_gradient(
                delta, x, centre1, variance[channel], mean_delta1, variance_delta1, channel, channels, images, cells
            )


@kernel
def _finish_gradient(delta, x, centre, variance, mean_delta, variance_delta, channel, channels, images, cells):
    """The deltas of one channel's values (``mean_delta_cpu``, ``variance_delta_cpu``, ``normalize_delta_cpu``).

    Args:
        delta: updated float32[...]: those of the normalised values
        x: float32[...]
        centre, variance: float32: the batch's
        mean_delta, variance_delta: float32: sums
        channel, channels, images, cells: int: number of the channel, and how many there are of each
    """
    count = images * cells
    spread = np.float64(variance + GRADIENT_EPSILON)
    root = math.sqrt(spread)
    mean_delta = np.float32(mean_delta * (-1.0 / root))
    variance_delta = np.float32(variance_delta * (-0.5 * pow(spread, -1.5)))
    slope = np.float64(variance_delta) * 2.0
    shift = np.float64(mean_delta / np.float32(count))
    for image in range(images):
        first = (image * channels + channel) * cells
        for i in range(first, first + cells):
            delta[i] = np.float32(delta[i] / root + slope * np.float64(x[i] - centre) / count + shift)
