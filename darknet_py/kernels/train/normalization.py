"""Local response normalisation that keeps its factors for the way back (``normalization_layer.c``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.libm import pow
from ..runtime.work import plan_kernel
from .moves import BLOCK


@plan_kernel(tasks=lambda images, cells: images * cells)
def response_factors(queue, factors, x, images, channels, cells, size, alpha, beta, kappa):
    """What each value is multiplied by. The running norm of a pixel goes up the channels.

    Args:
        factors: written float32[images, channels, cells]
        x: float32[images, channels, cells]
        images, channels: int
        cells: int: values of a channel
        size: int: channels of the neighbourhood
        alpha, beta, kappa: float32: factor, exponent and start of the norm
    """
    before, after = (size - 1) // 2 + 1, size // 2
    while True:
        task = next_task(queue)
        if task < 0:
            return
        base = task // cells * channels * cells + task % cells
        norm = kappa
        for k in range(after):
            norm += alpha * _square(x[base + k * cells])
        for k in range(channels):
            if k > 0:
                if k - before >= 0:
                    norm += -alpha * _square(x[base + (k - before) * cells])
                if k + after < channels:
                    norm += alpha * _square(x[base + (k + after) * cells])
            factors[base + k * cells] = np.float32(pow(np.float64(norm), np.float64(-beta)))


@kernel
def _square(x):
    """``pow(x, 2)`` in double, as float32.

    Args:
        x: float32
    """
    return np.float32(np.float64(x) * np.float64(x))


@plan_kernel(tasks=lambda out: -(-out.size // BLOCK))
def multiply(queue, out, factors, x):
    """``out = factors * x``.

    Args:
        out: written float32[x.size]
        factors: float32[x.size]
        x: float32[out.size]
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for i in range(task * BLOCK, min((task + 1) * BLOCK, out.size)):
            out[i] = factors[i] * x[i]
