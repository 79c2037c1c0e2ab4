"""A depthwise convolution -> a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..kernels.conv.depthwise import ROOM, Strip
from .memory import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..kernels.conv.cut import ConvShape
    from ..kernels.conv.epilogue import Finish
    from ..kernels.vector.tile import Tile
    from ..typing import Doubles, Floats
    from .context import LayerContext
    from .step import Step


VALUES = 3000
"""About how many values a task's outputs have: they and its frame stay in the nearest cache."""


def goes_by_channel(shape: ConvShape, finish: Finish, context: LayerContext) -> bool:
    """Whether the kernel for depthwise convolutions computes it."""
    alone = shape.c == shape.n == 1 and shape.groups > 1 and shape.size > 1 and shape.stride <= 2
    kernel = context.profile.numbers.kernels.depthwise
    return alone and context.pool is None and finish.divided == 0 and kernel is not None


def depthwise_step(
    shape: ConvShape, weights: Floats, coefficients: tuple[Floats, Doubles], finish: Finish, tile: Tile,
    context: LayerContext,
) -> Step:  # fmt: skip
    """The step of a convolution that `goes_by_channel`.

    Args:
        shape: its numbers.
        weights: its filters, one after the other.
        coefficients, finish: what follows its sums.
        tile: the micro-kernels' shape.
        context: its buffers.

    Raises:
        ValueError: the weights are not as many.
    """
    flat = frozen(weights)
    if flat.size != shape.groups * shape.size**2:
        raise ValueError(f"{flat.size} weights are not those of {shape}")
    strip, images = cut_rows(shape), context.images
    singles, doubles = coefficients
    kernel = context.profile.numbers.kernels.depthwise
    assert kernel is not None, "goes_by_channel"
    return context.step(
        kernel, out=context.out, source=context.x, weights=flat,
        singles=singles.reshape(-1), doubles=doubles.reshape(-1), offsets=tap_offsets(shape, strip),
        images=images.count, next_in=images.next_in, next_out=images.next_out, shape=shape, strip=strip,
        finish=finish, tile=tile,
    )  # fmt: skip


def cut_rows(shape: ConvShape) -> Strip:
    """As many rows for a task as stay in the nearest cache, the same for each but the last."""
    reach = (shape.size - 1) // shape.stride
    pitch = shape.out_w + reach
    parts = -(-shape.out_h // max(1, VALUES // pitch))
    rows = -(-shape.out_h // parts)
    phase = (rows + reach) * pitch + ROOM
    frame = shape.stride**2 * phase + ROOM
    return Strip(rows, pitch, phase, frame, -(-(frame + rows * pitch + ROOM) // 16) * 16)


def tap_offsets(shape: ConvShape, strip: Strip) -> NDArray[np.int64]:
    """Where each tap lies in a frame, from the first output's first tap on."""
    ky, kx = np.divmod(np.arange(shape.size**2, dtype=np.int64), shape.size)
    phases = ky % shape.stride * shape.stride + kx % shape.stride
    offsets: NDArray[np.int64] = phases * strip.phase + ky // shape.stride * strip.pitch + kx // shape.stride
    return offsets
