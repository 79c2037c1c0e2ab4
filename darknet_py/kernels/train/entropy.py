"""Losses that compare value by value: cross entropies and ``[cost]`` (``blas.c``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.libm import log
from ..runtime.work import plan_kernel

ABSENT = np.float32(-1234)
"""A truth that is not known (Darknet's SECRET_NUM)."""

SQUARES, MASKED, SMOOTH, ABSOLUTE = range(4)
"""Kinds of `difference_loss`."""

ZERO = np.float32(0)


@plan_kernel(tasks=lambda: 1)
def softmax_loss(queue, delta, cost, out, truth, masked):
    """``truth - out``, and the cross entropy (``softmax_x_ent_cpu``).

    Args:
        delta: written float32[out.size]
        cost: written float32[1]
        out: float32[truth.size]
        truth: float32[out.size]
        masked: bool: values whose truth is `ABSENT` have no delta and no loss (``softmax_x_ent_gpu``, ``mask_gpu``)
    """
    while next_task(queue) >= 0:
        total = ZERO
        for i in range(out.size):
            if masked and truth[i] == ABSENT:
                delta[i] = ZERO
                total += ZERO
                continue
            delta[i] = truth[i] - out[i]
            total += np.float32(-log(np.float64(out[i]))) if truth[i] != ZERO else ZERO
        cost[0] = total


@plan_kernel(tasks=lambda: 1)
def logistic_loss(queue, delta, cost, out, truth):
    """``truth - out``, and the cross entropy of two classes (``logistic_x_ent_cpu``).

    Args:
        delta: written float32[out.size]
        cost: written float32[1]
        out: float32[truth.size]
        truth: float32[out.size]
    """
    one = np.float32(1)
    while next_task(queue) >= 0:
        total = ZERO
        for i in range(out.size):
            t, p = truth[i], out[i]
            loss = np.float64(-t) * log(np.float64(p)) - np.float64(one - t) * log(np.float64(one - p))
            total += np.float32(loss)
            delta[i] = t - p
        cost[0] = total


@plan_kernel(tasks=lambda: 1)
def difference_loss(queue, delta, cost, out, x, truth, kind):
    """Deltas and errors of each value (``l2_cpu``, ``l1_cpu``, ``smooth_l1_cpu``).

    Args:
        delta: written float32[x.size]
        cost: written float32[1]
        out: written float32[x.size]: the errors
        x: updated float32[truth.size]: of `MASKED`, values whose truth is `ABSENT` become that themselves
        truth: float32[x.size]
        kind: int: `SQUARES`, `MASKED`, `SMOOTH` (with the wrong sign beyond 1, as in Darknet's CPU code), `ABSOLUTE`
    """
    one, two = np.float32(1), np.float32(2)
    while next_task(queue) >= 0:
        total = ZERO
        for i in range(x.size):
            if kind == MASKED and truth[i] == ABSENT:
                x[i] = ABSENT
            difference = truth[i] - x[i]
            size = abs(difference)
            if kind == ABSOLUTE:
                out[i] = size
                delta[i] = one if difference > 0 else -one
            elif kind == SMOOTH and not size < 1:
                out[i] = two * size - one
                delta[i] = one if difference < 0 else -one
            else:
                out[i] = difference * difference
                delta[i] = difference
            total += out[i]
        cost[0] = total
