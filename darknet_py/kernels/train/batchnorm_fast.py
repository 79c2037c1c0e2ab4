"""Batch normalisation by the batch's own statistics with speed before bits: sums in vectors, no double arithmetic.

The order of sums depends on the vectors' length only, so that each run gives the same numbers, with any number of
threads.
"""

from __future__ import annotations

import math

import numpy as np

from ..layers.activations import LEAKY, LINEAR
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, mul, pointer, splat, store, sub, where_positive
from .batchnorm import ADDED, EPSILON, GRADIENT_EPSILON, KEPT

ROOM = 64
"""Values of two vectors, and some."""

ZERO = np.float32(0)
TENTH = np.float32(0.1)


@plan_kernel(tasks=lambda biases: biases.size, temporary={"scratch": lambda workers: workers * ROOM})
def normalize_batch_fast(
    queue, out, x, mean, variance, rolling_mean, rolling_variance, scales, biases, scratch, images, cells, code, tile
):
    """As `batchnorm.batch_statistics` and `batchnorm.normalize_batch`.

    Args:
        out: written float32[images, biases.size, cells]
        x: float32[images, biases.size, cells]
        mean, variance: written float32[biases.size]
        rolling_mean, rolling_variance: updated float32[biases.size]
        scales, biases: float32[biases.size]
        scratch: temporary float32[workers, ROOM]
        images: int
        cells: int: values of a channel
        code: int: number of the activation
        tile: Tile

    Requires:
        code == LINEAR or code == LEAKY
        images * cells > 1
        2 * tile.lanes <= ROOM
    """
    worker = join(queue, scratch.size // ROOM)
    if worker < 0:
        return
    room, channels, count = pointer(scratch, worker * ROOM), biases.size, images * cells
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        total = ZERO
        for image in range(images):
            total += _sum(tile, pointer(x, (image * channels + channel) * cells), cells, room)
        centre = total / np.float32(count)
        spread = ZERO
        for image in range(images):
            spread += _sum_of_squares(tile, pointer(x, (image * channels + channel) * cells), cells, centre, room)
        spread = spread / np.float32(count - 1)
        mean[channel], variance[channel] = centre, spread
        rolling_mean[channel] = rolling_mean[channel] * KEPT + ADDED * centre
        rolling_variance[channel] = rolling_variance[channel] * KEPT + ADDED * spread
        factor = np.float32(np.float64(scales[channel]) / (math.sqrt(np.float64(spread)) + EPSILON))
        for image in range(images):
            first = (image * channels + channel) * cells
            _scale(tile, pointer(out, first), pointer(x, first), cells, centre, factor, biases[channel], code)


@kernel
def _sum(tile, x, count, room):
    """The sum of some values, lane by lane, then the lanes in order.

    Args:
        tile: Tile
        x: float32*
        count: int
        room: written float32*: of two vectors
    """
    a = b = splat(tile, ZERO)
    whole = count // (2 * tile.lanes) * 2 * tile.lanes
    for i in range(0, whole, 2 * tile.lanes):
        a, b = add(a, load(tile, x, i)), add(b, load(tile, x, i + tile.lanes))
    total = _of_lanes(tile, add(a, b), room)
    for i in range(whole, count):
        total += x[i]
    return total


@kernel
def _of_lanes(tile, vector, room):
    """The sum of a vector's lanes, in order.

    Args:
        tile: Tile
        vector: vector: of float32
        room: written float32*
    """
    store(room, 0, vector)
    total = ZERO
    for i in range(tile.lanes):
        total += room[i]
    return total


@kernel
def _sum_of_squares(tile, x, count, centre, room):
    """The sum of the squares of values' distances from a centre.

    Args:
        tile: Tile
        x: float32*
        count: int
        centre: float32
        room: written float32*
    """
    a = b = splat(tile, ZERO)
    middle = splat(tile, centre)
    whole = count // (2 * tile.lanes) * 2 * tile.lanes
    for i in range(0, whole, 2 * tile.lanes):
        d, e = sub(load(tile, x, i), middle), sub(load(tile, x, i + tile.lanes), middle)
        a, b = add(a, mul(d, d)), add(b, mul(e, e))
    total = _of_lanes(tile, add(a, b), room)
    for i in range(whole, count):
        total += (x[i] - centre) * (x[i] - centre)
    return total


@kernel
def _scale(tile, out, x, count, centre, factor, bias, code):
    """``out = activation((x - centre) * factor + bias)``.

    Args:
        tile: Tile
        out: written float32*
        x: float32*
        count: int
        centre, factor, bias: float32
        code: int: LINEAR or LEAKY
    """
    middle, slope, shift = splat(tile, centre), splat(tile, factor), splat(tile, bias)
    below = splat(tile, TENTH if code == LEAKY else np.float32(1))
    whole = count // tile.lanes * tile.lanes
    for i in range(0, whole, tile.lanes):
        value = add(mul(sub(load(tile, x, i), middle), slope), shift)
        store(out, i, where_positive(value, value, mul(value, below)))
    for i in range(whole, count):
        value = (x[i] - centre) * factor + bias
        out[i] = value if value > 0 or code == LINEAR else value * TENTH


@plan_kernel(tasks=lambda scales: scales.size, temporary={"scratch": lambda workers: workers * ROOM})
def batch_gradient_fast(
    queue, delta, out, x, mean, variance, scales, bias_updates, scale_updates, scratch, images, cells, code, tile
):
    """As `batchnorm_back.batch_gradient_sums` and `batchnorm_back.batch_gradient`.

    Args:
        delta: updated float32[images, scales.size, cells]
        out: float32[images, scales.size, cells]: the output, after the activation
        x: float32[images, scales.size, cells]
        mean, variance: float32[scales.size]: the batch's
        scales: float32[scales.size]
        bias_updates, scale_updates: updated float32[scales.size]
        scratch: temporary float32[workers, ROOM]
        images: int
        cells: int: values of a channel
        code: int: number of the activation
        tile: Tile

    Requires:
        code == LINEAR or code == LEAKY
        2 * tile.lanes <= ROOM
    """
    worker = join(queue, scratch.size // ROOM)
    if worker < 0:
        return
    room, channels, count = pointer(scratch, worker * ROOM), scales.size, images * cells
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        centre, scale = mean[channel], np.float64(scales[channel])
        by_bias, by_distance = 0.0, 0.0
        for image in range(images):
            first = (image * channels + channel) * cells
            _sums_of_deltas(
                tile, pointer(delta, first), pointer(out, first), pointer(x, first), cells, centre, code, room
            )
            by_bias += room[0]
            by_distance += room[1]
        bias_updates[channel] += np.float32(by_bias)
        scale_updates[channel] += np.float32(by_distance / (math.sqrt(np.float64(variance[channel])) + EPSILON))
        spread = np.float64(variance[channel] + GRADIENT_EPSILON)
        root = math.sqrt(spread)
        slope = np.float32(-scale * by_distance / (spread * root) / count)
        shift = np.float32(-scale * by_bias / root / count)
        for image in range(images):
            first = (image * channels + channel) * cells
            _combine(
                tile, pointer(delta, first), pointer(x, first), cells, centre, np.float32(scale / root), slope, shift
            )


@kernel
def _sums_of_deltas(tile, delta, out, x, count, centre, code, room):
    """Deltas times the activation's gradient; ``room`` gets their sum, and the sum of their products with distances.

    Args:
        tile: Tile
        delta: updated float32*
        out, x: float32*
        count: int
        centre: float32
        code: int: LINEAR or LEAKY
        room: written float32*: two values first
    """
    a = b = splat(tile, ZERO)
    middle, below = splat(tile, centre), splat(tile, TENTH if code == LEAKY else np.float32(1))
    whole = count // tile.lanes * tile.lanes
    for i in range(0, whole, tile.lanes):
        d = load(tile, delta, i)
        d = where_positive(load(tile, out, i), d, mul(d, below))
        store(delta, i, d)
        a, b = add(a, d), add(b, mul(d, sub(load(tile, x, i), middle)))
    total, products = _of_lanes(tile, a, room), _of_lanes(tile, b, room)
    for i in range(whole, count):
        if code == LEAKY and not out[i] > 0:
            delta[i] = delta[i] * TENTH
        total += delta[i]
        products += delta[i] * (x[i] - centre)
    room[0], room[1] = total, products


@kernel
def _combine(tile, delta, x, count, centre, factor, slope, shift):
    """``delta = delta * factor + (x - centre) * slope + shift``.

    Args:
        tile: Tile
        delta: updated float32*
        x: float32*
        count: int
        centre, factor, slope, shift: float32
    """
    middle, a = splat(tile, centre), splat(tile, factor)
    b, c = splat(tile, slope), splat(tile, shift)
    whole = count // tile.lanes * tile.lanes
    for i in range(0, whole, tile.lanes):
        distance = sub(load(tile, x, i), middle)
        store(delta, i, add(add(mul(load(tile, delta, i), a), mul(distance, b)), c))
    for i in range(whole, count):
        delta[i] = delta[i] * factor + (x[i] - centre) * slope + shift
