"""Layers that move values about -> steps: reorg, route, upsample, crop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers import rearrange
from ..regions import address_of
from ..step import Step

if TYPE_CHECKING:
    from ...layers import Crop, History, Implicit, Reorg, Reorg3d, Route, Upsample
    from ...typing import Floats
    from ..context import LayerContext


def copy_step(out: Floats, x: Floats) -> Step:
    """A step that copies ``x``."""
    return Step.of(rearrange.copy, out=out, x=x)


def reorg_steps(layer: Reorg, context: LayerContext) -> list[Step]:
    """Pixels to channels or back, channels to the end or back, or zeros behind the input."""
    x, out = layer.input, context.out
    if layer.flatten:
        return [
            context.step(
                rearrange.flatten, out=out, x=context.x, channels=x.c, cells=x.h * x.w, forward=not layer.reverse
            )
        ]
    if layer.extra:
        return _with_zeros(context, x.size)
    return [
        context.step(
            rearrange.reorg, out=out, x=context.x, c=x.c, h=x.h, w=x.w, stride=layer.stride, reverse=layer.reverse
        )
    ]


def route_steps(layer: Route, context: LayerContext) -> list[Step]:
    """The sources one behind the other, or the same part of each; what lies where it belongs is not copied."""
    if len(context.sources) == 1:
        return []
    steps, first = [], 0
    for source in context.sources:
        size = source.size // layer.groups
        start = layer.group_id * size
        part = context.out[first : first + size]
        if address_of(part) != address_of(source):
            steps.append(copy_step(part, source[start : start + size]))
        first += size
    return steps


def reorg3d_steps(layer: Reorg3d, context: LayerContext) -> list[Step]:
    """What `reorg` computes with the shape of the output in both directions: space to depth, unless reversed."""
    small = layer.out
    return [
        context.step(
            rearrange.reorg, out=context.out, x=context.x, c=small.c, h=small.h, w=small.w, stride=layer.stride,
            reverse=layer.reverse,
        )
    ]  # fmt: skip


def implicit_steps(layer: Implicit, context: LayerContext) -> list[Step]:
    """A copy of the stored values."""
    return [copy_step(context.out, np.array(context.arrays["weights"], np.float32).reshape(-1))]


def history_steps(layer: History, context: LayerContext) -> list[Step]:
    """The input, then zeros."""
    return _with_zeros(context, layer.input.size)


def _with_zeros(context: LayerContext, size: int) -> list[Step]:
    """The input's ``size`` values, then zeros to the end of the output."""
    steps = [copy_step(context.out[:size], context.x)]
    if context.out.size > size:
        steps.append(context.step(rearrange.fill, out=context.out[size:], value=np.float32(0)))
    return steps


def upsample_steps(layer: Upsample, context: LayerContext) -> list[Step]:
    """Up, or down with ``reverse``."""
    small = layer.out if layer.reverse else layer.input
    # Of sides that the stride does not divide Darknet reads the beginning, as if rows were shorter.
    x = context.x[: layer.beginning(0)]
    return [
        context.step(
            rearrange.downsample if layer.reverse else rearrange.upsample, out=context.out, x=x,
            channels=small.c, h=small.h, w=small.w, stride=layer.stride, scale=np.float32(layer.scale),
        )
    ]  # fmt: skip


def crop_steps(layer: Crop, context: LayerContext) -> list[Step]:
    """The middle, from 0 .. 1 to -1 .. 1 unless ``noadjust``."""
    x, out = layer.input, layer.out
    scale, shift = (1, 0) if layer.noadjust else (2, -1)
    return [
        context.step(
            rearrange.crop, out=context.out, x=context.x, channels=x.c, h=x.h, w=x.w, out_h=out.h, out_w=out.w,
            scale=np.float32(scale), shift=np.float32(shift),
        )
    ]  # fmt: skip
