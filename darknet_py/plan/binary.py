"""``xnor=1`` convolutions -> steps: the input binarised, then the usual convolution with binarised weights.

Darknet's CPU code multiplies floats there, too: the numbers are +-1 and +-mean, and padding is 0.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..kernels import binary
from ..kernels.denormals import denormals_as_zero
from .memory import aligned_floats, frozen
from .pool import get_pool
from .step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..layers import Convolutional
    from .conv_cut import Images
    from .profile import Profile

    Floats = NDArray[np.float32]


def binarize(layer: Convolutional, x: Floats, images: Images) -> tuple[list[Step], Floats, Images]:
    """Steps that binarise a layer's input, a step per image; the array that they write; how its images lie there."""
    size = layer.input.size
    signs = aligned_floats(images.count * size)
    steps = []
    for image in range(images.count):
        one = x[image * images.next_in : image * images.next_in + size]
        args = (signs[image * size : (image + 1) * size], one)
        steps.append(Step(binary.binarize_input, args, tasks=-(-size // binary.BLOCK)))
    return steps, signs, replace(images, next_in=size)


def binarized(layer: Convolutional, arrays: Mapping[str, Floats], threads: int, profile: Profile) -> dict[str, Floats]:
    """A layer's stored arrays with binarised weights (which Darknet makes anew in every run)."""
    weights = frozen(arrays["weights"])
    out = np.empty_like(weights)
    packing = Step(binary.binarize_weights, (out, weights, weights.size // layer.n, profile.make), tasks=layer.n)
    with get_pool(threads) as pool:
        pool.run_step(packing, partial(denormals_as_zero, profile.flush_denormals))
    return {**arrays, "weights": out.reshape(arrays["weights"].shape)}
