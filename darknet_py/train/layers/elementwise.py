"""``[shortcut] [activation] [normalization]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.activations import CODES
from ...kernels.layers.shortcut import shortcut
from ...kernels.train import gradients, moves, normalization
from ...plan.memory import aligned_floats
from ..context import Passes
from .moves import lost_gradients

if TYPE_CHECKING:
    from ...layers import Activation, Normalization, Shortcut
    from ..context import LayerContext


def shortcut_passes(layer: Shortcut, context: LayerContext) -> Passes:
    """Deltas go to the layer before, then to the source, where both have values."""
    out, added, code = layer.out, layer.added, CODES[layer.activation]
    source, (below, source_delta) = context.sources[1], context.source_deltas
    passes = Passes()
    for image in range(context.batch):
        passes.forward.append(
            context.step(
                shortcut, out=context.image(context.out, image), x=context.image(context.x, image),
                added=context.image(source, image), c=out.c, h=out.h, w=out.w, added_c=added.c, added_h=added.h,
                added_w=added.w, alpha=np.float32(layer.alpha), beta=np.float32(layer.beta), code=code,
                tile=context.tile,
            )
        )  # fmt: skip
    delta = context.own_delta
    passes.backward.append(context.step(gradients.multiply_gradient, delta=delta, out=context.out, code=code))
    if below is not None:
        passes.backward.append(
            context.step(
                moves.add_scaled, out=below, x=delta, parts=1, size=delta.size, next_out=delta.size, next_x=delta.size,
                factor=np.float32(layer.alpha),
            )
        )  # fmt: skip
    if source_delta is not None:
        passes.backward += [
            context.step(
                moves.add_common, out=context.image(source_delta, image), x=context.image(delta, image), c=out.c,
                out_c=added.c, h=out.h, w=out.w, out_h=added.h, out_w=added.w, factor=np.float32(layer.beta),
            )
            for image in range(context.batch)
        ]  # fmt: skip
    return passes


def activation_passes(layer: Activation, context: LayerContext) -> Passes:
    """The deltas below are overwritten."""
    lost_gradients(context, "activation")
    code, delta = CODES[layer.activation], context.own_delta
    passes = Passes(
        [context.step(gradients.activate_copy, out=context.out, x=context.x, code=code)],
        [context.step(gradients.multiply_gradient, delta=delta, out=context.out, code=code)],
    )
    if context.below is not None:
        passes.backward.append(
            context.step(
                moves.copy_parts, out=context.below, x=delta, parts=1, size=delta.size, next_out=delta.size,
                next_x=delta.size,
            )
        )  # fmt: skip
    return passes


def normalization_passes(layer: Normalization, context: LayerContext) -> Passes:
    """Darknet's gradient is approximate: the norms count as constants. The deltas below are overwritten."""
    lost_gradients(context, "normalization")
    x, factors = layer.input, aligned_floats(context.out.size)
    passes = Passes(
        [
            context.step(
                normalization.response_factors, factors=factors, x=context.x, images=context.batch, channels=x.c,
                cells=x.h * x.w, size=layer.size, alpha=np.float32(layer.alpha), beta=np.float32(layer.beta),
                kappa=np.float32(layer.kappa),
            ),
            context.step(normalization.multiply, out=context.out, factors=factors, x=context.x),
        ]
    )  # fmt: skip
    if context.below is not None:
        passes.backward.append(
            context.step(normalization.multiply, out=context.below, factors=factors, x=context.own_delta)
        )
    return passes
