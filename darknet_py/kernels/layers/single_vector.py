"""AlexeyAB's costly activations of many values at a time, with the bits of their scalar twins (`single`)."""

from __future__ import annotations

import numpy as np

from ..runtime.jit import kernel
from ..vector.exp_fast import exp_fast
from ..vector.expf import expf_or_nan, logf_or_nan
from ..vector.simd import (
    add,
    any_unequal,
    div,
    grouped,
    larger,
    load,
    load_between,
    mul,
    negated,
    smaller,
    splat,
    store,
    store_first,
    sub,
    unless_nan,
)  # fmt: skip
from .single import (
    LOGISTIC,
    LOGISTIC_FAST,
    MISH,
    MISH_FAST,
    MISH_LIMIT,
    SWISH,
    SWISH_FAST,
    TANH,
    activate_single,
)  # fmt: skip

ONE, TWO = np.float32(1), np.float32(2)


@kernel(forceinline=True)
def has_single_vectors(code):
    """Whether `activate_single_values` computes an activation.

    Args:
        code: int: number of the activation
    """
    exact = code == MISH or code == SWISH or code == LOGISTIC or code == TANH
    return exact or code == MISH_FAST or code == SWISH_FAST or code == LOGISTIC_FAST


@kernel(forceinline=True)
def _mish_or_nan(tile, x):
    """mish(x), or a nan where it is one or not sure; returns a vector.

    Beyond +-MISH_LIMIT softplus is another expression, but there, and from a smaller x on, tanh is 1 and 0 in both: so
    the limit serves for x.

    Args:
        tile: Tile
        x: vector: of float32
    """
    one, limit = splat(tile, ONE), splat(tile, MISH_LIMIT)
    inside = smaller(limit, larger(splat(tile, -MISH_LIMIT), x))
    softplus = logf_or_nan(tile, add(expf_or_nan(tile, inside), one))
    lower = expf_or_nan(tile, mul(splat(tile, -TWO), softplus))
    return mul(x, sub(div(splat(tile, TWO), add(one, lower)), one))


@kernel(forceinline=True)
def _sigmoid_or_nan(tile, x, code):
    """logistic(x), swish(x) or tanh(x), or a nan where it is one or not sure; returns a vector.

    Args:
        tile: Tile
        x: vector: of float32
        code: int: LOGISTIC, SWISH or TANH
    """
    one = splat(tile, ONE)
    top = TWO if code == TANH else ONE
    result = div(splat(tile, top), add(one, expf_or_nan(tile, mul(splat(tile, -top), x))))
    if code == TANH:
        return sub(result, one)
    if code == SWISH:
        return mul(x, result)
    return result


@kernel(forceinline=True)
def _fast(tile, x, code):
    """mish(x), swish(x) or logistic(x) to a relative 1e-6; returns a vector.

    tanh(softplus(x)) = n / (n + 2) with n = exp(x) * (exp(x) + 2).

    Args:
        tile: Tile
        x: vector: of float32
        code: int: MISH_FAST, SWISH_FAST or LOGISTIC_FAST
    """
    if code == MISH_FAST:
        e = exp_fast(tile, smaller(splat(tile, MISH_LIMIT), x))
        n = mul(e, add(e, splat(tile, TWO)))
        return mul(x, div(n, add(n, splat(tile, TWO))))
    top = x if code == SWISH_FAST else splat(tile, ONE)
    return unless_nan(x, div(top, add(splat(tile, ONE), exp_fast(tile, negated(x)))))


@kernel
def activate_single_values(tile, out, x, count, code):
    """out[i] = activation(x[i]) for i < count, for the activations that `has_single_vectors`.

    Args:
        tile: Tile
        out: written float32*: may be x
        x: float32*
        count: int: how many
        code: int: number of the activation
    """
    _activate_vectors(grouped(tile), out, x, count, code)


@kernel
def _activate_vectors(tile, out, x, count, code):
    """As `activate_single_values`, a vector of the tile's lanes at a time.

    What is computed nearly has no second way: a nan, in whatever lane, would change its neighbours' bits.

    Args:
        tile, out, x, count, code: any: as for `activate_single_values`
    """
    near = code == MISH_FAST or code == SWISH_FAST or code == LOGISTIC_FAST
    for i in range(0, count, tile.lanes):
        present = min(tile.lanes, count - i)
        values = load(tile, x, i) if present == tile.lanes else load_between(tile, x, i, 0, present)
        if code == MISH:
            y = _mish_or_nan(tile, values)
        elif near:
            y = _fast(tile, values, code)
        else:
            y = _sigmoid_or_nan(tile, values, code)
        if not near and any_unequal(y, y):
            _one_by_one(out, x, i, present, code)
        elif present == tile.lanes:
            store(out, i, y)
        else:
            store_first(out, i, y, present)


@kernel
def _one_by_one(out, x, first, count, code):
    """The scalar twins.

    Args:
        out: written float32*: may be x
        x: float32*
        first, count: int: the first value and how many
        code: int: number of the activation
    """
    for i in range(first, first + count):
        out[i] = activate_single(x[i], code)
