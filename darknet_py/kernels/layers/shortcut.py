"""Residual connections (``shortcut_cpu`` in ``blas.c``; AlexeyAB's ``shortcut_multilayer_cpu``), products of maps."""

from __future__ import annotations

import numpy as np

from ..conv.activation import activated, has_vector_form
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.libm import expf
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, mul, pointer, splat, store
from .activations import LINEAR, activate, activate_values

PART = 2048
"""Values that are still in the nearest cache when they are activated."""


@plan_kernel(tasks=lambda c: c)
def shortcut(queue, out, x, added, c, h, w, added_c, added_h, added_w, alpha, beta, code, tile):
    """activation(alpha * x + beta * added) where both have a value, activation(x) elsewhere.

    Args:
        out: written float32[c, h, w], may be x
        x: float32[c, h, w]
        added: float32[added_c, added_h, added_w]
        c, h, w: int: channels and sides of the input and of the output
        added_c, added_h, added_w: int: of what is added
        alpha, beta: float32
        code: int: number of the activation
        tile: Tile

    Requires:
        is_code(code)
        added_w // w == added_h // h and w // added_w == h // added_h
    """
    stride = max(added_w // w, 1)
    sample = max(w // added_w, 1)
    rows = min(h, added_h)
    columns = min(w, added_w)
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        plane = channel * h * w
        if channel < added_c and added_h == h and added_w == w:
            inline = code if has_vector_form(code) else LINEAR
            for i in range(plane, plane + h * w, PART):
                count, line = min(PART, plane + h * w - i), pointer(out, i)
                _add_planes(line, pointer(x, i), pointer(added, i), count, alpha, beta, inline, tile)
                if inline != code:
                    activate_values(tile, line, line, count, code)
            continue
        for i in range(plane, plane + h * w):
            out[i] = x[i]
        if channel < added_c:
            for j in range(rows):
                target = plane + j * sample * w
                source = (channel * added_h + j * stride) * added_w
                if stride == 1 and sample == 1:
                    for i in range(columns):
                        out[target + i] = alpha * out[target + i] + beta * added[source + i]
                else:
                    for i in range(columns):
                        k = target + i * sample
                        out[k] = alpha * out[k] + beta * added[source + i * stride]
        if code != 0:
            activate_values(tile, pointer(out, plane), pointer(out, plane), h * w, code)


@kernel
def _add_planes(out, x, added, count, alpha, beta, code, tile):
    """The usual case: two inputs of the same shape.

    Args:
        out: written float32*
        x, added: float32*
        count: int: how many values
        alpha, beta: float32
        code: int: number of the activation, of those that `epilogue.has_vector_form`
        tile: Tile
    """
    whole = count // tile.lanes * tile.lanes
    a, b = splat(tile, alpha), splat(tile, beta)
    for i in range(0, whole, tile.lanes):
        total = add(mul(a, load(tile, x, i)), mul(b, load(tile, added, i)))
        store(out, i, activated(tile, total, code))
    for i in range(whole, count):
        out[i] = activate(alpha * x[i] + beta * added[i], code)


@plan_kernel(tasks=lambda channels: channels)
def weighted_sum(queue, out, x, added, factors, added_factors, channels, cells, code):
    """activation(factor * x + factor * added), with factors for each channel, in the channels that ``added`` has.

    Args:
        out: written float32[channels, cells], may be x
        x: float32[channels, cells]
        added: float32[added.size]: as many channels or fewer
        factors, added_factors: float32[channels]: of each channel of ``x`` and ``added``
        channels: int
        cells: int: values of a channel
        code: int: number of the activation

    Requires:
        is_code(code)
        added.size % cells == 0 and added.size <= channels * cells
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        factor, added_factor = factors[channel], added_factors[channel]
        for i in range(channel * cells, (channel + 1) * cells):
            value = x[i] * factor
            if i < added.size:
                value += added[i] * added_factor
            out[i] = activate(value, code)


@plan_kernel(tasks=lambda channels: channels)
def product(queue, out, x, other, channels, cells, channel_step, cell_step, code):
    """activation(other * x); ``x`` may have fewer values: one for each channel, or one for each pixel.

    Args:
        out: written float32[channels, cells]
        x: float32[(channels - 1) * channel_step + (cells - 1) * cell_step + 1]
        other: float32[channels, cells]
        channels: int
        cells: int: values of a channel
        channel_step, cell_step: int: from the value of ``x`` for a channel or pixel to the next one's
        code: int: number of the activation

    Requires:
        is_code(code)
        channel_step >= 0 and cell_step >= 0
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for i in range(cells):
            place = channel * cells + i
            out[place] = activate(x[channel * channel_step + i * cell_step] * other[place], code)


SHARE_EPSILON, LEAST_WEIGHT = np.float32(0.0001), np.float32(0.001)
"""What sums of weights start from, and what smaller weights are raised to."""


@plan_kernel(tasks=lambda channels: channels)
def share_weights(queue, out, weights, channels, exponentials):
    """The weights of a sum's parts become shares of their sum, channel by channel, as AlexeyAB's Darknet fuses them.

    Args:
        out: written float32[weights.size // channels, channels]
        weights: float32[weights.size // channels, channels]: part after part
        channels: int
        exponentials: bool: softmax; else shares of the weights, at least LEAST_WEIGHT each
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        largest = weights[channel]
        for i in range(channel, weights.size, channels):
            if weights[i] > largest:
                largest = weights[i]
        total = SHARE_EPSILON
        for i in range(channel, weights.size, channels):
            value = weights[i]
            if exponentials:
                value = expf(value - largest)
            elif not value > LEAST_WEIGHT:
                value = LEAST_WEIGHT
            out[i] = value
            total += value
        for i in range(channel, weights.size, channels):
            out[i] /= total
