"""The gradient of weights, folding and packing, against plain NumPy; maps wider than a task's share, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from darknet_py.kernels.conv.cut import ConvShape
from darknet_py.kernels.conv.multiply import AHEAD
from darknet_py.kernels.conv.pack import pack_weights
from darknet_py.kernels.layers.activations import CODES
from darknet_py.kernels.train import batchnorm, batchnorm_back, columns, inputs
from darknet_py.kernels.train.weights import Share, scratch_of, weight_gradient
from darknet_py.kernels.vector.tile import host_tile
from darknet_py.plan.pool import get_pool
from darknet_py.plan.step import Step
from darknet_py.plan.verify import check_step
from darknet_py.train.layers.share import panel_offsets

from . import naive_train as naive


def run(kernel: Any, **arguments: Any) -> None:
    step = Step.of(kernel, workers=2, **arguments)
    assert list(check_step(step)) == []
    with get_pool(2) as pool:
        pool.run_step(step)


def numbers(count: int) -> Any:
    return np.random.RandomState(count).uniform(-1, 1, count).astype(np.float32)


@pytest.mark.parametrize(
    ("groups", "c", "h", "w", "size", "stride", "pad"),
    [
        (1, 3, 4, 300, 3, 1, 1), (2, 2, 7, 13, 3, 2, 1), (1, 20, 1, 50, 1, 1, 0), (1, 1, 9, 130, 5, 1, 2),
        (1, 2, 5, 6, 2, 1, 1),
    ],
)  # fmt: skip
def test_weights_gradient_and_folded_columns(
    groups: int, c: int, h: int, w: int, size: int, stride: int, pad: int
) -> None:
    out_h, out_w = ((extent + 2 * pad - size) // stride + 1 for extent in (h, w))
    shape = ConvShape(
        c=c, h=h, w=w, n=1, groups=groups, size=size, stride=stride, pad=pad, out_h=out_h, out_w=out_w, plane=h * w,
        group=c * h * w,
    )  # fmt: skip
    x = numbers(groups * c * h * w)
    seen = naive.unrolled(x.reshape(groups, c, h, w), size, stride, pad).reshape(groups, c * size * size, -1)
    check_weight_gradient(shape, x, seen)
    padded = np.zeros((groups * c, h + 2 * pad, w + 2 * pad), np.float32)
    matrix = numbers(seen.size)
    for channel, ky, kx in np.ndindex(groups * c, size, size):
        tap = matrix.reshape(groups * c, size, size, out_h, out_w)[channel, ky, kx]
        padded[channel, ky : ky + (out_h - 1) * stride + 1 : stride, kx : kx + (out_w - 1) * stride + 1 : stride] += tap
    folded = np.zeros(x.size, np.float32)
    run(columns.fold_columns, out=folded, columns=matrix, shape=shape, tap_step=out_h * out_w, cell_step=1)
    wanted = padded[:, pad : pad + h, pad : pad + w]
    np.testing.assert_array_equal(folded.reshape(groups * c, h, w), wanted)


def check_weight_gradient(shape: ConvShape, image: Any, seen: Any) -> None:
    """Two images, the second with half the values: added to what is there, by tasks of several sizes, or written."""
    tile, n, (groups, taps, cells) = host_tile(), 19, seen.shape
    shape, x = shape._replace(n=n), np.concatenate([image, image / 2])
    deltas = numbers(2 * groups * n * cells).reshape(2, groups, n, cells)
    sums = np.zeros((2, groups, n, taps), np.float32)
    for cell in range(cells):
        for number, scale in enumerate((1, 0.5)):
            tap = seen[:, None, :, cell] * np.float32(scale)
            sums[number] += deltas[number, :, :, cell, None] * tap
    for adds, filters, length, part in ((1, 24, taps, cells), (1, 8, 16, 7), (0, 24, taps, 50)):
        length, filters = -(-length // tile.lanes) * tile.lanes, -(-filters // tile.rows) * tile.rows
        scratch = scratch_of(filters, length, part, tile)
        share = Share(2 if adds else 1, adds, filters, length, part, scratch)
        before = numbers(sums.size // 2 if adds else sums.size)
        out = before.copy()
        run(
            weight_gradient, out=out, x=x, delta=deltas.reshape(-1), offsets=panel_offsets(share, tile),
            images=2, shape=shape, share=share, tile=tile,
        )  # fmt: skip
        wanted = (before + sums[0].reshape(-1)) + sums[1].reshape(-1) if adds else sums.reshape(-1)
        np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize(
    ("filters", "depth", "part", "rows", "groups"),
    [(16, 2560, 256, 32, 1), (16, 2560, 256, 8, 1), (32, 640, 250, 32, 1), (20, 100, 30, 8, 2), (300, 17, 9, 32, 1)],
)
def test_packed_in_every_way(filters: int, depth: int, part: int, rows: int, groups: int) -> None:
    weights = numbers(groups * filters * depth)
    sizes = {"filters": filters, "depth": depth, "part": part, "rows": rows}
    wanted = packed_plainly(weights.reshape(groups, filters, depth), part, rows)
    turned = np.ascontiguousarray(weights.reshape(groups, filters, depth).transpose(0, 2, 1)).reshape(-1)
    for kernel, given, more in (
        (pack_weights, weights, {"tile": host_tile()}), (columns.pack_columns, turned, {}),
    ):  # fmt: skip
        packed = np.full(wanted.size, np.nan, np.float32)
        run(kernel, packed=packed, weights=given, **sizes, **more)
        np.testing.assert_array_equal(packed, wanted)


def packed_plainly(weights: Any, part: int, rows: int) -> Any:
    """Group by group, part by part of the depth, block by block of filters: (part, rows), with zeros for no filter."""
    groups, filters, depth = weights.shape
    padded = np.zeros((groups, -(-filters // rows) * rows, depth), np.float32)
    padded[:, :filters] = weights
    blocks = padded.reshape(groups, -1, rows, depth)
    parts = [blocks[..., k : k + part].transpose(0, 1, 3, 2).reshape(groups, -1) for k in range(0, depth, part)]
    return np.concatenate(parts, axis=1).reshape(-1)


def test_filters_turned_round() -> None:
    weights, out = numbers(4 * 3 * 9), np.zeros(4 * 3 * 9, np.float32)
    run(columns.turn_filters, out=out, weights=weights, n=4, c=3, taps=9)
    wanted = weights.reshape(4, 3, 3, 3)[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    np.testing.assert_array_equal(out.reshape(wanted.shape), wanted)


@pytest.mark.parametrize(
    ("n", "c", "h", "w", "size", "pad", "rows"),
    [(3, 11, 5, 70, 3, 1, 2), (5, 2, 4, 16, 3, 0, 4), (2, 8, 7, 15, 5, 4, 3), (4, 3, 3, 31, 2, 1, 1)],
)
def test_gradient_of_wide_inputs(n: int, c: int, h: int, w: int, size: int, pad: int, rows: int) -> None:
    tile, images = host_tile(), 2
    out_h, out_w = h + 2 * pad - size + 1, w + 2 * pad - size + 1
    shape = ConvShape(
        c=c, h=h, w=w, n=n, groups=1, size=size, stride=1, pad=pad, out_h=out_h, out_w=out_w, plane=h * w,
        group=c * h * w,
    )  # fmt: skip
    weights, delta = numbers(n * c * size * size), numbers(images * n * out_h * out_w)
    weights[0] = np.inf  # what lies in the padding is not even multiplied by it
    below = numbers(images * c * h * w)
    padded = np.pad(below.reshape(images, c, h, w), ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    for channel, ky, kx in np.ndindex(c, size, size):
        column = np.zeros((images, out_h, out_w), np.float32)
        for f in range(n):
            weight = weights.reshape(n, c, size, size)[f, channel, ky, kx]
            column += weight * delta.reshape(images, n, out_h, out_w)[:, f]
        padded[:, channel, ky : ky + out_h, kx : kx + out_w] += column
    packed = np.full(-(-c // tile.rows) * tile.rows * size * size * n, np.nan, np.float32)
    run(inputs.pack_taps, packed=packed, weights=weights, n=n, c=c, taps=size * size, rows=tile.rows)
    plane = (rows + size - 1) * inputs.window_row(shape, tile)
    offsets = np.append(np.arange(n) * plane, np.zeros(AHEAD)).astype(np.int64)
    run(
        inputs.input_gradient, out=below, delta=delta, weights=packed, offsets=offsets, images=images, shape=shape,
        rows=rows, tile=tile,
    )  # fmt: skip
    wanted = padded[:, :, pad : pad + h, pad : pad + w]
    np.testing.assert_array_equal(below.reshape(wanted.shape), wanted)


@pytest.mark.parametrize(("channels", "cells"), [(19, 27), (5, 1), (8, 600)])
def test_batch_normalisation_side_by_side(channels: int, cells: int) -> None:
    tile, images = host_tile(), 3
    half = replace(tile, lanes=max(4, tile.lanes // 2))
    x, delta = numbers(images * channels * cells), numbers(images * channels * cells + 1)[1:].copy()
    scales, biases = numbers(channels), numbers(channels + 1)[1:].copy()
    shape = (images, channels, cells)
    statistics = [np.zeros(channels, np.float32) for _ in range(4)]
    deviations = np.ones(-(-channels // half.lanes) * half.lanes)
    facts: dict[str, Any] = {"x": x, "mean": statistics[0], "images": images, "cells": cells}
    run(
        batchnorm.batch_statistics, variance=statistics[1], rolling_mean=statistics[2], rolling_variance=statistics[3],
        deviations=deviations, tile=half, **facts,
    )  # fmt: skip
    mean, variance = naive.batch_statistics(x.reshape(shape))
    np.testing.assert_array_equal(statistics[:2], [mean, variance])
    np.testing.assert_array_equal(statistics[2:], [mean * np.float32(0.01), variance * np.float32(0.01)])
    out = np.full(x.size, np.nan, np.float32)
    run(
        batchnorm.normalize_batch, out=out, deviations=deviations, scales=scales, biases=biases, code=CODES["leaky"],
        tile=tile, **facts,
    )  # fmt: skip
    norm = naive.normalized(x.reshape(shape), mean, variance)
    wanted = naive.leaky(norm * scales[:, None] + biases[:, None])
    np.testing.assert_array_equal(out.reshape(shape), wanted)
    updates, found = np.zeros((2, channels), np.float32), np.zeros((2, channels), np.float32)
    slope = naive.leaky_back(wanted, delta.reshape(shape))
    back = naive.normalized_back(x.reshape(shape), slope, mean, variance, scales, *updates)
    facts |= {"delta": delta, "variance": variance, "scales": scales}
    sums = np.zeros(2 * channels, np.float32)
    run(
        batchnorm_back.batch_gradient_sums, sums=sums, out=out, deviations=deviations, bias_updates=found[0],
        scale_updates=found[1], code=CODES["leaky"], tile=half, **facts,
    )  # fmt: skip
    run(batchnorm_back.batch_gradient, sums=sums, tile=tile, **facts)
    np.testing.assert_array_equal(found, updates)
    np.testing.assert_array_equal(delta.reshape(shape), back)
