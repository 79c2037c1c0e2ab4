"""Layers that move values: ``[route] [reorg] [upsample] [crop] [dropout]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers import rearrange
from ...kernels.train import moves
from ..context import Passes
from ..options import warn_without_effect

if TYPE_CHECKING:
    from ...layers import Crop, Dropout, Reorg, Route, Upsample
    from ...plan.step import Step
    from ...typing import Floats
    from ..context import LayerContext
    from ..random import GlibcRandom


def route_passes(layer: Route, context: LayerContext) -> Passes:
    """The sources one behind the other, of each image; deltas are added, source by source."""
    passes, first, pitch = Passes(), 0, layer.out.size
    for source, below in zip(context.sources, context.source_deltas, strict=True):
        size = source.size // context.batch
        sizes = {"parts": context.batch, "size": size}
        passes.forward.append(
            context.step(moves.copy_parts, out=context.out[first:], x=source, next_out=pitch, next_x=size, **sizes)
        )
        if below is not None:
            passes.backward.append(
                context.step(
                    moves.add_scaled, out=below, x=context.own_delta[first:], next_out=size, next_x=pitch,
                    factor=moves.ONE, **sizes,
                )
            )  # fmt: skip
        first += size
    return passes


def lost_gradients(context: LayerContext, name: str) -> None:
    """Warn where a layer overwrites the deltas that others have put into its input, as it does in Darknet."""
    if context.shared and context.below is not None:
        context.section.warn(
            f"[{name}] overwrites the deltas of its input, as in Darknet: what the other layers that read it give back "
            f"is lost; put a [route] with layers=-1 before this [{name}], and they are added", "name",
        )  # fmt: skip


def reorg_passes(layer: Reorg, context: LayerContext) -> Passes:
    """The inverse permutation. It overwrites the deltas below."""
    lost_gradients(context, "reorg")
    passes = Passes()
    for image in range(context.batch):
        x, out = context.image(context.x, image), context.image(context.out, image)
        passes.forward += _reordered(layer, context, out, x, False)
        if context.below is not None:
            below, delta = context.image(context.below, image), context.image(context.own_delta, image)
            passes.backward += _reordered(layer, context, below, delta, True)
    return passes


def _reordered(layer: Reorg, context: LayerContext, out: Floats, x: Floats, back: bool) -> list[Step]:
    """One image's values in their new order, or back."""
    shape = layer.input
    if layer.flatten:
        forward = layer.reverse == back
        return [context.step(rearrange.flatten, out=out, x=x, channels=shape.c, cells=shape.h * shape.w,
                             forward=forward)]  # fmt: skip
    if layer.extra:
        return [context.step(rearrange.copy, out=out[: shape.size], x=x[: shape.size])]
    return [
        context.step(
            rearrange.reorg, out=out, x=x, c=shape.c, h=shape.h, w=shape.w, stride=layer.stride,
            reverse=layer.reverse != back,
        )
    ]  # fmt: skip


def upsample_passes(layer: Upsample, context: LayerContext) -> Passes:
    """Deltas of a block are added; with ``reverse`` each pixel of a block gets its delta, overwritten."""
    small, scale = layer.out if layer.reverse else layer.input, np.float32(layer.scale)
    sizes = {"h": small.h, "w": small.w, "stride": layer.stride, "scale": scale}
    channels = context.batch * small.c
    kernel = rearrange.downsample if layer.reverse else rearrange.upsample
    passes = Passes([context.step(kernel, out=context.out, x=context.x, channels=channels, **sizes)])
    if context.below is None:
        return passes
    if layer.reverse:
        lost_gradients(context, "upsample")
        back = context.step(rearrange.upsample, out=context.below, x=context.own_delta, channels=channels, **sizes)
    else:
        back = context.step(
            moves.upsample_gradient, below=context.below, delta=context.own_delta, images=context.batch, c=small.c,
            **sizes,
        )  # fmt: skip
    passes.backward.append(back)
    return passes


def crop_passes(layer: Crop, context: LayerContext) -> Passes:
    """One window for all images of a call, mirrored or not; there is no way back."""
    section, x, out = context.section, layer.input, layer.out
    warn_without_effect(section, ("angle", "saturation", "exposure", "shift"))
    flips = bool(section.find_int("flip", 0))
    place = np.zeros(3, np.int64)

    def draw(random: GlibcRandom, seen: int) -> None:
        place[0] = random.rand() % 2 if flips else 0
        place[1] = random.rand() % (x.h - out.h + 1)
        place[2] = random.rand() % (x.w - out.w + 1)

    scale, shift = (1, 0) if layer.noadjust else (2, -1)
    step = context.step(
        moves.crop_at, out=context.out, x=context.x, place=place, images=context.batch, c=x.c, h=x.h, w=x.w,
        out_h=out.h, out_w=out.w, scale=np.float32(scale), shift=np.float32(shift),
    )  # fmt: skip
    return Passes([step], draw=draw)


def dropout_passes(layer: Dropout, context: LayerContext) -> Passes:
    """Values of the layer before are set to 0, in place, and so are their deltas."""
    probability = np.float32(layer.probability)
    if not 0 <= probability < 1:
        raise context.section.error(f"probability={layer.probability:g} must be from 0 to below 1", "probability")
    draws = np.zeros(context.out.size, np.float32)
    options = {
        "draws": draws, "probability": probability, "scale": np.float32(1.0 / (1.0 - float(probability))),
    }  # fmt: skip
    passes = Passes(
        [context.step(moves.drop, values=context.out, **options)],
        draw=lambda random, seen: random.uniforms(draws, 0, 1),
    )
    if context.delta is not None:
        passes.backward.append(context.step(moves.drop, values=context.delta, **options))
    return passes
