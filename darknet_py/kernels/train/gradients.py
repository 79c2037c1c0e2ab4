"""The gradients of Darknet's activations (``gradient``), taken at their *output*, with C's mix of float and double."""

from __future__ import annotations

import math

import numpy as np

from ..layers.activations import (
    ELU,
    HARDTAN,
    LEAKY,
    LHTAN,
    LINEAR,
    LOGGY,
    LOGISTIC,
    PLSE,
    RAMP,
    RELIE,
    RELU,
    SELU,
    STAIR,
    TANH,
    activate,
)
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from .moves import BLOCK

CODES = (
    LINEAR, LOGISTIC, LOGGY, RELU, ELU, SELU, RELIE, RAMP, LEAKY, TANH, PLSE, STAIR, HARDTAN, LHTAN,
)  # fmt: skip
"""Activations that have a gradient here: pjreddie's."""

TENTH = np.float32(0.1)


@kernel
def gradient(y, code):
    """The gradient of an activation where its output is ``y``; returns float32.

    Args:
        y: float32
        code: int: number of the activation
    """
    one = np.float32(1)
    if code == LINEAR:
        return one
    if code == LEAKY:
        return one if y > 0 else TENTH
    if code == LOGISTIC:
        return (one - y) * y
    if code == RELU:
        return np.float32(y > 0)
    return _rare_gradient(y, code)


@kernel
def _rare_gradient(y, code):
    """As `gradient`, of the activations that few networks have.

    Args:
        y: float32
        code: int: number of the activation
    """
    one = np.float32(1)
    if code == LOGGY:
        half = np.float32((y + 1.0) / 2.0)
        return np.float32(2) * (one - half) * half
    if code == ELU:
        return np.float32(y >= 0) + np.float32(y < 0) * (y + one)
    if code == SELU:
        return np.float32(np.float64(y >= 0) * 1.0507 + np.float64(y < 0) * (y + 1.0507 * 1.6732))
    if code == RELIE:
        return one if y > 0 else np.float32(0.01)
    if code == RAMP:
        return np.float32(np.float64(y > 0) + 0.1)
    if code == TANH:
        return one - y * y
    if code == PLSE:
        return np.float32(0.01) if y < 0 or y > 1 else np.float32(0.125)
    if code == STAIR:
        return np.float32(0) if math.floor(y) == y else one
    if code == HARDTAN:
        return one if -1 < y < 1 else np.float32(0)
    return one if 0 < y < 1 else np.float32(0.001)


@plan_kernel(tasks=lambda delta: -(-delta.size // BLOCK))
def multiply_gradient(queue, delta, out, code):
    """``delta *= gradient(out)`` (``gradient_array``).

    Args:
        delta: updated float32[out.size]
        out: float32[delta.size]: the layer's output
        code: int: number of the activation

    Requires:
        code in CODES
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        multiply_range(delta, out, task * BLOCK, min((task + 1) * BLOCK, delta.size), code)


@kernel
def multiply_range(delta, out, first, last, code):
    """As `multiply_gradient`, of some values.

    Args:
        delta: updated float32[...]
        out: float32[...]
        first, last: int: the first value, and the one behind the last
        code: int: number of the activation
    """
    if code == LEAKY:
        for i in range(first, last):
            delta[i] = delta[i] if out[i] > 0 else delta[i] * TENTH
    elif code != LINEAR:
        for i in range(first, last):
            delta[i] *= gradient(out[i], code)


@plan_kernel(tasks=lambda out: -(-out.size // BLOCK))
def activate_copy(queue, out, x, code):
    """``out = activation(x)``.

    Args:
        out: written float32[x.size], may be x
        x: float32[out.size]
        code: int: number of the activation

    Requires:
        is_code(code)
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for i in range(task * BLOCK, min((task + 1) * BLOCK, out.size)):
            out[i] = activate(x[i], code)


@plan_kernel(tasks=lambda images, channels: images * channels)
def add_bias(queue, out, biases, images, channels, cells, code):
    """``out = activation(out + bias)``, channel by channel (``add_bias``, ``activate_array``).

    Args:
        out: updated float32[images, channels, cells]
        biases: float32[channels]
        images, channels: int
        cells: int: values of a channel
        code: int: number of the activation

    Requires:
        is_code(code)
    """
    while True:
        task = next_task(queue)
        if task < 0:
            return
        bias = biases[task % channels]
        for i in range(task * cells, (task + 1) * cells):
            out[i] = activate(out[i] + bias, code)


@plan_kernel(tasks=lambda channels: channels)
def sum_biases(queue, updates, delta, images, channels, cells):
    """Per image one sum of a channel's deltas is added to the update of its bias (``backward_bias``).

    Args:
        updates: updated float32[channels]
        delta: float32[images, channels, cells]
        images, channels: int
        cells: int: values of a channel
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for image in range(images):
            total = np.float32(0)
            first = (image * channels + channel) * cells
            for i in range(first, first + cells):
                total += delta[i]
            updates[channel] += total
