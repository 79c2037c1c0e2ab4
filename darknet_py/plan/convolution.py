"""A convolutional layer -> a step: packed weights, and how the work is cut for this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernels.conv.cut import ConvShape, Cut
from ..kernels.conv.epilogue import Finish
from ..kernels.conv.pack import pack_weights
from .coefficients import coefficients
from .conv_cut import cut_work, offsets
from .depthwise import depthwise_step, goes_by_channel
from .memory import aligned_floats, frozen
from .step import Step
from .winograd import choose_transform, pack_tiles, winograd_steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..kernels.conv.winograd_code import Winograd
    from ..kernels.vector.tile import Tile
    from ..layers import Convolutional
    from ..typing import Floats
    from .context import LayerContext

    Chooser = Callable[[ConvShape, int, Tile], Winograd | None]


def convolution_steps(layer: Convolutional, context: LayerContext, choose: Chooser = choose_transform) -> list[Step]:
    """The steps that compute ``layer`` for some images; packs its weights, which are not needed afterwards.

    Args:
        layer: the layer.
        context: its buffers: the input, (c, h, w) flat, and the output, (n, out_h, out_w) flat, of each image.
        choose: gives the transform with which it is computed if the profile allows that, if with any.

    Raises:
        ValueError: a buffer, or the weights, have another size than the layer says.
    """
    shape, profile = conv_shape(layer), context.profile
    _check_buffers(layer, context)
    tile, normalize, arrays = profile.tile(context.tile), layer.batch_normalize, context.arrays
    if normalize and profile.folds_normalization(context.part):
        normalize, arrays = False, arrays if context.dry else profile.fold(arrays)
    multiplied = profile.multiplied_pixels(layer.out_h * layer.out_w) if normalize else None
    deviations = profile.deviations(arrays["rolling_variance"]) if normalize else None
    singles, doubles = coefficients(arrays, deviations, tile)
    finish = Finish(
        normalize=int(normalize), code=profile.activation_code(layer.activation, fused=True),
        divided=0 if multiplied is None else multiplied + 1, pitch=singles.shape[1],
    )  # fmt: skip
    if goes_by_channel(shape, finish, context):
        return [depthwise_step(shape, arrays["weights"], (singles, doubles), finish, tile, context)]
    transform = choose(shape, context.threads, tile) if profile.transforms else None
    if transform:
        packed = context.stored(transform, lambda: pack_tiles(arrays["weights"], transform, shape, tile, context))
        operands = {
            "weights": packed, "singles": singles.reshape(-1), "doubles": doubles.reshape(-1), "finish": finish
        }  # fmt: skip
        return winograd_steps(transform, shape, operands, tile, context)
    pooled = (context.pool.out.h, context.pool.out.w) if context.pool else (0, 0)
    cut, tasks, pieces = cut_work(shape, tile, context.threads, pooled, context.images)
    key = cut.block, cut.channels * shape.size**2  # also of layers that share weights, unrolled or not
    packed = context.stored(key, lambda: pack(arrays["weights"], shape, cut, context))
    return [
        context.step(
            profile.numbers.kernels.convolution, out=context.out, source=context.x, weights=packed,
            singles=singles.reshape(-1), doubles=doubles.reshape(-1), tasks=tasks.reshape(-1), pieces=pieces,
            offsets=offsets(shape, cut), shape=shape, cut=cut, finish=finish, tile=tile,
        )
    ]  # fmt: skip


def _check_buffers(layer: Convolutional, context: LayerContext) -> None:
    images, last = context.images, context.images.count - 1
    wanted = context.pool.out.size if context.pool else layer.n * layer.out_h * layer.out_w
    found = context.x.size, context.out.size
    if found != (last * images.next_in + layer.c * layer.h * layer.w, last * images.next_out + wanted):
        raise ValueError(f"{found[0]} inputs and {found[1]} outputs are not those of {layer}")


def conv_shape(layer: Convolutional) -> ConvShape:
    """The kernel's view of a layer.

    A 1x1 convolution without padding reads its input as if it had the output's shape (Darknet takes the input itself
    for the unrolled matrix): its channels are then ``out_h * out_w`` apart, and ``stride`` skips nothing. Its rows are
    one long row.
    """
    c, n = layer.c // layer.groups, layer.n // layer.groups
    group = c * layer.h * layer.w
    if layer.size == 1:
        plane = layer.out_h * layer.out_w
        return ConvShape(
            c=c, h=1, w=plane, n=n, groups=layer.groups, size=1, stride=1, pad=0, out_h=1, out_w=plane, plane=plane,
            group=group,
        )  # fmt: skip
    return ConvShape(
        c=c, h=layer.h, w=layer.w, n=n, groups=layer.groups, size=layer.size, stride=layer.stride, pad=layer.pad,
        out_h=layer.out_h, out_w=layer.out_w, plane=layer.h * layer.w, group=group,
    )  # fmt: skip


def pack(weights: Floats, shape: ConvShape, cut: Cut, context: LayerContext) -> Floats:
    """The weights in the kernel's order."""
    taps = shape.size**2
    out = aligned_floats(shape.groups * -(-shape.n // cut.block) * cut.block * shape.c * taps)
    flat = frozen(weights)
    if flat.size != shape.groups * shape.n * shape.c * taps:
        raise ValueError(f"{flat.size} weights are not those of {shape}")
    context.prepare(
        Step.of(
            pack_weights, packed=out, weights=flat, filters=shape.n, depth=shape.c * taps,
            part=cut.channels * taps, rows=cut.block, tile=context.tile,
        )
    )  # fmt: skip
    return out
