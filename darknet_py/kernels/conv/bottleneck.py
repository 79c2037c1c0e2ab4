"""An inverted bottleneck in one step: a 1x1 convolution widens, a depthwise one looks around, a 1x1 one narrows, and
perhaps the input is added. (The first and the last of these may be absent.)

A task has some rows of the output. It takes as many of the wide map's channels at a time as two vectors have, with
channels in the lanes: a frame of them is made row by row, and each row of outputs of the depthwise convolution as soon
as the rows that it meets are there, so that these are still in the nearest cache. The last convolution finds all of the
task's pixels in the second cache. Nothing wide is written to the arena, and there is one step where there were four.
"""

from __future__ import annotations

from ..layers.activations import LINEAR
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, load_between, pointer, shifted, store, store_first
from .activation import activated
from .bottleneck_cut import Band, Bottleneck, bands, biases_size, blocks, is_band, weights_size
from .bottleneck_rows import depthwise_block, slope_within
from .epilogue import store_columns
from .multiply import AHEAD
from .wide import multiply_apart

__all__ = ["Band", "Bottleneck", "biases_size", "blocks", "bottleneck", "is_band", "weights_size"]


@plan_kernel(
    tasks=lambda shape, band, images: images * bands(shape, band),
    temporary={"scratch": lambda workers, band: workers * band.scratch},
)
def bottleneck(
    queue, out, source, added, weights, biases, scratch, offsets, images, next_in, next_out, shape, band, tile, last
):  # fmt: skip
    """The layers of a bottleneck, for some images.

    Args:
        out: written float32[images:next_out, shape.n, shape.out_h, shape.out_w]
        source: float32[images:next_in, shape.c, shape.h, shape.w]
        added: float32[images * shape.adds:next_in, shape.n, shape.out_h, shape.out_w]
        weights: float32[weights_size(shape, tile, last)]: by blocks of filters, absent ones 0: of the first
            convolution, of the depthwise one, of the last one, each in the order of `pack_weights` with k in one part
        biases: float32[biases_size(shape, tile, last)]: likewise
        scratch: temporary float32[workers, band.scratch]
        offsets: int64[shape.c + shape.e + 2 * AHEAD]: where each channel lies in the input, and where in the depthwise
            convolution's outputs
        images: int: how many
        next_in, next_out: int: distance of two images in the input and in the output
        shape: Bottleneck
        band: Band
        tile: Tile
        last: Tile: that of the last convolution

    Requires:
        shape.expands in (0, 1) and shape.adds in (0, 1) and (shape.expands == 1 or shape.c == shape.e)
        shape.plane == shape.h * shape.w
        shape.stride in (1, 2) and shape.size <= shape.h + 2 * shape.pad and shape.size <= shape.w + 2 * shape.pad
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        has_slope(shape.first_code) and has_slope(shape.middle_code)
        has_slope(shape.last_code) and has_slope(shape.added_code)
        is_band(band, shape, tile, last)
        offsets[: shape.c].max() == (shape.c - 1) * shape.h * shape.w and offsets.min() == 0
        offsets[shape.c + AHEAD :].max() < blocks(shape.e, tile) * band.part
    """
    worker = join(queue, scratch.size // band.scratch)
    if worker < 0:
        return
    frame = pointer(scratch, worker * band.scratch)
    middle, block = shifted(frame, band.middle), shifted(frame, band.block)
    parts = (shape.out_h + band.rows - 1) // band.rows
    wide = (shape.e + tile.filters - 1) // tile.filters
    taps = wide * tile.filters * shape.size * shape.size
    first = shape.expands * wide * tile.filters * shape.c
    while True:
        task = next_task(queue)
        if task < 0:
            return
        image, y = task // parts, task % parts * band.rows
        rows = min(band.rows, shape.out_h - y)
        seen = pointer(source, image * next_in)
        for number in range(wide):
            depthwise_block(
                tile, shifted(middle, number * band.part), frame, seen, block,
                pointer(weights, number * tile.filters * shape.c),
                pointer(weights, first + number * tile.filters * shape.size * shape.size),
                pointer(biases, number * tile.filters), pointer(biases, (wide + number) * tile.filters),
                pointer(offsets, 0), number, y, rows, shape, band,
            )  # fmt: skip
        plane = shape.out_h * shape.out_w
        target = pointer(out, image * next_out + y * shape.out_w)
        _narrow(
            last, tile, target, plane, middle, block, pointer(weights, first + taps),
            pointer(biases, 2 * wide * tile.filters), pointer(offsets, shape.c + AHEAD), rows * shape.out_w, shape,
        )  # fmt: skip
        if shape.adds:
            add_map(
                tile, target, pointer(added, image * next_in + y * shape.out_w), plane, rows * shape.out_w, shape.n,
                shape.added_code,
            )  # fmt: skip


@kernel
def _narrow(last, tile, out, plane, middle, block, weights, biases, offsets, pixels, shape):
    """The last convolution, on all pixels of a task.

    Args:
        last: Tile
        tile: Tile: that of the pixels
        out: written float32*: (shape.n, pixels), channels ``plane`` apart
        plane: int
        middle: float32*: the pixels
        block: written float32*: room for a block of outputs
        weights: float32*: (blocks, shape.e, last.filters)
        biases: float32*: (blocks, last.filters)
        offsets: int64*: where each channel of a pixel lies
        pixels: int: how many
        shape: Bottleneck
    """
    code, most = shape.last_code, last.single if shape.n <= last.lanes else last.columns
    most = max(most // last.lanes * last.lanes, min(most, last.lanes))  # whole vectors, once they are transposed
    slope = slope_within(last, code)
    for first in range(0, pixels, most):
        end = min(first + most, pixels)
        seen = shifted(middle, first * tile.filters)
        for f in range(0, shape.n, last.filters):
            present = min(last.filters, shape.n - f)
            multiply_apart(
                last, tile, end - first, (present + last.lanes - 1) // last.lanes, block, shifted(weights, f * shape.e),
                seen, offsets, shape.e, shifted(biases, f), slope,
            )  # fmt: skip
            if not last.contract and code != LINEAR:
                for i in range(0, (end - first) * last.filters, last.lanes):
                    store(block, i, activated(last, load(last, block, i), code))
            store_columns(last, shifted(out, f * plane + first), plane, block, present, end - first)


@kernel
def add_map(tile, out, added, plane, pixels, channels, code):
    """The sum with another map, in place, while the outputs are in the nearest cache.

    Args:
        tile: Tile
        out: updated float32*: (channels, pixels), channels ``plane`` apart
        added: float32*: likewise
        plane, pixels, channels: int
        code: int: number of the activation
    """
    whole = pixels // tile.lanes * tile.lanes
    for _ in range(channels):
        for i in range(0, whole, tile.lanes):
            store(out, i, activated(tile, add(load(tile, out, i), load(tile, added, i)), code))
        if whole < pixels:
            count = pixels - whole
            total = add(load_between(tile, out, whole, 0, count), load_between(tile, added, whole, 0, count))
            store_first(out, whole, activated(tile, total, code), count)
        out, added = shifted(out, plane), shifted(added, plane)
