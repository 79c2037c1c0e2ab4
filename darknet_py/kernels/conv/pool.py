"""Maximum pooling of the rows that a task of a convolution has just made (``maxpool_layer.c``, windows of 2x2)."""

from __future__ import annotations

from ..runtime.jit import kernel
from ..vector.simd import even_lanes, load, shifted, store_first
from ..vector.words import larger_in, lowest


@kernel
def pool_rows(tile, out, plane, out_w, band, band_plane, rows, width, filters, pooled):
    """Rows and columns may be odd in number: a window that reaches beyond them sees its own values again.

    Window values in Darknet's order, each replacing a smaller one: between +0 and -0 the first stays. Of words the
    larger bytes.

    Args:
        tile: Tile
        out: written float32*: (filters, pooled, out_w), channels ``plane`` apart
        plane: int
        out_w: int: width of the output
        band: float32*: (filters, rows, width), channels ``band_plane`` apart, with room for reading two vectors behind
        band_plane: int
        rows, width: int: sides of a channel of the band
        filters: int: or words of filters
        pooled: int: rows of the output
    """
    lanes = tile.lanes
    least = lowest(tile)
    for f in range(filters):
        for y in range(pooled):
            top = shifted(band, f * band_plane + 2 * y * width)
            bottom = shifted(top, width) if 2 * y + 1 < rows else top
            line = shifted(out, f * plane + y * out_w)
            for j in range(0, out_w, lanes):
                largest = _pair(tile, bottom, 2 * j, _pair(tile, top, 2 * j, least))
                store_first(line, j, largest, min(lanes, out_w - j))
            if 2 * out_w > width:
                last = larger_in(tile, load(tile, top, width - 1), least)
                store_first(line, out_w - 1, larger_in(tile, load(tile, bottom, width - 1), last), 1)


@kernel(forceinline=True)
def _pair(tile, row, i, largest):
    """The larger ones of ``largest`` and of two neighbours each; returns a vector.

    Args:
        tile: Tile
        row: float32*
        i: int: the first neighbour
        largest: vector
    """
    lanes = tile.lanes
    largest = larger_in(tile, even_lanes(load(tile, row, i), load(tile, row, i + lanes)), largest)
    return larger_in(tile, even_lanes(load(tile, row, i + 1), load(tile, row, i + lanes + 1)), largest)
