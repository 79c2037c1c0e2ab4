"""The C library's ``rand()`` (glibc's TYPE_3), and what Darknet makes of it (``utils.c``).

A state is uint32[32]: the last 31 values of the recurrence r[i] = r[i - 3] + r[i - 31], in a ring, and which of them is
the oldest. Darknet's spare normal number is float64[3]: whether there is one, and the two numbers that it is made of.
"""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..runtime.libm import cos, log, sin

_HALF = np.float32(2**31)
_TWO_PI = np.float64(np.float32(2 * np.pi))
"""Darknet's constant is a float."""


@kernel
def start(state, seed):
    """``srand(seed)``.

    Args:
        state: written uint32[32]
        seed: int: 0 counts as 1
    """
    word = np.int64(np.int32(np.uint32(seed)))
    if word == 0:
        word = 1
    state[0] = np.uint32(word)
    for i in range(1, 31):
        # Not Python's //: C cuts towards zero.
        high = word // 127773 if word >= 0 else -((-word) // 127773)
        word = 16807 * (word - high * 127773) - 2836 * high
        if word < 0:
            word += 2147483647
        state[i] = np.uint32(word)
    state[31] = np.uint32(3)
    for _ in range(310):
        rand(state)


@kernel
def rand(state):
    """The next number, 0 to 2**31 - 1.

    Args:
        state: updated uint32[32]
    """
    place = np.int64(state[31])
    value = np.uint32(state[place] + state[place + 28 if place < 3 else place - 3])
    state[place] = value
    state[31] = np.uint32(place + 1 if place < 30 else 0)
    return np.int64(value >> np.uint32(1))


@kernel
def uniform(state, low, high):
    """Darknet's ``rand_uniform``: a float32 from ``low`` to ``high``, which may stand the other way round.

    Args:
        state: updated uint32[32]
        low, high: float32
    """
    if high < low:
        low, high = high, low
    return np.float32(np.float32(np.float32(rand(state)) / _HALF * np.float32(high - low)) + low)


@kernel
def normal(state, spare):
    """Darknet's ``rand_normal``: a float32 from the normal distribution (Box-Muller).

    Args:
        state: updated uint32[32]
        spare: updated float64[3]
    """
    if spare[0] != 0:
        spare[0] = 0
        return np.float32(np.sqrt(spare[1]) * sin(spare[2]))
    spare[0] = 1
    first = max(rand(state) / 2147483647.0, 1e-100)
    spare[1] = -2 * log(first)
    spare[2] = rand(state) / 2147483647.0 * _TWO_PI
    return np.float32(np.sqrt(spare[1]) * cos(spare[2]))


@kernel
def draw(out, state):
    """The next numbers.

    Args:
        out: written int32[out.size]
        state: updated uint32[32]
    """
    for i in range(out.size):
        out[i] = np.int32(rand(state))


@kernel
def skip(state, count):
    """Leave out the next numbers.

    Args:
        state: updated uint32[32]
        count: int: how many
    """
    for _ in range(count):
        rand(state)


@kernel
def uniforms(out, state, low, high, scale):
    """``out[i] = scale * rand_uniform(low, high)``.

    Args:
        out: written float32[out.size]
        state: updated uint32[32]
        low, high, scale: float32
    """
    for i in range(out.size):
        out[i] = np.float32(scale * uniform(state, low, high))


@kernel
def normals(out, state, spare, scale):
    """``out[i] = scale * rand_normal()``.

    Args:
        out: written float32[out.size]
        state: updated uint32[32]
        spare: updated float64[3]
        scale: float32
    """
    for i in range(out.size):
        out[i] = np.float32(scale * normal(state, spare))
