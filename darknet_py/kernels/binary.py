"""What an ``xnor=1`` convolution multiplies: inputs of +-1, and weights of +- their filter's mean
(``binarize_cpu``, ``binarize_weights``)."""

from __future__ import annotations

import numpy as np

from .atomic import claim
from .jit import kernel

BLOCK = 4096
"""Inputs that one task binarises."""


@kernel
def binarize_input(queue, out, x):
    # out, x: float32 of one size; what is not above 0 (a nan, too) becomes -1
    while True:
        first = claim(queue, 0) * BLOCK
        if first >= x.size:
            return
        for i in range(first, min(first + BLOCK, x.size)):
            out[i] = np.float32(1) if x[i] > 0 else np.float32(-1)


@kernel
def binarize_weights(queue, out, weights, size, by_four):
    # out, weights: (filters, size) flat. by_four: the mean as gcc's -Ofast takes it.
    while True:
        row = claim(queue, 0) * size
        if row >= weights.size:
            return
        if by_four:
            mean = _sum_by_four(weights, row, size) * (np.float32(1) / np.float32(size))
        else:
            mean = _sum(np.float32(0), weights, row, row + size) / np.float32(size)
        for i in range(row, row + size):
            out[i] = mean if weights[i] > 0 else -mean


@kernel
def _sum(total, weights, first, end):
    for i in range(first, end):
        total += abs(weights[i])
    return total


@kernel
def _sum_by_four(weights, first, size):
    # four sums side by side, added as (0 + 2) + (1 + 3); what is left over is added to them
    s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    main = size & ~3
    for i in range(first, first + main, 4):
        s0 += abs(weights[i])
        s1 += abs(weights[i + 1])
        s2 += abs(weights[i + 2])
        s3 += abs(weights[i + 3])
    return _sum((s0 + s2) + (s1 + s3), weights, first + main, first + size)
