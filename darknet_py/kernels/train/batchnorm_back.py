"""The gradient of batch normalisation (``backward_batchnorm_layer``): sums as going forward."""

from __future__ import annotations

import math

import numpy as np

from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.libm import pow
from ..runtime.work import plan_kernel
from ..vector.simd import (
    add,
    div,
    load,
    load_between,
    mul,
    narrow,
    pointer,
    shifted,
    splat,
    store,
    store_first,
    sub,
    widen,
)
from .batchnorm import GRADIENT_EPSILON, ROOM, ROWS, ZERO, turn
from .gradients import multiply_range

PART = 512
"""Values of a channel that are still in the nearest caches when their sums are taken; whole vectors."""


@plan_kernel(
    tasks=lambda scales, tile: -(-scales.size // tile.lanes), temporary={"scratch": lambda workers: workers * ROOM}
)
def batch_gradient_sums(
    queue, sums, delta, out, x, mean, variance, deviations, scales, bias_updates, scale_updates, scratch, images, cells,
    code, tile,
):  # fmt: skip
    """Deltas of the activation's input, in place; updates of biases and scales; the deltas of mean and variance.

    Args:
        sums: written float32[2, scales.size]: ``mean_delta``, ``variance_delta``
        delta: updated float32[images, scales.size, cells]
        out: float32[images, scales.size, cells]: the output, after the activation
        x: float32[images, scales.size, cells]
        mean, variance: float32[scales.size]: the batch's
        deviations: float64[-(-scales.size // tile.lanes) * tile.lanes]
        scales: float32[scales.size]
        bias_updates, scale_updates: updated float32[scales.size]
        scratch: temporary float32[workers, ROOM]
        images: int
        cells: int: values of a channel
        code: int: number of the activation
        tile: Tile

    Requires:
        is_code(code)
        3 * tile.lanes * tile.lanes + 4 * tile.lanes <= ROOM
    """
    worker = join(queue, scratch.size // ROOM)
    if worker < 0:
        return
    room, channels, lanes = pointer(scratch, worker * ROOM), scales.size, tile.lanes
    while True:
        task = next_task(queue)
        if task < 0:
            return
        start = task * lanes
        present = min(lanes, channels - start)
        for i in range(4 * lanes):
            room[i] = ZERO
        for image in range(images):
            begin = (image * channels + start) * cells
            for first in range(0, cells, PART):
                last = min(first + PART, cells)
                for i in range(present):
                    multiply_range(delta, out, begin + i * cells + first, begin + i * cells + last, code)
                _add_products(
                    tile, room, pointer(delta, begin + first), pointer(x, begin + first), cells, last - first, present,
                    load_between(tile, pointer(mean, start), 0, 0, present),
                    load_between(tile, pointer(scales, start), 0, 0, present),
                    pointer(deviations, start),
                )  # fmt: skip
            for i in range(present):
                bias_updates[start + i] += room[i]
                room[i] = ZERO
        for i in range(present):
            channel = start + i
            scale_updates[channel] += room[lanes + i]
            spread = np.float64(variance[channel] + GRADIENT_EPSILON)
            sums[channel] = np.float32(room[2 * lanes + i] * (-1.0 / math.sqrt(spread)))
            sums[channels + channel] = np.float32(room[3 * lanes + i] * (-0.5 * pow(spread, -1.5)))


@kernel
def _add_products(tile, room, delta, x, pitch, count, present, middle, scale, deviations):
    """Some cells' part of the sums, channels side by side.

    Args:
        tile: Tile
        room: updated float32*: four vectors: sums of the deltas, of those times the normalised values, of those times
            the scale, of the last times distances from the mean; then temporary memory
        delta, x: float32*: of the first channel
        pitch: int: values from one channel to the next
        count: int: cells
        present: int: channels
        middle, scale: vector: of float32
        deviations: float64*
    """
    lanes = tile.lanes
    turned, turned_x, square = (
        shifted(room, 4 * lanes),
        shifted(room, (4 + lanes) * lanes),
        shifted(room, (4 + 2 * lanes) * lanes),
    )
    deviation = load(tile, deviations, 0)
    by_bias, by_scale = load(tile, room, 0), load(tile, room, lanes)
    by_mean, by_variance = load(tile, room, 2 * lanes), load(tile, room, 3 * lanes)
    for cell in range(0, count, lanes):
        width = min(lanes, count - cell)
        turn(tile, turned, square, shifted(delta, cell), pitch, present, width)
        turn(tile, turned_x, square, shifted(x, cell), pitch, present, width)
        for j in range(width):
            d, distance = load(tile, turned, j * lanes), sub(load(tile, turned_x, j * lanes), middle)
            scaled = mul(d, scale)
            by_bias = add(by_bias, d)
            by_scale = add(by_scale, mul(d, narrow(div(widen(distance), deviation))))
            by_mean = add(by_mean, scaled)
            by_variance = add(by_variance, mul(scaled, distance))
    store(room, 0, by_bias)
    store(room, lanes, by_scale)
    store(room, 2 * lanes, by_mean)
    store(room, 3 * lanes, by_variance)


@plan_kernel(tasks=lambda images, scales: -(-images * scales.size // ROWS))
def batch_gradient(queue, delta, x, sums, mean, variance, scales, images, cells, tile):
    """The deltas of ``x``, in place (``scale_bias``, ``normalize_delta_cpu``).

    Args:
        delta: updated float32[images, scales.size, cells]
        x: float32[images, scales.size, cells]
        sums: float32[2, scales.size]: see `batch_gradient_sums`
        mean, variance: float32[scales.size]: the batch's
        scales: float32[scales.size]
        images: int
        cells: int: values of a channel
        tile: Tile
    """
    channels, lanes, values = scales.size, tile.lanes, splat(tile, np.float64(images * cells))
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for row in range(task * ROWS, min((task + 1) * ROWS, images * channels)):
            channel, source, target = row % channels, pointer(x, row * cells), pointer(delta, row * cells)
            middle, scale = splat(tile, mean[channel]), splat(tile, scales[channel])
            root = splat(tile, math.sqrt(np.float64(variance[channel] + GRADIENT_EPSILON)))
            slope = splat(tile, np.float64(sums[channels + channel]) * 2.0)
            shift = splat(tile, np.float64(sums[channel] / np.float32(images * cells)))
            for i in range(0, cells, lanes):
                width = min(lanes, cells - i)
                distance = sub(load_between(tile, source, i, 0, width), middle)
                scaled = mul(load_between(tile, target, i, 0, width), scale)
                by_distance = div(mul(slope, widen(distance)), values)
                value = narrow(add(add(div(widen(scaled), root), by_distance), shift))
                store_first(target, i, value, width)
