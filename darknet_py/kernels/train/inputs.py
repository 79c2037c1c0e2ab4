"""The gradient of a convolution's input, where its maps are wide: filters turned round over the deltas of the output.

Darknet makes columns (``gemm_tn``) and adds them tap by tap (``col2im_cpu``): a pixel gets, tap by tap, a sum over the
filters that starts from 0. Here each tap's sums of a block of pixels come from the micro-kernel and are added at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..conv.multiply import multiply_pixels
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, load_between, pointer, shifted, store, store_first
from .weights import load_inside

if TYPE_CHECKING:
    from ..conv.cut import ConvShape
    from ..vector.tile import Tile


def window_row(shape: ConvShape, tile: Tile) -> int:
    """Values of a row of the window: all that whole vectors of pixels see."""
    return -(-(-(-shape.w // tile.lanes) * tile.lanes + shape.size - 1) // tile.lanes) * tile.lanes


def count_bands(images: int, shape: ConvShape, rows: int) -> int:
    """Tasks of `input_gradient`."""
    return images * -(-shape.h // rows)


def band_scratch(shape: ConvShape, rows: int, tile: Tile) -> int:
    """Values of a worker's scratch memory: a window on the deltas, a block's sums and their totals."""
    return shape.n * (rows + shape.size - 1) * window_row(shape, tile) + 2 * tile.rows * tile.pixels


@plan_kernel(tasks=lambda n, c, rows: -(-c // rows))
def pack_taps(queue, packed, weights, n, c, taps, rows):
    """Weights in the order in which `input_gradient` reads them; 0 for absent channels.

    Args:
        packed: written float32[-(-c // rows), taps, n, rows]
        weights: float32[n, c, taps]
        n, c: int: filters and channels
        taps: int: of a channel
        rows: int: channels of a block
    """
    while True:
        block = next_task(queue)
        if block < 0:
            return
        for f in range(n):
            for r in range(rows):
                channel = block * rows + r
                for tap in range(taps):
                    value = weights[(f * c + channel) * taps + tap] if channel < c else np.float32(0)
                    packed[((block * taps + tap) * n + f) * rows + r] = value


@plan_kernel(
    tasks=count_bands,
    temporary={"scratch": lambda workers, shape, rows, tile: workers * band_scratch(shape, rows, tile)},
)
def input_gradient(queue, out, delta, weights, offsets, scratch, images, shape, rows, tile):
    """The deltas of the input are added to what is there.

    Args:
        out: updated float32[images, shape.c, shape.h, shape.w]
        delta: float32[images, shape.n, shape.out_h, shape.out_w]
        weights: float32[-(-shape.c // tile.rows), shape.size * shape.size, shape.n, tile.rows]: see `pack_taps`
        offsets: int64[shape.n + AHEAD]: where the filters lie in the window
        scratch: temporary float32[workers, band_scratch(shape, rows, tile)]
        images: int
        shape: ConvShape
        rows: int: of the input, of a task
        tile: Tile

    Requires:
        shape.groups == 1 and shape.stride == 1 and 0 <= shape.pad < shape.size
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        offsets.min() >= 0 and offsets.max() < shape.n * (rows + shape.size - 1) * window_row(shape, tile)
    """
    row = (shape.w + tile.lanes - 1) // tile.lanes * tile.lanes + shape.size - 1
    row = (row + tile.lanes - 1) // tile.lanes * tile.lanes
    plane, area = (rows + shape.size - 1) * row, tile.rows * tile.pixels
    size = shape.n * plane + 2 * area
    worker = join(queue, scratch.size // size)
    if worker < 0:
        return
    window = pointer(scratch, worker * size)
    bands = (shape.h + rows - 1) // rows
    while True:
        task = next_task(queue)
        if task < 0:
            return
        image, y0 = task // bands, task % bands * rows
        y1 = min(y0 + rows, shape.h)
        source = pointer(delta, image * shape.n * shape.out_h * shape.out_w)
        _copy_deltas(tile, window, source, shape, row, plane, y0, y1)
        target = pointer(out, image * shape.c * shape.h * shape.w)
        for y in range(y0, y1):
            for x in range(0, shape.w, tile.pixels):
                for channel in range(0, shape.c, tile.rows):
                    seen = shifted(window, (y - y0) * row + x)
                    packed = pointer(weights, channel * shape.size * shape.size * shape.n)
                    sums = shifted(window, shape.n * plane)
                    _block(tile, target, seen, packed, sums, pointer(offsets, 0), shape, row, y, x, channel)


@kernel
def _copy_deltas(tile, window, source, shape, row, plane, y0, y1):
    """The deltas that see some rows of the input, with 0 beside them.

    Args:
        tile: Tile
        window: written float32*
        source: float32*: an image's deltas
        shape: ConvShape
        row, plane: int: values of a row and of a filter of the window
        y0, y1: int: the first row of the input, and the one behind the last
    """
    shift, lanes = shape.size - 1 - shape.pad, tile.lanes
    for f in range(shape.n):
        for r in range(y1 - y0 + shape.size - 1):
            y = y0 - shift + r
            if 0 <= y < shape.out_h:
                line = shifted(source, (f * shape.out_h + y) * shape.out_w - shift)
                for i in range(0, row, lanes):
                    value = load_inside(tile, line, i, i - shift, shape.out_w)
                    store(window, f * plane + r * row + i, value)


@kernel
def _block(tile, target, seen, packed, sums, offsets, shape, row, y, x, channel):
    """A block of pixels of some channels: what is there, and tap by tap what their sums add. Taps that see nothing add
    nothing.

    Args:
        tile: Tile
        target: updated float32*: an image's deltas of the input
        seen: float32*: the window, from the block's row and pixel on
        packed: float32*: weights of the block's channels
        sums: updated float32*: scratch memory of two blocks
        offsets: int64*
        shape: ConvShape
        row: int: values of a row of the window
        y, x, channel: int: the block's row, first pixel and first channel
    """
    size, lanes, n = shape.size, tile.lanes, shape.n
    count, channels = min(tile.pixels, shape.w - x), min(tile.rows, shape.c - channel)
    vectors = (count + lanes - 1) // lanes
    totals = shifted(sums, tile.rows * tile.pixels)
    for r in range(channels):
        line = shifted(target, ((channel + r) * shape.h + y) * shape.w + x)
        for v in range(vectors):
            value = load_between(tile, line, v * lanes, 0, min(lanes, count - v * lanes))
            store(totals, (r * vectors + v) * lanes, value)
    for tap in range(size * size):
        ky, kx = tap // size, tap % size
        if not 0 <= y + shape.pad - ky < shape.out_h:
            continue
        pixels = shifted(seen, (size - 1 - ky) * row + size - 1 - kx)
        multiply_pixels(
            tile, vectors, sums, True, shifted(packed, tap * n * tile.rows), pixels, offsets, n
        )  # fmt: skip
        left = x + shape.pad - kx
        for r in range(channels):
            for v in range(vectors):
                at = (r * vectors + v) * lanes
                value = load_inside(tile, sums, at, left + v * lanes, shape.out_w)
                store(totals, at, add(load(tile, totals, at), value))
    for r in range(channels):
        line = shifted(target, ((channel + r) * shape.h + y) * shape.w + x)
        for v in range(vectors):
            value = load(tile, totals, (r * vectors + v) * lanes)
            store_first(line, v * lanes, value, min(lanes, count - v * lanes))
