"""What follows sums that go to words by an activation that `finish.keeps_scale`: the numbers of `finish`, sooner.

Leaky is the larger one of x and of a share of x, which is 1 for the others; ReLU's limit is the least number itself.
Numbers are limited when they are whole: from below by an integer's comparison, from above where bytes are made of them.
So the units for products and comparisons of float32, which the sums need too, have no more to do than the others.
"""

from __future__ import annotations

import numpy as np

from ..layers.activations import LEAKY, RELU, RELU_POSITIVE
from ..runtime.jit import kernel
from ..vector.simd import add, larger, mul, splat
from ..vector.words import magic, to_floats, to_whole
from .finish import SLOPE


@kernel(forceinline=True)
def slopes_of(tile, finish):
    """What `whole_of` needs of an activation and of the output's numbers: two vectors and an int.

    Args:
        tile: Tile
        finish: WordFinish: of words, with an activation that `finish.keeps_scale`
    """
    slope, least = np.float32(1), 0
    if finish.code == LEAKY:
        slope = SLOPE
    if finish.code == RELU or finish.code == RELU_POSITIVE:
        least = finish.zero
    return splat(tile, slope), magic(tile, finish.zero), least


@kernel(forceinline=True)
def whole_of(sums, factor, bias, slopes):
    """The output's numbers for `words.words_of_channels`, which limits them to 255; returns a vector of int32.

    Args:
        sums: vector: of int32, corrections included
        factor, bias: vector: of float32
        slopes: vectors: see `slopes_of`
    """
    x = add(mul(to_floats(sums), factor), bias)
    return to_whole(larger(x, mul(x, slopes[0])), slopes[1], slopes[2])
