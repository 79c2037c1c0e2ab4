"""Normalisation on its own: batch, local response, l2 (``blas.c``, ``normalization_layer.c``)."""

from __future__ import annotations

import math

import numpy as np

from .activations import activate
from .atomic import claim
from .jit import kernel
from .libm import pow


@kernel
def batch_normalized(x, mean, deviation, scale, bias):
    """One value: ``(x - mean) / deviation * scale + bias`` with C's roundings; ``deviation`` is a double."""
    return np.float32(np.float64(x - mean) / deviation) * scale + bias


@kernel
def normalize_channels(queue, out, x, mean, deviation, scales, biases, cells, normalize, code):
    # out, x: (channels, cells) flat; mean, scales, biases: (channels,) float32; deviation: (channels,) float64.
    # Batch normalisation (or only biases, without normalize), then activation.
    while True:
        channel = claim(queue, 0)
        if channel >= biases.size:
            return
        bias = biases[channel]
        for i in range(channel * cells, (channel + 1) * cells):
            if normalize:
                value = batch_normalized(x[i], mean[channel], deviation[channel], scales[channel], bias)
            else:
                value = x[i] + bias
            out[i] = activate(value, code)


@kernel
def local_response(queue, out, x, channels, cells, size, alpha, beta, kappa):
    # out, x: (channels, cells) flat; alpha, beta, kappa: float32. The running norm of a pixel goes up the channels.
    before = (size - 1) // 2 + 1
    after = size // 2
    while True:
        cell = claim(queue, 0)
        if cell >= cells:
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
    return np.float32(pow(np.float64(x), 2.0))


@kernel
def l2norm(queue, out, x, channels, cells):
    # out, x: (channels, cells) flat; each cell's channels divided by their Euclidean length
    while True:
        cell = claim(queue, 0)
        if cell >= cells:
            return
        total = np.float32(0)
        for k in range(channels):
            value = x[k * cells + cell]
            total += value * value
        length = np.float32(math.sqrt(total))
        for k in range(channels):
            out[k * cells + cell] = x[k * cells + cell] / length
