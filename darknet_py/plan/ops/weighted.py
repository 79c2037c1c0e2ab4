"""Other layers with weights -> steps: connected, locally connected, deconvolutional, batch normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers import dense
from ...kernels.layers.deconvolution import deconvolution
from ...kernels.layers.normalization import normalize_channels
from ..memory import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...layers import BatchNorm, Connected, Deconvolutional, Local, Weighted
    from ..context import LayerContext
    from ..step import Step


def deconvolutional_steps(layer: Deconvolutional, context: LayerContext) -> list[Step]:
    """Sums, then what follows them, in place."""
    x, out = layer.input, layer.out
    sums = context.step(
        deconvolution, out=context.out, x=context.x, weights=frozen(context.arrays["weights"]), n=layer.n,
        c=x.c, h=x.h, w=x.w, out_h=out.h, out_w=out.w, size=layer.size, stride=layer.stride, pad=layer.pad,
    )  # fmt: skip
    return [sums, _normalize(layer, context, context.out, layer.n)]


def connected_steps(layer: Connected, context: LayerContext) -> list[Step]:
    """Sums, then what follows them, in place."""
    sums = context.step(dense.connected, out=context.out, x=context.x, weights=frozen(context.arrays["weights"]))
    return [sums, _normalize(layer, context, context.out, layer.out.size)]


def local_steps(layer: Local, context: LayerContext) -> list[Step]:
    """All in one."""
    x, out = layer.input, layer.out
    return [
        context.step(
            dense.local, out=context.out, x=context.x, weights=frozen(context.arrays["weights"]),
            biases=frozen(context.arrays["biases"]), n=layer.n, c=x.c, h=x.h, w=x.w, out_h=out.h, out_w=out.w,
            size=layer.size, stride=layer.stride, pad=layer.pad,
            code=context.profile.activation_code(layer.activation),
        )
    ]  # fmt: skip


def batchnorm_steps(layer: BatchNorm, context: LayerContext) -> list[Step]:
    """Batch normalisation of the input."""
    return [_normalize(layer, context, context.x, layer.input.c)]


def _normalize(layer: Weighted, context: LayerContext, x: NDArray[np.float32], channels: int) -> Step:
    """Batch normalisation or biases, then activation, from ``x`` into the layer's output."""
    arrays = {name: np.array(context.arrays[name], np.float32) for name in context.arrays if name != "weights"}
    none = np.zeros(0, np.float32)
    return context.step(
        normalize_channels, out=context.out, x=x, mean=arrays.get("rolling_mean", none),
        deviation=context.profile.deviations(arrays["rolling_variance"]) if layer.batch_normalize else np.zeros(0),
        scales=arrays.get("scales", none), biases=arrays["biases"], cells=layer.out.size // channels,
        normalize=layer.batch_normalize, code=context.profile.activation_code(layer.activation),
    )  # fmt: skip
