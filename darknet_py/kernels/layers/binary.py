"""What an ``xnor=1`` convolution multiplies: inputs of +-1, and weights of +- their filter's mean
(``binarize_cpu``, ``binarize_weights``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel

BLOCK = 4096
"""Inputs that one task binarises."""


@plan_kernel(tasks=lambda x: -(-x.size // BLOCK))
def binarize_input(queue, out, x):
    """What is above 0 becomes 1; all else (a NaN, too) becomes -1.

    Args:
        out: written float32[x.size]
        x: float32[out.size]
    """
    while True:
        block = next_task(queue)
        if block < 0:
            return
        first = block * BLOCK
        for i in range(first, min(first + BLOCK, x.size)):
            out[i] = np.float32(1) if x[i] > 0 else np.float32(-1)


@plan_kernel(tasks=lambda weights, size: weights.size // size)
def binarize_weights(queue, out, weights, size, by_four):
    """Each weight becomes its sign times the mean of its filter's absolute values.

    Args:
        out: written float32[weights.size]
        weights: float32[weights.size // size, size]: filter by filter
        size: int: weights of a filter
        by_four: bool: the mean as gcc's -Ofast takes it
    """
    while True:
        filter_ = next_task(queue)
        if filter_ < 0:
            return
        row = filter_ * size
        if by_four:
            mean = _sum_by_four(weights, row, size) * (np.float32(1) / np.float32(size))
        else:
            mean = _sum(np.float32(0), weights, row, row + size) / np.float32(size)
        for i in range(row, row + size):
            out[i] = mean if weights[i] > 0 else -mean


@kernel
def _sum(total, weights, first, end):
    """``total`` + the absolute values of ``weights[first:end]``, one by one; returns float32.

    Args:
        total: float32
        weights: float32[...]
        first, end: int
    """
    for i in range(first, end):
        total += abs(weights[i])
    return total


@kernel
def _sum_by_four(weights, first, size):
    """The sum of absolute values, of four sums side by side: (0 + 2) + (1 + 3), then what is left over, one by one.

    Args:
        weights: float32[...]
        first: int: where the values start
        size: int: how many
    """
    s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    main = size & ~3
    for i in range(first, first + main, 4):
        s0 += abs(weights[i])
        s1 += abs(weights[i + 1])
        s2 += abs(weights[i + 2])
        s3 += abs(weights[i + 3])
    return _sum((s0 + s2) + (s1 + s3), weights, first + main, first + size)
