"""``xnor=1`` convolutions -> steps: the input binarised, then the usual convolution with binarised weights.

Darknet's CPU code multiplies floats there, too: the numbers are +-1 and +-mean, and padding is 0.
"""

from __future__ import annotations

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
    from .profile import Profile

    Floats = NDArray[np.float32]


def binarize(
    layer: Convolutional, x: Floats, arrays: Mapping[str, Floats], threads: int, profile: Profile
) -> tuple[list[Step], Floats, dict[str, Floats]]:
    """What a layer computes with instead of its input and its stored arrays.

    Returns:
        The step that binarises ``x``, the array that it writes, and ``arrays`` with binarised weights (which Darknet
        makes anew in every run).
    """
    signs = aligned_floats(x.size)
    step = Step(binary.binarize_input, (signs, x), tasks=-(-x.size // binary.BLOCK))
    weights = frozen(arrays["weights"])
    out = np.empty_like(weights)
    packing = Step(binary.binarize_weights, (out, weights, weights.size // layer.n, profile.make), tasks=layer.n)
    with get_pool(threads) as pool:
        pool.run(packing, partial(denormals_as_zero, profile.flush_denormals))
    return [step], signs, {**arrays, "weights": out.reshape(arrays["weights"].shape)}
