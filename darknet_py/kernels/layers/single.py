"""AlexeyAB's activations (his ``activations.h``): float arithmetic throughout, with the C library's float functions."""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..runtime.libm import expf, logf, powf, tanhf

NAMES = (
    "logistic/single", "loggy/single", "elu/single", "selu/single", "relie/single", "ramp/single", "leaky/single",
    "tanh/single", "plse/single", "lhtan/single", "gelu", "swish", "mish", "hard_mish", "relu6", "revleaky",
    "logistic/alone", "tanh/alone", "swish/alone", "mish/alone", "logistic/fast", "swish/fast", "mish/fast",
)  # fmt: skip
"""In the order of their codes; with ``/single`` those that pjreddie's Darknet computes in double.

Of four there are vector forms with the same bits. With ``/alone`` they are computed one by one, for a C library whose
functions the vectors do not know; with ``/fast`` nearly, in vectors.
"""

FIRST = 15
"""Code of the first one: they follow pjreddie's (`activations.CODES`)."""

(
    LOGISTIC, LOGGY, ELU, SELU, RELIE, RAMP, LEAKY, TANH, PLSE, LHTAN, GELU, SWISH, MISH, HARD_MISH, RELU6, REVLEAKY,
    LOGISTIC_ALONE, TANH_ALONE, SWISH_ALONE, MISH_ALONE, LOGISTIC_FAST, SWISH_FAST, MISH_FAST,
) = range(FIRST, FIRST + len(NAMES))  # fmt: skip

ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)

MISH_LIMIT = np.float32(20)
"""Beyond it softplus is x; below its negative, exp(x)."""


@kernel
def logistic(x):
    """``1 / (1 + expf(-x))``.

    Args:
        x: float32
    """
    return ONE / (ONE + expf(-x))


@kernel
def tanh(x):
    """``2 / (1 + expf(-2 x)) - 1``.

    Args:
        x: float32
    """
    return TWO / (ONE + expf(-TWO * x)) - ONE


@kernel
def mish(x):
    """``x * tanh(softplus(x))``.

    Args:
        x: float32
    """
    if x > MISH_LIMIT:
        return x * tanh(x)
    if x < -MISH_LIMIT:
        return x * tanh(expf(x))
    return x * tanh(logf(expf(x) + ONE))


@kernel
def plain_code(code):
    """The code of the same activation without ``/alone`` or ``/fast``.

    Args:
        code: int: number of the activation
    """
    if code == MISH_ALONE or code == MISH_FAST:
        return MISH
    if code == SWISH_ALONE or code == SWISH_FAST:
        return SWISH
    if code == LOGISTIC_ALONE or code == LOGISTIC_FAST:
        return LOGISTIC
    return TANH if code == TANH_ALONE else code


@kernel
def activate_single(x, code):
    """One value through one activation; returns float32.

    Args:
        x: float32
        code: int: number of the activation, from `FIRST` on
    """
    if code > REVLEAKY:
        code = plain_code(code)
    if code == MISH:
        return mish(x)
    if code == SWISH:
        return x * logistic(x)
    if code == LOGISTIC:
        return logistic(x)
    if code == LEAKY or code == REVLEAKY:
        return x if x > ZERO else np.float32(0.1) * x
    if code == TANH:
        return tanh(x)
    if code == HARD_MISH:
        return x if x > ZERO else (x * x / TWO + x if x > -TWO else ZERO)
    if code == RELU6:
        return min(max(x, ZERO), np.float32(6))
    return _activate_rare(x, code)


@kernel
def _activate_rare(x, code):
    """The rest of `activate_single`.

    Args:
        x: float32
        code: int: number of the activation
    """
    positive, below_0 = np.float32(x > ZERO), np.float32(x < ZERO)
    at_least_0 = np.float32(x >= ZERO)
    if code == LOGGY:
        return TWO / (ONE + expf(-x)) - ONE
    if code == ELU:
        return at_least_0 * x + below_0 * (expf(x) - ONE)
    if code == SELU:
        lam = np.float32(1.0507)
        return at_least_0 * lam * x + below_0 * lam * np.float32(1.6732) * (expf(x) - ONE)
    if code == RELIE:
        return x if x > ZERO else np.float32(0.01) * x
    if code == RAMP:
        return x * positive + np.float32(0.1) * x
    if code == PLSE:
        if x < np.float32(-4):
            return np.float32(0.01) * (x + np.float32(4))
        if x > np.float32(4):
            return np.float32(0.01) * (x - np.float32(4)) + ONE
        return np.float32(0.125) * x + np.float32(0.5)
    if code == GELU:  # constants are double
        inner = np.float32(0.797885 * np.float64(x) + 0.035677 * np.float64(powf(x, np.float32(3))))
        return np.float32(0.5 * np.float64(x) * np.float64(ONE + tanhf(inner)))
    if x < ZERO:
        return np.float32(0.001) * x
    if x > ONE:
        return np.float32(0.001) * (x - ONE) + ONE
    return x
