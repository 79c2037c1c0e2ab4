"""Normalisation on its own: batch, local response, l2 (``blas.c``, ``normalization_layer.c``)."""

from __future__ import annotations

import math

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.libm import pow
from ..runtime.work import plan_kernel
from .activations import activate


@kernel
def batch_normalized(x, mean, deviation, scale, bias):
    """One value: ``(x - mean) / deviation * scale + bias`` with C's roundings; returns float32.

    Args:
        x, mean: float32
        deviation: float64
        scale, bias: float32
    """
    return np.float32(np.float64(x - mean) / deviation) * scale + bias


@plan_kernel(tasks=lambda biases: biases.size)
def normalize_channels(queue, out, x, mean, deviation, scales, biases, cells, normalize, code):
    """Batch normalisation (or only biases, without ``normalize``), then activation.

    Args:
        out: written float32[biases.size, cells], may be x
        x: float32[biases.size, cells]
        mean: float32[biases.size if normalize else 0]
        deviation: float64[biases.size if normalize else 0]
        scales: float32[biases.size if normalize else 0]
        biases: float32[out.size // cells]
        cells: int: values of a channel
        normalize: bool
        code: int: number of the activation

    Requires:
        is_code(code)
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        bias = biases[channel]
        for i in range(channel * cells, (channel + 1) * cells):
            if normalize:
                value = batch_normalized(x[i], mean[channel], deviation[channel], scales[channel], bias)
            else:
                value = x[i] + bias
            out[i] = activate(value, code)


@plan_kernel(tasks=lambda cells: cells)
def local_response(queue, out, x, channels, cells, size, alpha, beta, kappa):
    """Local response normalisation. The running norm of a pixel goes up the channels.

    Args:
        out: written float32[channels, cells]
        x: float32[channels, cells]
        channels: int
        cells: int: values of a channel
        size: int: channels of the neighbourhood
        alpha, beta, kappa: float32: factor, exponent and start of the norm
    """
    before = (size - 1) // 2 + 1
    after = size // 2
    while True:
        cell = next_task(queue)
        if cell < 0:
            return
        norm = kappa
        for k in range(after):
            norm += alpha * _square(x[k * cells + cell])
        for k in range(channels):
            if k > 0:
                if k - before >= 0:
                    norm += -alpha * _square(x[(k - before) * cells + cell])
                if k + after < channels:
                    norm += alpha * _square(x[(k + after) * cells + cell])
            i = k * cells + cell
            out[i] = np.float32(pow(np.float64(norm), np.float64(-beta))) * x[i]


@kernel
def _square(x):
    """``pow(x, 2)`` in double, as float32.

    Args:
        x: float32
    """
    return np.float32(pow(np.float64(x), 2.0))


@plan_kernel(tasks=lambda cells: cells)
def l2norm(queue, out, x, channels, cells):
    """Each cell's channels divided by their Euclidean length.

    Args:
        out: written float32[channels, cells]
        x: float32[channels, cells]
        channels: int
        cells: int: values of a channel
    """
    while True:
        cell = next_task(queue)
        if cell < 0:
            return
        total = np.float32(0)
        for k in range(channels):
            value = x[k * cells + cell]
            total += value * value
        length = np.float32(math.sqrt(total))
        for k in range(channels):
            out[k * cells + cell] = x[k * cells + cell] / length
