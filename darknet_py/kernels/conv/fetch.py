"""What the cache is asked for before it is needed: too far away, or too far apart, for the processor to guess it."""

from __future__ import annotations

from ..runtime.jit import kernel
from ..vector.simd import prefetch

LINE = 16
"""Values of a line of the cache."""

FURTHER = 32
"""How far away the pixels of pieces to come are, in values. They are asked for early, because the channels of an input
that is read as it lies, by a 1x1 convolution, are too far apart for the processor to guess them."""


@kernel
def fetch_before(tile, ahead, count, pixels, first, width, offsets, depth):
    """What `multiply_filters` asks for in its loop, before it, for tiles that leave no time there.

    Args:
        tile: Tile
        ahead: float32*: weights to come; may lie anywhere
        count: int: how many
        pixels: float32*: the piece's
        first, width: int: number of its first pixel, and how many it has
        offsets: int64*: (depth,), where each channel lies from there
        depth: int: channels; 0: the pixels are near
    """
    if tile.fetches_within:
        return
    for i in range(0, count, LINE):
        prefetch(ahead, i)
    if first % LINE < width:  # else they are on the same lines as the piece before
        for k in range(depth):
            prefetch(pixels, offsets[k] + FURTHER)
