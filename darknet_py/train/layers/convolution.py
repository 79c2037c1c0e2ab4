"""``[convolutional]``: both backward products go through the forward micro-kernels (``backward_convolutional_layer``).

* Weights: for each image, deltas (filters x cells) times what the cells see (cells x taps); one addition of each sum
  into the updates: see `kernels.train.weights`.
* Inputs: weights (taps x filters) times deltas (filters x cells) gives the columns, whose taps are added to the pixels
  that they see, tap by tap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.conv.cut import ConvShape
from ...kernels.conv.multiply import AHEAD
from ...kernels.layers.activations import CODES
from ...kernels.train import columns, inputs, moves
from ...kernels.train.weights import weight_gradient
from ...plan.conv_cut import Images
from ...plan.convolution import conv_shape
from ...plan.memory import aligned_floats
from ..context import Passes
from .batchnorm import normalized_passes
from .product import Filtering, Product, convolution_of, matrix_shape
from .share import panel_offsets, rows_of_bands, share_weights

if TYPE_CHECKING:
    from ...kernels.vector.tile import Tile
    from ...layers import Convolutional
    from ...plan.step import Step
    from ...typing import Floats
    from ..context import LayerContext


def _facts(layer: Convolutional) -> tuple[ConvShape, int, int]:
    """The kernel's view of a layer, the taps of a filter, and the cells of its output."""
    shape = conv_shape(layer)
    return shape, shape.c * shape.size**2, layer.out_h * layer.out_w


def convolutional_room(layer: Convolutional, batch: int, tile: Tile, threads: int) -> int:
    """Values of shared memory that the backward pass needs: an image's columns, or each image's part of the updates."""
    shape, taps, cells = _facts(layer)
    share = share_weights(shape, batch, tile, threads)
    return max(shape.groups * taps * cells, 0 if share.adds else batch * layer.n * taps)


def convolutional_passes(layer: Convolutional, context: LayerContext) -> Passes:
    """Forward as in inference, without what follows the sums where that is batch normalisation."""
    if layer.xnor:
        raise context.section.error("xnor=1 cannot be trained on a CPU: Darknet's code is for inference", "xnor")
    for key in ("binary", "dot"):
        if context.section.has(key) and context.section.find_float(key, 0):
            raise context.section.error(f"{key} cannot be trained: only Darknet's GPU code has it", key)
    raw = aligned_floats(context.out.size) if layer.batch_normalize else context.out
    passes = normalized_passes(layer, context, raw, layer.n)
    images = Images(context.batch, layer.input.size, layer.out.size)
    code = 0 if layer.batch_normalize else CODES[layer.activation]
    forward = convolution_of(conv_shape(layer), context.profile, context.tile, context.threads, images, code)
    packed = forward.new_packed()
    weights = context.arrays["weights"]
    passes.repack.append(forward.pack(packed, weights))
    if not layer.batch_normalize:
        passes.repack.append(_copy(context, forward.biases, context.arrays["biases"]))
    passes.forward = forward.multiply(raw, packed, context.x) + passes.forward
    by_inputs = _input_gradient(layer, context, passes)
    passes.backward += _weight_gradient(layer, context)
    if by_inputs is not None:
        for image in range(context.batch):
            passes.backward += by_inputs.steps(image)
        passes.backward += by_inputs.steps_of_all()
    return passes


def _copy(context: LayerContext, out: Floats, x: Floats) -> Step:
    return context.step(moves.copy_parts, out=out, x=x, parts=1, size=x.size, next_out=x.size, next_x=x.size)


def _weight_gradient(layer: Convolutional, context: LayerContext) -> list[Step]:
    """The updates of the weights."""
    shape, taps, _ = _facts(layer)
    batch, updates = context.batch, context.updates["weights"]
    tile = context.profile.tile(context.tile)
    share = share_weights(shape, batch, tile, context.threads)
    out = updates if share.adds else context.room[: batch * layer.n * taps]
    step = context.step(
        weight_gradient, out=out, x=context.x, delta=context.own_delta, offsets=panel_offsets(share, tile),
        images=batch, shape=shape, share=share, tile=tile,
    )  # fmt: skip
    return [step] if share.adds else [step, context.step(moves.sum_parts, out=updates, x=out, parts=batch)]


def _input_gradient(
    layer: Convolutional, context: LayerContext, passes: Passes
) -> _InputGradient | _WideInputGradient | _TurnedFilters | None:
    """How the deltas of the input are computed, if there are any. ``passes`` gets the steps that pack the weights."""
    if context.below is None:
        return None
    turned = _TurnedFilters.of(layer, context, passes) if context.profile.transforms and not context.shared else None
    return turned or _WideInputGradient.of(layer, context, passes) or _InputGradient(layer, context, passes)


