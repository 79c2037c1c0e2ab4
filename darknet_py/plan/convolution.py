"""A convolutional layer -> a step: packed weights, scratch memory, and how the work is cut for this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..kernels.activations import CODES
from ..kernels.conv_pack import pack_weights
from ..kernels.convolution import Blocking, ConvShape, convolution
from ..kernels.epilogue import Finish
from ..kernels.simd import Tile, host_tile
from .pool import get_pool
from .step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..layers import Convolutional
    from .profile import Profile

    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]

DEPTH = 288
"""About how many k one part has: its panel of pixels stays in the nearest caches while the filters pass."""

TASKS = 8
"""Least tasks per thread, if the layer has that many tiles: no thread waits long for the last one."""


def convolution_step(
    layer: Convolutional, arrays: Mapping[str, Floats], source: Floats, out: Floats, threads: int, profile: Profile,
    tile: Tile | None = None,
) -> Step:  # fmt: skip
    """The step that computes ``layer``; packs its weights, which are not needed afterwards.

    Args:
        layer: the layer.
        arrays: its stored arrays by Darknet's name.
        source: its input, (c, h, w) flat.
        out: its output, (n, out_h, out_w) flat.
        threads: most threads that will run the step.
        profile: the arithmetic.
        tile: the micro-kernel's shape; the one for this processor by default.
    """
    tile = tile or host_tile()
    shape = conv_shape(layer)
    spatial = shape.out_h * shape.out_w
    blocking = cut(shape, tile, threads)
    part = blocking.channels * shape.size**2
    code = CODES["relu+0" if profile.make and layer.activation == "relu" else layer.activation]
    divided = (spatial & ~3) + 1 if profile.make and layer.batch_normalize else 0
    finish = Finish(int(layer.batch_normalize), code, divided)
    singles, doubles = coefficients(arrays, layer.batch_normalize)
    args = (
        out, source, packed(arrays["weights"], shape, part, tile, threads), singles, doubles,
        aligned_floats(threads * blocking.floats), np.zeros(threads * blocking.ints, np.int64), shape, blocking, finish,
        tile,
    )  # fmt: skip
    return Step(convolution, args, tasks=shape.groups * blocking.filter_tasks * blocking.pixel_tasks)


def conv_shape(layer: Convolutional) -> ConvShape:
    """The kernel's view of a layer.

    A 1x1 convolution without padding reads its input as if it had the output's shape (Darknet takes the input itself
    for the unrolled matrix): its channels are then ``out_h * out_w`` apart, and ``stride`` skips nothing.
    """
    c, n = layer.c // layer.groups, layer.n // layer.groups
    group = c * layer.h * layer.w
    if layer.size == 1:
        plane = layer.out_h * layer.out_w
        return ConvShape(
            c, layer.out_h, layer.out_w, n, layer.groups, 1, 1, 0, layer.out_h, layer.out_w, plane, group
        )  # fmt: skip
    return ConvShape(
        c, layer.h, layer.w, n, layer.groups, layer.size, layer.stride, layer.pad, layer.out_h, layer.out_w,
        layer.h * layer.w, group,
    )  # fmt: skip


def cut(shape: ConvShape, tile: Tile, threads: int) -> Blocking:
    """Choose the blocks for a shape."""
    taps = shape.size**2
    parts = max(1, round(shape.c * taps / DEPTH))
    channels = -(-shape.c // parts)
    panels = -(-shape.out_h * shape.out_w // tile.pixels)
    blocks = -(-shape.n // tile.rows)
    tasks = TASKS * threads
    panels_together = 4
    pixel_tasks = -(-panels // panels_together)
    filter_tasks = min(blocks, max(1, -(-tasks // (pixel_tasks * shape.groups))))
    largest = -(-panels // pixel_tasks)
    sums = largest * tile.pixels * channels * taps
    waiting = -(-blocks // filter_tasks) * largest if channels < shape.c else 1
    floats = sums + waiting * tile.rows * tile.pixels + tile.lanes
    return Blocking(
        channels, panels_together, filter_tasks, pixel_tasks, sums, -(-floats // 16) * 16, -(-largest * taps // 8) * 8
    )


def packed(weights: Floats, shape: ConvShape, part: int, tile: Tile, threads: int) -> Floats:
    """The weights in the kernel's order."""
    depth = shape.c * shape.size**2
    blocks = -(-shape.n // tile.rows)
    out = aligned_floats(shape.groups * blocks * tile.rows * depth)
    flat = weights.reshape(-1).view(np.ndarray)
    flat.flags.writeable = False  # one type for the kernel, wherever the weights come from
    with get_pool(threads) as pool:
        pool.run(Step(pack_weights, (out, flat, shape.n, depth, part, tile.rows), tasks=shape.groups * blocks))
    return out


def coefficients(arrays: Mapping[str, Floats], normalize: bool) -> tuple[Floats, Doubles]:
    """Per filter: (mean, scale, bias) in float32; (divisor, reciprocal, reciprocal below, above) in float64."""
    biases = arrays["biases"]
    singles = np.zeros((biases.size, 3), np.float32)
    doubles = np.ones((biases.size, 4), np.float64)
    singles[:, 2] = biases
    if normalize:
        singles[:, 0] = arrays["rolling_mean"]
        singles[:, 1] = arrays["scales"]
        with np.errstate(invalid="ignore"):
            divisor = np.sqrt(arrays["rolling_variance"].astype(np.float64)) + np.float64(np.float32(0.000001))
        doubles[:] = np.stack(reciprocals(divisor), axis=1)
    return singles.reshape(-1), doubles.reshape(-1)


def reciprocals(divisor: Doubles) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """``divisor``, its reciprocal, and two numbers that enclose the exact reciprocal with room for one more rounding.

    With R the exact 1/divisor, r its rounding and u = 2**-53: ``below`` = r * (1 - 4u) rounded lies under
    R (1 + u)(1 - 4u)(1 + u) < R (1 - u), so for every x >= 0 the exact x * below is no more than x * R, and rounding
    (to double, then to float32) keeps that order. ``above`` is the mirror image.
    """
    reciprocal = 1.0 / divisor
    return divisor, reciprocal, reciprocal * (1 - 2.0**-51), reciprocal * (1 + 2.0**-51)


def aligned_floats(count: int) -> Floats:
    """Zeros that start on a 64-byte boundary."""
    raw = np.zeros(count + 16, np.float32)
    start = (-raw.ctypes.data % 64) // 4
    return raw[start : start + count]
