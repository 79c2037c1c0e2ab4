"""A depthwise convolution in 8-bit integers -> a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.int8.depthwise import WordStrip, count_taps
from ..convolution import conv_shape
from ..memory import aligned_floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...kernels.conv.bottleneck_cut import Bottleneck
    from ...kernels.conv.cut import ConvShape
    from ...kernels.int8.bottleneck import WordBand
    from ...kernels.int8.finish import WordFinish
    from ...kernels.vector.tile import Tile
    from ...layers import Convolutional
    from ...typing import Floats, Ints
    from ..context import LayerContext
    from ..step import Step

    Coefficients = tuple[Floats, NDArray[np.int32], Floats]

WORDS = 2000
"""About how many words a task's outputs have: they and its frame stay in the nearest cache."""


def depthwise_step(
    layer: Convolutional, packed: Coefficients, finish: WordFinish, tile: Tile, context: LayerContext
) -> Step:
    """The step of a depthwise layer; ``packed``: words of weights, corrections, coefficients."""
    assert context.narrow is not None and context.narrow.kernels.depthwise is not None
    shape, images = conv_shape(layer), context.images
    strip = cut_rows(shape, tile)
    weights, corrections, singles = packed
    return context.step(
        context.narrow.kernels.depthwise, out=context.out, source=context.x, weights=weights, corrections=corrections,
        singles=singles, offsets=tap_offsets(shape, strip), images=images.count, next_in=images.next_in,
        next_out=images.next_out, shape=shape, strip=strip, finish=finish, tile=tile,
    )  # fmt: skip


def cut_rows(shape: ConvShape, tile: Tile) -> WordStrip:
    """As many rows for a task as stay in the nearest cache, the same for each but the last."""
    width = -(-shape.out_w // tile.lanes) * tile.lanes
    part = -(-(shape.out_w + (shape.size - 1) // shape.stride) // tile.lanes) * tile.lanes
    row = min(shape.stride, shape.size) * part
    parts = -(-shape.out_h // max(1, WORDS // width))
    rows = -(-shape.out_h // parts)
    frame = ((rows - 1) * shape.stride + shape.size) * row + tile.lanes
    return WordStrip(rows, row, frame, -(-(frame + 4 * width) // 16) * 16)


def _taps(size: int) -> tuple[Ints, Ints]:
    """Rows and columns of a filter's taps as `kernels.int8.depthwise.count_taps` has them; -1 of those not there."""
    row = np.array([0, 1, 2, -1]) if size == 3 else np.arange(size)
    rows, columns = np.repeat(np.arange(size), row.size), np.tile(row, size)
    absent = np.full(count_taps(size) - rows.size, -1)
    rows, columns = np.concatenate([rows, absent]), np.concatenate([columns, absent])
    rows[columns < 0] = -1
    return rows, columns


def tap_offsets(shape: ConvShape | Bottleneck, strip: WordStrip | WordBand) -> Ints:
    """Where each tap lies in a frame, from the first output's first tap on."""
    phases, last = min(shape.stride, shape.size), shape.size - 1
    ky, kx = (np.where(place < 0, last, place) for place in _taps(shape.size))  # there weights are 0
    offsets: Ints = ky * strip.row + kx % shape.stride * (strip.row // phases) + kx // shape.stride
    return offsets.astype(np.int64)


def pack_taps(steps: NDArray[np.int8]) -> Floats:
    """Weights (channels, 1, size, size) as `kernels.int8.depthwise` reads them; what is missing is 0."""
    n, _, size, _ = steps.shape
    rows, columns = _taps(size)
    padded = np.zeros((-(-n // 4) * 4, rows.size), np.int8)
    padded[:n] = np.where(rows < 0, 0, steps[:, 0, rows, columns])
    ordered = padded.reshape(-1, 4, rows.size // 4, 4).transpose(0, 2, 1, 3)
    out = aligned_floats(padded.size // 4)
    out[:] = np.ascontiguousarray(ordered).view(np.float32).reshape(-1)
    return out
