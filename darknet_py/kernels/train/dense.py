"""Gradients of fully and locally connected layers (``connected_layer.c``, ``local_layer.c``)."""

from __future__ import annotations

import numpy as np

from ..layers.dense import gather
from ..runtime.atomic import join, next_task
from ..runtime.work import plan_kernel

BLOCK = 512
"""Inputs of one task of `connected_input_gradient`."""


@plan_kernel(tasks=lambda outputs: outputs)
def connected_weight_gradient(queue, updates, delta, x, images, outputs, inputs):
    """Products of deltas and inputs are added to the updates, image by image.

    Args:
        updates: updated float32[outputs, inputs]
        delta: float32[images, outputs]
        x: float32[images, inputs]
        images, outputs, inputs: int
    """
    while True:
        row = next_task(queue)
        if row < 0:
            return
        first = row * inputs
        for image in range(images):
            value, source = delta[image * outputs + row], image * inputs
            for i in range(inputs):
                updates[first + i] += value * x[source + i]


@plan_kernel(tasks=lambda inputs: -(-inputs // BLOCK))
def connected_input_gradient(queue, below, delta, weights, images, outputs, inputs):
    """Products of deltas and weights are added to the deltas of the inputs, output by output.

    Args:
        below: updated float32[images, inputs]
        delta: float32[images, outputs]
        weights: float32[outputs, inputs]
        images, outputs, inputs: int
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        first, last = task * BLOCK, min((task + 1) * BLOCK, inputs)
        for row in range(outputs):
            for image in range(images):
                value, target = delta[image * outputs + row], image * inputs
                for i in range(first, last):
                    below[target + i] += value * weights[row * inputs + i]


@plan_kernel(
    tasks=lambda out_h, out_w: out_h * out_w,
    temporary={"scratch": lambda workers, c, size: workers * c * size * size},
)
def local_weight_gradient(queue, updates, delta, x, scratch, images, n, c, h, w, out_h, out_w, size, stride, pad):
    """At each location products of deltas and inputs are added to the updates, image by image.

    Args:
        updates: updated float32[out_h, out_w, n, c, size, size]
        delta: float32[images, n, out_h, out_w]
        x: float32[images, c, h, w]
        scratch: temporary float32[workers, c * size * size]: what a location sees
        images: int
        n: int: filters of a location
        c, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a filter
        stride: int: pixels from one location to the next
        pad: int: pixels of zeros around the input

    Requires:
        out_h == windows(h + 2 * pad, size, stride)
        out_w == windows(w + 2 * pad, size, stride)
    """
    taps, locations = c * size * size, out_h * out_w
    worker = join(queue, scratch.size // taps)
    if worker < 0:
        return
    start = worker * taps
    while True:
        place = next_task(queue)
        if place < 0:
            return
        top, left = place // out_w * stride - pad, place % out_w * stride - pad
        for image in range(images):
            gather(scratch, start, x, image * c * h * w, c, h, w, top, left, size)
            for f in range(n):
                value = delta[(image * n + f) * locations + place]
                first = (place * n + f) * taps
                for i in range(taps):
                    updates[first + i] += np.float32(0) + value * scratch[start + i]


@plan_kernel(tasks=lambda locations: locations)
def local_columns(queue, columns, delta, weights, n, taps, locations):
    """For each location the sums of deltas times weights over its filters, tap by tap, of one image.

    Args:
        columns: written float32[locations, taps]
        delta: float32[n, locations]
        weights: float32[locations, n, taps]
        n: int: filters of a location
        taps: int: weights of a filter
        locations: int
    """
    while True:
        place = next_task(queue)
        if place < 0:
            return
        first = place * taps
        for i in range(first, first + taps):
            columns[i] = np.float32(0)
        for f in range(n):
            value, row = delta[f * locations + place], (place * n + f) * taps
            for i in range(taps):
                columns[first + i] += weights[row + i] * value
