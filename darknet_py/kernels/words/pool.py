"""Maximum pooling of words: the larger numbers."""

from __future__ import annotations

from ..layers.pooling import in_pairs, maximum_of_pairs, maximum_of_row
from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel
from ..vector.simd import pointer, shifted, store_first
from ..vector.words import lowest


@plan_kernel(tasks=lambda channels: channels)
def maxpool_words(queue, out, x, channels, h, w, out_h, out_w, size, stride_x, stride_y, offset, tile):
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
        tile.words > 0
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
            if in_pairs(size, stride_x, stride_y, offset, w, 2 * out_w, h, 2 * out_h, tile):
                above = pointer(x, (channel * h + top) * w)
                maximum_of_pairs(line, above, shifted(above, w), out_w, w, tile)
                continue
            for j in range(0, out_w, tile.lanes):
                store_first(line, j, lowest(tile), min(tile.lanes, out_w - j))
            for y in range(max(top, 0), min(top + size, h)):
                maximum_of_row(line, pointer(x, (channel * h + y) * w), out_w, w, size, stride_x, offset, tile)
