"""Darknet's activations (``activations.h``), value by value with its mix of float and double arithmetic."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.libm import exp
from ..runtime.work import plan_kernel
from ..vector.exp import logistic_values
from ..vector.simd import pointer
from .single import FIRST as FIRST_SINGLE
from .single import NAMES as SINGLE
from .single import activate_single
from .single_vector import activate_single_values, has_single_vectors

CODES = {
    name: code
    for code, name in enumerate(
        ("linear", "logistic", "loggy", "relu", "elu", "selu", "relie", "ramp", "leaky", "tanh", "plse", "stair",
         "hardtan", "lhtan", "relu+0", *SINGLE)
    )
}  # fmt: skip
"""Number of each activation, AlexeyAB's last (`single`).

``relu+0`` is the relu of gcc's -Ofast: +0, not -0, for a negative value."""

UNTOUCHED = -1
"""Code of a channel that ``activate_channels`` leaves alone."""

TOGETHER = 2048
"""About how many values a task has at least: to get a smaller one from where another thread does takes as long."""

(
    LINEAR, LOGISTIC, LOGGY, RELU, ELU, SELU, RELIE, RAMP, LEAKY, TANH, PLSE, STAIR, HARDTAN, LHTAN, RELU_POSITIVE,
) = range(FIRST_SINGLE)  # fmt: skip


def is_code(code):
    """Whether a number, or each of an array, is an activation's code."""
    return bool(np.isin(code, list(CODES.values())).all())


@kernel
def activate(x, code):
    """One value through one activation; returns float32.

    Args:
        x: float32
        code: int: number of the activation, see `CODES`
    """
    if code == LINEAR:
        return x
    if code == LEAKY:
        return x if x > 0 else np.float32(0.1 * x)
    if code == LOGISTIC:
        return np.float32(1.0 / (1.0 + exp(-x)))
    if code == RELU:
        return np.float32(x * np.float32(x > 0))
    if code == RELU_POSITIVE:
        return x if x > 0 else np.float32(0.0)
    if code >= FIRST_SINGLE:
        return activate_single(x, code)
    return _activate_rare(x, code)


@kernel
def _activate_rare(x, code):
    """As `activate`: float32 products, where C has int * float; everything that touches a decimal constant is double.

    Args:
        x: float32
        code: int: number of the activation
    """
    positive = np.float32(x > 0)
    at_least_0 = np.float32(x >= 0)
    below_0 = np.float32(x < 0)
    one = np.float32(1)
    if code == LOGGY:
        return np.float32(2.0 / (1.0 + exp(-x)) - 1.0)
    if code == ELU:
        return np.float32(np.float64(at_least_0 * x) + np.float64(below_0) * (exp(x) - 1.0))
    if code == SELU:
        return np.float32(at_least_0 * 1.0507 * x + below_0 * 1.0507 * 1.6732 * (exp(x) - 1.0))
    if code == RELIE:
        return x if x > 0 else np.float32(0.01 * x)
    if code == RAMP:
        return np.float32(np.float64(np.float32(x * positive)) + 0.1 * x)
    if code == TANH:
        twice = np.float32(2) * x
        return np.float32((exp(twice) - 1.0) / (exp(twice) + 1.0))
    if code == PLSE:
        if x < -4:
            return np.float32(0.01 * np.float32(x + np.float32(4)))
        if x > 4:
            return np.float32(0.01 * np.float32(x - np.float32(4)) + 1.0)
        return np.float32(0.125 * x + 0.5)
    if code == STAIR:
        return _stair(x)
    if code == HARDTAN:
        return -one if x < -1 else (one if x > 1 else x)
    if x < 0:
        return np.float32(0.001 * x)
    if x > 1:
        return np.float32(0.001 * np.float32(x - one) + 1.0)
    return x


@kernel
def _stair(x):
    """The activation ``stair``. ``int n = floor(x)``: what does not fit an int becomes INT_MIN on x86, which is even.

    Args:
        x: float32
    """
    half = np.floor(np.float64(x) / 2.0)
    if not (-2147483648.0 <= x < 2147483648.0):
        return np.float32(half)
    n = np.int64(np.floor(x))
    if n % 2 == 0:
        return np.float32(half)
    return np.float32(np.float64(np.float32(x - np.float32(n))) + half)


@kernel
def activate_values(tile, out, x, count, code):
    """out[i] = activation(x[i]) for i < count, in vectors where there are some.

    Args:
        tile: Tile
        out: written float32*: may be x
        x: float32*
        count: int: how many
        code: int: number of the activation
    """
    if has_single_vectors(code):
        activate_single_values(tile, out, x, count, code)
    elif code == LOGISTIC:
        logistic_values(out, x, count, tile)
    elif code == LINEAR:  # a loop of its own: the compiler copies in vectors
        for i in range(count):
            out[i] = x[i]
    else:
        for i in range(count):
            out[i] = activate(x[i], code)


@kernel(forceinline=True)
def channels_together(cells):
    """Channels of a task of `activate_channels`: of small maps several.

    Args:
        cells: int: values of a channel
    """
    return max(TOGETHER // cells, 1)


@plan_kernel(tasks=lambda codes, cells: -(-codes.size // channels_together.py_func(cells)))
def activate_channels(queue, out, x, codes, cells, tile):
    """Each channel through an activation of its own; a channel whose code is UNTOUCHED is left alone.

    Args:
        out: written float32[codes.size, cells]
        x: float32[codes.size, cells]
        codes: int64[codes.size]: number of each channel's activation
        cells: int: values of a channel
        tile: Tile

    Requires:
        is_code(codes[codes != UNTOUCHED])
    """
    together = channels_together(cells)
    while True:
        task = next_task(queue)
        if task < 0:
            return
        for channel in range(task * together, min((task + 1) * together, codes.size)):
            code = codes[channel]
            if code != UNTOUCHED:
                activate_values(tile, pointer(out, channel * cells), pointer(x, channel * cells), cells, code)
