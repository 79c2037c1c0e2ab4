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

ROWS = 8
"""How many rows (channels of an image) a task has of the kernels that take value by value."""

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
        _sums(tile, room, source, channels * cells, splat(tile, ZERO), False, present, images, cells)
        part = splat(tile, np.float32(1.0 / count))
        store_first(pointer(mean, start), 0, mul(load(tile, room, 0), part), present)
        middle = load_between(tile, pointer(mean, start), 0, 0, present)
        _sums(tile, room, source, channels * cells, middle, True, present, images, cells)
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
def _sums(tile, room, source, image_size, middle, squares, present, images, cells):
    """Sums of channels side by side, into the room's first vector: of values or of squared distances.

    The latter as ``total += pow(distance, 2)``: the sum in double, rounded.

    Args:
        tile: Tile
        room: written float32*
        source: float32*: the first image's first channel
        image_size: int: values of an image
        middle: vector: of float32, the centres
        squares: bool: whether the squares of the distances from the centres are summed
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
                value = load(tile, turned, j * lanes)
                if squares:
                    distance = widen(sub(value, middle))
                    total = narrow(add(widen(total), mul(distance, distance)))
                else:
                    total = add(total, value)
    store(room, 0, total)


@plan_kernel(tasks=lambda images, mean: -(-images * mean.size // ROWS))
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
    channels, lanes, tenth = mean.size, tile.lanes, splat(tile, 0.1)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for row in range(task * ROWS, min((task + 1) * ROWS, images * channels)):
            channel, source, target = row % channels, pointer(x, row * cells), pointer(out, row * cells)
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
