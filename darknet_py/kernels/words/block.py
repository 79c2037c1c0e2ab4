"""A block of a convolution of words: products of words, and what follows their sums."""

from __future__ import annotations

from ..conv.convolution import FILTERS
from ..conv.fetch import fetch_before
from ..runtime.jit import kernel
from ..vector.simd import shifted
from .multiply import multiply_words


@kernel(forceinline=True)
def word_block(
    finish_columns, finish_rows, apart, operands, out, plane, sums, pixels, shape, cut, finish, tile, piece
):  # fmt: skip
    """One block of sums on one part of k, and what follows it if it is the last part.

    Args:
        finish_columns, finish_rows: kernel: what follows, with filters or pixels in the lanes: as
            `conv.epilogue.finish_filters`
        apart: int: filters of a word of ``out``
        operands, out, plane, sums, pixels, shape, cut, finish, tile, piece: any: as for `conv.convolution._block`
    """
    channel, channels, first, count = piece.channel, piece.channels, piece.first, piece.width
    f, taps = piece.block * cut.block, shape.size * shape.size
    weights = shifted(operands.weights, (channel * piece.rows + f * channels) * taps)
    fresh, last, length = channel == 0, channel + channels == shape.c, channels * taps
    out, present = shifted(out, f // apart * plane + first), min(cut.block, shape.n - f)
    singles, doubles = shifted(operands.singles, f), shifted(operands.doubles, f)
    if cut.way == FILTERS:
        ahead = shifted(weights, (cut.block + piece.step * piece.number) * length)
        far = length if cut.row == 0 else 0
        fetch_before(tile, ahead, piece.step * length, pixels, first, count, operands.offsets, far)
        multiply_words(
            tile, False, count, sums, fresh, weights, pixels, operands.offsets, length, ahead, piece.step
        )  # fmt: skip
        if last:
            finish_columns(tile, out, plane, first, sums, present, count, singles, doubles, finish)
    else:
        vectors = (count + tile.lanes - 1) // tile.lanes
        multiply_words(tile, True, vectors, sums, fresh, weights, pixels, operands.offsets, length, weights, 0)
        if last:
            finish_rows(tile, out, plane, first, sums, present, count, singles, doubles, finish)
