"""``[convolutional]`` -> steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...kernels.conv.unroll import unroll
from ...kernels.layers.channels import KINDS, channel_shares
from ..binary import binarized
from ..convolution import convolution_steps
from ..inner import blur_arrays, blur_of, sharp_of, unrolled_shape, unrolls, without_taps

if TYPE_CHECKING:
    from ...layers import Convolutional, MaxPool
    from ..context import LayerContext
    from ..step import Step


def convolutional_steps(layer: Convolutional, context: LayerContext) -> list[Step]:
    """Plain, or with binary weights and inputs; unrolled where its taps ask for that; blurred afterwards."""
    if layer.blur:
        size = layer.sharp.size
        sharp, rest = context.inner_part(0, size), context.inner_part(size)
        before = convolutional_steps(sharp_of(layer), replace(context, out=sharp, inner=rest))
        return [*before, *blur_steps(layer, replace(context, sources=[sharp], inner=rest))]
    steps: list[Step] = []
    if layer.xnor:
        steps, layer, context = binarized(layer, context)
    shares = _channel_shares(layer, context)
    if unrolls(layer):
        before, context = _unrolled(layer, context)
        layer = without_taps(layer)
        steps += before
    return [*steps, *convolution_steps(layer, context), *shares]


def blur_steps(layer: Convolutional | MaxPool, context: LayerContext) -> list[Step]:
    """The blur of ``layer``'s map, from the source into the output."""
    blur = blur_of(layer)
    store = None if context.store is None else context.store.setdefault("blur", {})
    return convolutional_steps(blur, replace(context, arrays=blur_arrays(blur), store=store))


def _unrolled(layer: Convolutional, context: LayerContext) -> tuple[list[Step], LayerContext]:
    """Steps that unroll a layer's input, one for each image; and what the convolution behind them is made from."""
    x, out, images = layer.input, unrolled_shape(layer), context.images
    matrix = context.inner_part(0, out.size)
    steps = [
        context.step(
            unroll, out=matrix[image * images.next_out : image * images.next_out + out.size],
            x=context.x[image * images.next_in : image * images.next_in + x.size], c=x.c, h=x.h, w=x.w, out_h=out.h,
            out_w=out.w, size=layer.size, stride_x=layer.stride_x, stride_y=layer.stride_y, pad=layer.pad,
            dilation=layer.dilation,
        )
        for image in range(images.count)
    ]  # fmt: skip
    return steps, replace(context, sources=[matrix], images=replace(images, next_in=images.next_out))


def _channel_shares(layer: Convolutional, context: LayerContext) -> list[Step]:
    """The activations that look at all channels of a pixel, image by image."""
    if layer.activation not in KINDS:
        return []
    out, images = layer.out, context.images
    return [
        context.step(
            channel_shares, out=context.out[image * images.next_out : image * images.next_out + out.size],
            cells=out.h * out.w, kind=KINDS[layer.activation],
        )
        for image in range(images.count)
    ]  # fmt: skip
