"""``xnor=1`` convolutions -> steps: the input binarised, then the usual convolution with binarised weights.

Darknet's CPU code multiplies floats there, too: the numbers are +-1 and +-mean, and padding is 0. Where batch
normalisation is folded into the weights, that comes first, as in AlexeyAB's Darknet: means are those of folded weights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..kernels.layers import binary
from ..kernels.runtime.denormals import Denormals
from .memory import aligned_floats, frozen
from .step import Step

if TYPE_CHECKING:
    from ..layers import Convolutional
    from ..typing import Floats
    from .context import LayerContext


def binarized(layer: Convolutional, context: LayerContext) -> tuple[list[Step], Convolutional, LayerContext]:
    """Steps that binarise each image's input; the convolution behind them, and what it is made from."""
    profile = context.profile
    if layer.batch_normalize and profile.folds_normalization(context.part):
        layer = replace(layer, batch_normalize=False)
        context = context if context.dry else replace(context, arrays=profile.fold(context.arrays))
    size, images = layer.input.size, context.images
    signs = aligned_floats(images.count * size)
    steps = [
        Step.of(
            binary.binarize_input, out=signs[image * size : (image + 1) * size],
            x=context.x[image * images.next_in : image * images.next_in + size],
        )
        for image in range(images.count)
    ]  # fmt: skip
    weights = {**context.arrays, "weights": _binarized_weights(layer, context)}
    return steps, layer, replace(context, sources=[signs], arrays=weights, images=replace(images, next_in=size))


def _binarized_weights(layer: Convolutional, context: LayerContext) -> Floats:
    """A layer's weights as signs and means (which Darknet makes anew in every run)."""
    weights = frozen(context.arrays["weights"])
    out = np.empty_like(weights)
    step = Step.of(
        binary.binarize_weights, out=out, weights=weights, size=weights.size // layer.n,
        by_four=context.profile.mean_by_four,
    )  # fmt: skip
    context.prepare(step, Denormals(context.profile.flush_denormals))
    return out.reshape(context.arrays["weights"].shape)
