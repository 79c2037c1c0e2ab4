"""Batch normalisation by the batch's own statistics (``batchnorm_layer.c``, ``blas.c``).

Sums run over images, then cells, in float32; what C computes in double is double here. Forward and backward have
different epsilons. A sum's next addition waits for the one before, so that as many channels as a vector has lanes are
summed side by side; for that, squares of values are transposed.
"""

from __future__ import annotations

import math

import numpy as np

from ..layers.activations import LEAKY, LINEAR, activate
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
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
    where_positive,
    widen,
)
from ..vector.transpose import store_transposed

EPSILON = np.float64(np.float32(0.000001))
"""Added to the root of the variance, going forward."""

GRADIENT_EPSILON = np.float32(0.00001)
"""Added to the variance, going back."""

SIDE_BY_SIDE = 8
"""Channels of one task of the kernels that take value by value."""

ROOM = 256
"""Room for three squares of the registers, and some vectors."""

ZERO = np.float32(0)

KEPT = np.float32(0.99)
ADDED = np.float32(0.01)
"""Parts of the rolling statistics: of the old value, of the batch's."""


@plan_kernel(
    tasks=lambda mean, tile: -(-mean.size // tile.lanes), temporary={"scratch": lambda workers: workers * ROOM}
)
def batch_statistics(
    queue, mean, variance, deviations, rolling_mean, rolling_variance, x, scratch, images, cells, tile
):
    """Mean and variance of each channel, and what they make of the rolling ones.

    Args:
        mean, variance: written float32[mean.size]
        deviations: updated float64[-(-mean.size // tile.lanes) * tile.lanes]: by which distances from the mean are
            divided; those of absent channels are left alone
        rolling_mean, rolling_variance: updated float32[mean.size]
        x: float32[images, mean.size, cells]
        scratch: temporary float32[workers, ROOM]
        images: int
        cells: int: values of a channel
        tile: Tile

    Requires:
        images * cells > 1
        3 * tile.lanes * tile.lanes + 4 * tile.lanes <= ROOM
    """
    worker = join(queue, scratch.size // ROOM)
    if worker < 0:
        return
    room, channels, lanes = pointer(scratch, worker * ROOM), mean.size, tile.lanes
    count = images * cells
    while True:
        task = next_task(queue)
        if task < 0:
            return
        start = task * lanes
        present = min(lanes, channels - start)
        source = pointer(x, start * cells)
        _sum(tile, room, source, channels * cells, present, images, cells)
        part = splat(tile, np.float32(1.0 / count))
        store_first(pointer(mean, start), 0, mul(load(tile, room, 0), part), present)
        middle = load_between(tile, pointer(mean, start), 0, 0, present)
        _sum_of_squares(tile, room, source, channels * cells, middle, present, images, cells)
        part = splat(tile, np.float32(1.0 / (count - 1)))
        store_first(pointer(variance, start), 0, mul(load(tile, room, 0), part), present)
        for channel in range(start, start + present):
            centre, spread = mean[channel], variance[channel]
            rolling_mean[channel] = rolling_mean[channel] * KEPT + ADDED * centre
            rolling_variance[channel] = rolling_variance[channel] * KEPT + ADDED * spread
            deviations[channel] = math.sqrt(np.float64(spread)) + EPSILON


@kernel
def turn(tile, out, square, source, pitch, present, width):
    """A square of values, with the channels in the lanes; 0 for absent channels.

    Args:
        tile: Tile
        out: written float32*: a vector for each cell
        square: written float32*: of the registers' size
        source: float32*: the first channel's first cell
        pitch: int: values from one channel to the next
        present, width: int: channels and cells
    """
    lanes = tile.lanes
    if present == lanes and width == lanes:
        store_transposed(tile, out, lanes, source, pitch, lanes, lanes)
        return
    for i in range(lanes):
        if i < present:
            store(square, i * lanes, load_between(tile, source, i * pitch, 0, width))
        else:
            store(square, i * lanes, splat(tile, ZERO))
    store_transposed(tile, out, lanes, square, lanes, lanes, lanes)


@kernel
def _sum(tile, room, source, image_size, present, images, cells):
    """Sums of channels side by side, into the room's first vector.

    Args:
        tile: Tile
        room: written float32*
        source: float32*: the first image's first channel
        image_size: int: values of an image
        present, images, cells: int: how many channels, images, and cells of a channel
    """
    lanes, total = tile.lanes, splat(tile, ZERO)
    turned = shifted(room, 2 * lanes)
    for image in range(images):
        for cell in range(0, cells, lanes):
            width = min(lanes, cells - cell)
            turn(
                tile, turned, shifted(turned, lanes * lanes), shifted(source, image * image_size + cell), cells,
                present, width,
            )  # fmt: skip
            for j in range(width):
                total = add(total, load(tile, turned, j * lanes))
    store(room, 0, total)


@kernel
def _sum_of_squares(tile, room, source, image_size, middle, present, images, cells):
    """As `_sum`, of squared distances: ``total += pow(distance, 2)``, the sum in double, rounded.

    Args:
        tile: Tile
        room: written float32*
        source: float32*: the first image's first channel
        image_size: int: values of an image
        middle: vector: of float32, the centres
        present, images, cells: int: how many channels, images, and cells of a channel
    """
    lanes, total = tile.lanes, splat(tile, ZERO)
    turned = shifted(room, 2 * lanes)
    for image in range(images):
        for cell in range(0, cells, lanes):
            width = min(lanes, cells - cell)
            turn(
                tile, turned, shifted(turned, lanes * lanes), shifted(source, image * image_size + cell), cells,
                present, width,
            )  # fmt: skip
            for j in range(width):
                distance = widen(sub(load(tile, turned, j * lanes), middle))
                total = narrow(add(widen(total), mul(distance, distance)))
    store(room, 0, total)


@plan_kernel(tasks=lambda images, mean: images * -(-mean.size // SIDE_BY_SIDE))
def normalize_batch(queue, out, x, mean, deviations, scales, biases, images, cells, code, tile):
    """Normalise each channel by the batch's mean and deviation, then scale, bias, activation.

    Args:
        out: written float32[images, mean.size, cells]
        x: float32[images, mean.size, cells]
        mean: float32[mean.size]
        deviations: float64[mean.size] or more
        scales, biases: float32[mean.size]
        images: int
        cells: int: values of a channel
        code: int: number of the activation
        tile: Tile

    Requires:
        is_code(code)
    """
    channels, lanes = mean.size, tile.lanes
    groups, tenth = (channels + SIDE_BY_SIDE - 1) // SIDE_BY_SIDE, splat(tile, 0.1)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        start = task % groups * SIDE_BY_SIDE
        for channel in range(start, min(start + SIDE_BY_SIDE, channels)):
            first = (task // groups * channels + channel) * cells
            source, target = pointer(x, first), pointer(out, first)
            middle, deviation = splat(tile, mean[channel]), splat(tile, deviations[channel])
            scale, bias = splat(tile, scales[channel]), splat(tile, biases[channel])
            for i in range(0, cells, lanes):
                width = min(lanes, cells - i)
                value = load(tile, source, i) if width == lanes else load_between(tile, source, i, 0, width)
                value = narrow(div(widen(sub(value, middle)), deviation))
                value = add(mul(value, scale), bias)
                if code == LEAKY:
                    value = where_positive(value, value, narrow(mul(widen(value), tenth)))
                if width == lanes:
                    store(target, i, value)
                else:
                    store_first(target, i, value, width)
            if code != LEAKY and code != LINEAR:
                for i in range(cells):
                    target[i] = activate(target[i], code)
