"""``[connected]`` and ``[local]`` (``backward_connected_layer``, ``backward_local_layer``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernels.conv.cut import ConvShape
from ...kernels.layers import dense as forward_kernels
from ...kernels.layers.activations import CODES
from ...kernels.train import columns, dense, gradients, moves
from ...plan.memory import aligned_floats
from ..context import Passes
from .batchnorm import normalized_passes

if TYPE_CHECKING:
    from ...kernels.vector.tile import Tile
    from ...layers import Connected, Local
    from ..context import LayerContext


def connected_passes(layer: Connected, context: LayerContext) -> Passes:
    """Sums, then batch normalisation or biases."""
    raw = aligned_floats(context.out.size) if layer.batch_normalize else context.out
    passes = normalized_passes(layer, context, raw, layer.out.size)
    weights, batch = context.arrays["weights"], context.batch
    sums = [
        context.step(
            forward_kernels.connected, out=context.image(raw, image), x=context.image(context.x, image), weights=weights
        )
        for image in range(batch)
    ]
    if not layer.batch_normalize:
        sums.append(
            context.step(
                gradients.add_bias, out=raw, biases=context.arrays["biases"], images=batch, channels=layer.out.size,
                cells=1, code=CODES[layer.activation],
            )
        )  # fmt: skip
    passes.forward = sums + passes.forward
    sizes = {"images": batch, "outputs": layer.out.size, "inputs": layer.input.size}
    passes.backward.append(
        context.step(
            dense.connected_weight_gradient, updates=context.updates["weights"], delta=context.own_delta, x=context.x,
            **sizes,
        )
    )  # fmt: skip
    if context.below is not None:
        passes.backward.append(
            context.step(
                dense.connected_input_gradient, below=context.below, delta=context.own_delta, weights=weights, **sizes
            )
        )
    return passes


def local_room(layer: Local, batch: int, tile: Tile, threads: int) -> int:
    """Values of shared memory: the columns of an image."""
    return layer.out.h * layer.out.w * layer.input.c * layer.size**2


def local_passes(layer: Local, context: LayerContext) -> Passes:
    """A convolution with a filter bank of its own at each location."""
    x, out, delta, code = layer.input, layer.out, context.own_delta, CODES[layer.activation]
    sizes = {
        "n": layer.n, "c": x.c, "h": x.h, "w": x.w, "out_h": out.h, "out_w": out.w, "size": layer.size,
        "stride": layer.stride, "pad": layer.pad,
    }  # fmt: skip
    weights = context.arrays["weights"]
    forward = [
        context.step(
            forward_kernels.local, out=context.image(context.out, image), x=context.image(context.x, image),
            weights=weights, biases=context.arrays["biases"], code=code, **sizes,
        )
        for image in range(context.batch)
    ]  # fmt: skip
    back = [
        context.step(gradients.multiply_gradient, delta=delta, out=context.out, code=code),
        context.step(moves.sum_parts, out=context.updates["biases"], x=delta, parts=context.batch),
        context.step(
            dense.local_weight_gradient, updates=context.updates["weights"], delta=delta, x=context.x,
            images=context.batch, **sizes,
        ),
    ]  # fmt: skip
    if context.below is None:
        return Passes(forward, back)
    taps, locations = x.c * layer.size**2, out.h * out.w
    shape = ConvShape(
        c=x.c, h=x.h, w=x.w, n=layer.n, groups=1, size=layer.size, stride=layer.stride, pad=layer.pad, out_h=out.h,
        out_w=out.w, plane=x.h * x.w, group=x.size,
    )  # fmt: skip
    room = context.room[: taps * locations]
    for image in range(context.batch):
        back.append(
            context.step(
                dense.local_columns, columns=room, delta=context.image(delta, image), weights=weights, n=layer.n,
                taps=taps, locations=locations,
            )
        )  # fmt: skip
        back.append(
            context.step(
                columns.fold_columns, out=context.image(context.below, image), columns=room, shape=shape, tap_step=1,
                cell_step=taps,
            )
        )  # fmt: skip
    return Passes(forward, back)