class _WideInputGradient:
    """The deltas of the input of a convolution of stride 1, whose maps are wide: see `kernels.train.inputs`."""

    def __init__(self, layer: Convolutional, rows: int, context: LayerContext, passes: Passes) -> None:
        assert context.below is not None
        shape, taps, _ = _facts(layer)
        tile = context.profile.tile(context.tile)
        packed = aligned_floats(-(-shape.c // tile.rows) * tile.rows * taps // shape.c * shape.n)
        passes.repack.append(
            context.step(
                inputs.pack_taps, packed=packed, weights=context.arrays["weights"], n=shape.n, c=shape.c,
                taps=shape.size**2, rows=tile.rows,
            )
        )  # fmt: skip
        plane = (rows + shape.size - 1) * inputs.window_row(shape, tile)
        offsets = np.append(np.arange(shape.n) * plane, np.zeros(AHEAD)).astype(np.int64)
        self._step = context.step(
            inputs.input_gradient, out=context.below, delta=context.own_delta, weights=packed, offsets=offsets,
            images=context.batch, shape=shape, rows=rows, tile=tile,
        )  # fmt: skip

    @classmethod
    def of(cls, layer: Convolutional, context: LayerContext, passes: Passes) -> _WideInputGradient | None:
        """None, if it is no such convolution."""
        rows = rows_of_bands(_facts(layer)[0], context.profile.tile(context.tile))
        return cls(layer, rows, context, passes) if rows else None

    def steps(self, image: int) -> list[Step]:
        """Nothing: all images go together."""
        return []

    def steps_of_all(self) -> list[Step]:
        """The deltas of all images."""
        return [self._step]


class _TurnedFilters:
    """The deltas of the input of a 3x3 convolution of stride 1: those of its output through its filters, turned round.

    Not Darknet's order of sums: for arithmetics that do not keep it.
    """

    def __init__(self, filtering: Filtering, layer: Convolutional, context: LayerContext, passes: Passes) -> None:
        assert context.below is not None
        weights = context.arrays["weights"]
        turned, packed = aligned_floats(weights.size), filtering.new_packed()
        passes.repack += [
            context.step(columns.turn_filters, out=turned, weights=weights, n=layer.n, c=layer.c, taps=layer.size**2),
            filtering.pack(packed, turned),
        ]
        self._steps = filtering.multiply(context.below, packed, context.own_delta)

    @classmethod
    def of(cls, layer: Convolutional, context: LayerContext, passes: Passes) -> _TurnedFilters | None:
        """None, if there is no quick way to filter."""
        shape, out = layer.input, layer.out
        pad = layer.size - 1 - layer.pad
        if layer.groups > 1 or pad < 0:
            return None
        turned = ConvShape(
            c=layer.n, h=out.h, w=out.w, n=shape.c, groups=1, size=layer.size, stride=layer.stride, pad=pad,
            out_h=shape.h, out_w=shape.w, plane=out.h * out.w, group=out.size,
        )  # fmt: skip
        images = Images(context.batch, out.size, shape.size)
        way = convolution_of(turned, context.profile, context.tile, context.threads, images, 0)
        return cls(way, layer, context, passes) if isinstance(way, Filtering) else None

    def steps(self, image: int) -> list[Step]:
        """Nothing: all images go together."""
        return []

    def steps_of_all(self) -> list[Step]:
        """The deltas of all images."""
        return self._steps


class _InputGradient:
    """The deltas of a layer's input: image by image through the columns, or, of a 1x1 convolution, at once.

    ``passes`` gets the steps that pack the weights for it.
    """

    def __init__(self, layer: Convolutional, context: LayerContext, passes: Passes) -> None:
        assert context.below is not None
        self.context, self.below = context, context.below
        self.shape, taps, self.cells = _facts(layer)
        shape = self.shape
        self.size = shape.groups * taps * self.cells
        self.direct = shape.size == 1 and layer.stride == 1 and (not context.shared or context.overwrites)
        images = Images(context.batch, layer.out.size, layer.input.size) if self.direct else Images(1, 0, 0)
        self.product = Product.of(
            matrix_shape(taps, shape.n, self.cells, shape.groups), context.profile, context.tile, context.threads,
            images,
        )  # fmt: skip
        self.packed = self.product.new_packed()
        passes.repack.append(self.product.pack_turned(self.packed, context.arrays["weights"]))

    def steps_of_all(self) -> list[Step]:
        """The deltas of all images, written where they belong."""
        return self.product.multiply(self.below, self.packed, self.context.own_delta) if self.direct else []

    def steps(self, image: int) -> list[Step]:
        """The deltas of one image's input."""
        if self.direct:
            return []
        context, shape = self.context, self.shape
        result = context.room[: self.size]
        multiply = self.product.multiply(result, self.packed, context.image(context.own_delta, image))
        below = context.image(self.below, image)
        if shape.size > 1:
            fold = context.step(
                columns.fold_columns, out=below, columns=result, shape=shape, tap_step=self.cells, cell_step=1
            )
            return [*multiply, fold]
        group = self.size // shape.groups
        move = context.step(
            moves.copy_parts if context.overwrites else moves.add_scaled, out=below, x=result, parts=shape.groups,
            size=group, next_out=shape.group, next_x=group,
            **({} if context.overwrites else {"factor": moves.ONE}),
        )  # fmt: skip
        return [*multiply, move]
