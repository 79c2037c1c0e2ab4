"""Maximum pooling of words: the larger bytes."""

from __future__ import annotations

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import even_lanes, load, load_between, pointer, store_first
from ..vector.words import larger_in, word_splat


@plan_kernel(tasks=lambda channels: channels)
def maxpool_int8(queue, out, x, channels, h, w, out_h, out_w, size, stride_x, stride_y, offset, tile):
    """Maximum of each window, of words; no window lies outside of the image.

    Args:
        out: written float32[channels, out_h, out_w]: words
        x: float32[channels, h, w]: words
        channels, h, w: int: words of channels, and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a window
        stride_x, stride_y: int: words from one window to the next
        offset: int: where the first window starts, down and across
        tile: Tile

    Requires:
        tile.words == 1
        -size < offset <= 0
        (out_h - 1) * stride_y + offset < h and (out_w - 1) * stride_x + offset < w
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for i in range(out_h):
            top = i * stride_y + offset
            line = pointer(out, (channel * out_h + i) * out_w)
            for j in range(0, out_w, tile.lanes):
                store_first(line, j, word_splat(tile, 0), min(tile.lanes, out_w - j))
            for y in range(max(top, 0), min(top + size, h)):
                _largest_of_row(line, pointer(x, (channel * h + y) * w), out_w, w, size, stride_x, offset, tile)


@kernel
def _largest_of_row(line, source, out_w, w, size, stride, offset, tile):
    """What one row of the input adds to the windows of one row of the output.

    Args:
        line: updated float32*: the row of the output
        source: float32*: the row of the input
        out_w, w, size, stride, offset, tile: any: as for `layers.pooling._maximum_of_row`
    """
    lanes = tile.lanes
    for m in range(size):
        shift = offset + m
        first = 0 if shift >= 0 else (-shift + stride - 1) // stride
        last = min(out_w, (w - 1 - shift) // stride + 1) if shift < w else 0
        j = first
        if stride == 1:
            while j + lanes <= last:
                larger = larger_in(tile, load(tile, source, shift + j), load(tile, line, j))
                store_first(line, j, larger, lanes)
                j += lanes
        elif stride == 2:
            while j + lanes < last:  # reads one word more than it needs
                pairs = even_lanes(load(tile, source, shift + 2 * j), load(tile, source, shift + 2 * j + lanes))
                store_first(line, j, larger_in(tile, pairs, load(tile, line, j)), lanes)
                j += lanes
        while j < last:
            place = shift + stride * j
            word = load_between(tile, source, place, 0, 1)
            value = larger_in(tile, word, load_between(tile, line, j, 0, 1))
            store_first(line, j, value, 1)
            j += 1
