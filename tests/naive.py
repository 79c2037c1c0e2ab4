"""Plain twins of the fast kernels: nothing but Darknet's operations in Darknet's order, each rounded to its type."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def convolution(x: Floats, weights: Floats, groups: int, stride: int, pad: int, out_h: int, out_w: int) -> Floats:
    """Sums of a convolution, (n, out_h, out_w): per output, k ascending over (channel, ky, kx), from +0 on.

    x: (c, h, w); weights: (n, c / groups, size, size). A 1x1 convolution takes its input as it lies in memory.
    """
    n, c, size, _ = weights.shape
    out = np.zeros((n, out_h, out_w), np.float32)
    if size == 1:
        image, stride = x.reshape(groups, -1)[:, : c * out_h * out_w].reshape(-1, out_h, out_w), 1
    else:
        image = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    for filter_, sums in enumerate(out):
        first = filter_ // (n // groups) * c
        for channel, ky, kx in np.ndindex(c, size, size):
            rows = slice(ky, ky + (out_h - 1) * stride + 1, stride)
            columns = slice(kx, kx + (out_w - 1) * stride + 1, stride)
            sums += weights[filter_, channel, ky, kx] * image[first + channel, rows, columns]
    return out


def batch_norm(x: Floats, mean: Floats, variance: Floats, scales: Floats, biases: Floats, make: bool) -> Floats:
    """Batch normalisation of (channels, h, w) as the C source says, or as gcc -Ofast vectorises it."""
    planes = x.reshape(len(x), -1)
    spatial = planes.shape[1]
    divisor = (np.sqrt(variance.astype(np.float64)) + np.float64(np.float32(0.000001)))[:, None]
    centred = (planes - mean[:, None]).astype(np.float64)
    quotient = centred / divisor
    if make:
        main = spatial & ~3
        quotient[:, :main] = centred[:, :main] * (1.0 / divisor)
    return (quotient.astype(np.float32) * scales[:, None] + biases[:, None]).reshape(x.shape)


def maxpool(x: Floats, out_h: int, out_w: int) -> Floats:
    """2x2 maximum pooling with stride 2 of (channels, h, w); outside counts as -FLT_MAX, the first of equals stays."""
    out = np.full((len(x), out_h, out_w), np.finfo(np.float32).min, np.float32)
    for n, m in np.ndindex(2, 2):
        part = x[:, n::2, m::2][:, :out_h, :out_w]
        seen = out[:, : part.shape[1], : part.shape[2]]
        seen[...] = np.where(part > seen, part, seen)
    return out


def leaky(x: Floats) -> Floats:
    """``(x > 0) ? x : .1 * x``."""
    return np.where(x > 0, x, (0.1 * x.astype(np.float64)).astype(np.float32))


def binary_weights(weights: Floats, by_four: bool) -> Floats:
    """(filters, size) -> sign times the mean of each filter; ``by_four``: as gcc -Ofast sums and divides."""
    out = np.empty_like(weights)
    for row, signs in zip(np.abs(weights), out, strict=True):
        size = len(row)
        main = size & ~3 if by_four else 0
        lanes = np.zeros(4, np.float32)
        for four in row[:main].reshape(-1, 4):
            lanes += four
        total = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
        for value in row[main:]:
            total += value
        signs[:] = total * (np.float32(1) / np.float32(size)) if by_four else total / np.float32(size)
    return np.where(weights > 0, out, -out)
