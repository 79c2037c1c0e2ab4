"""A 3x3 convolution in 8-bit integers by Winograd's minimal filtering in whole numbers -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.int8.winograd import winograd_int8
from ..memory import aligned_floats
from ..winograd import winograd_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...kernels.conv.cut import ConvShape
    from ...kernels.conv.winograd_code import Winograd
    from ...kernels.int8.finish import WordFinish
    from ...kernels.vector.tile import Tile
    from ...typing import Floats
    from ..context import LayerContext
    from ..step import Step
    from .int8_depthwise import Coefficients


def word_winograd_steps(
    transform: Winograd, shape: ConvShape, packed: Coefficients, finish: WordFinish, tile: Tile, context: LayerContext
) -> list[Step]:
    """The steps of a layer; ``packed``: words of weights, corrections, coefficients."""
    weights, corrections, singles = packed
    operands = {"weights": weights, "corrections": corrections, "singles": singles, "finish": finish}
    words = shape._replace(c=shape.c // tile.parts)
    return winograd_steps(transform, words, operands, tile, context, winograd_int8, finish.missing)


def pack_word_tiles(steps: NDArray[np.int8], transform: Winograd, tile: Tile) -> Floats:
    """The weights of 3x3 filters, transformed, doubled and in the order of `kernels.int8.winograd` (`HALVES`)."""
    n, c, *_ = steps.shape
    block, words = tile.filters, -(-c // 4)
    doubled = np.rint(2 * transform.matrices[1])
    matrix = np.kron(doubled, doubled).T.astype(np.float32)
    out = aligned_floats(-(-n // block) * transform.positions * 2 * words * block)
    for number, part in enumerate(out.reshape(-1, transform.positions, 2 * words, block)):
        some = steps[number * block : (number + 1) * block]
        padded = np.zeros((block, 4 * words, 9), np.float32)
        padded[: len(some), :c] = some.reshape(len(some), c, 9)
        tiles = (padded @ matrix).astype(np.int16)  # exact: whole numbers of 12 bits
        halves = tiles.reshape(block, words, 4, -1)[:, :, [0, 2, 1, 3]].reshape(block, 2 * words, 2, -1)
        part[:] = np.ascontiguousarray(halves.transpose(3, 1, 0, 2)).view(np.float32)[..., 0]
    return out
