"""``[softmax]``: cross entropy, also over the sibling groups of a WordTree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.softmax import softmax
from ...kernels.train.entropy import softmax_loss
from ..context import Loss, Passes
from ..options import warn_without_effect
from .common import add_below, new_sums

if TYPE_CHECKING:
    from ...layers import Softmax
    from ..context import LayerContext


def softmax_passes(layer: Softmax, context: LayerContext) -> Passes:
    """With a tree, groups without truth (-1234) have neither loss nor deltas: Darknet's CPU code forgets that."""
    warn_without_effect(context.section, ("spatial",))
    size, tree = layer.input.size, context.tree
    if tree is not None:
        offsets, sizes = tree.group_offset.astype(np.int64), tree.group_size.astype(np.int64)
    else:
        part = size // layer.groups
        offsets, sizes = np.arange(layer.groups, dtype=np.int64) * part, np.full(layer.groups, part, np.int64)
    forward = [
        context.step(
            softmax, out=context.out, x=context.x, offsets=offsets, sizes=sizes, parts=context.batch, part_stride=size,
            first=0, cells=1, temperature=np.float32(layer.temperature), tile=context.tile,
        )
    ]  # fmt: skip
    cost, _ = new_sums(0)
    if not context.section.find_int("noloss", 0):
        forward.append(
            context.step(
                softmax_loss, delta=context.own_delta, cost=cost, out=context.out, truth=context.truth,
                masked=tree is not None,
            )
        )  # fmt: skip
    return Passes(forward, add_below(context), loss=Loss(cost))
