"""``[detection]``: YOLOv1's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.rearrange import copy
from ...kernels.layers.softmax import softmax
from ...kernels.train import detection as kernels
from ..context import Loss, Passes
from ..options import warn_without_effect
from .common import add_below, average, new_sums

if TYPE_CHECKING:
    from ...layers import Detection
    from ...typing import Floats
    from ..context import LayerContext
    from ..random import GlibcRandom


def detection_passes(layer: Detection, context: LayerContext) -> Passes:
    """A copy, with softmax over the classes of each cell if asked for; loss and deltas."""
    section, cells = context.section, layer.side**2
    forced, drawn_ones = bool(section.find_int("forced", 0)), bool(section.find_int("random", 0))
    if forced and layer.n < 2:
        raise section.error("forced=1 takes the second predictor for small boxes, but num=1", "forced")
    warn_without_effect(section, ("reorg",))
    forward = [context.step(copy, out=context.out, x=context.x)]
    if layer.softmax:
        forward.append(
            context.step(
                softmax, out=context.out, x=context.x, offsets=np.arange(cells, dtype=np.int64) * layer.classes,
                sizes=np.full(cells, layer.classes, np.int64), parts=context.batch, part_stride=layer.out.size, first=0,
                cells=1, temperature=np.float32(1), tile=context.tile,
            )
        )  # fmt: skip
    cost, sums = new_sums(kernels.SUMS)
    keys = ("coord_scale", "object_scale", "noobject_scale", "class_scale")
    drawn = np.full(context.batch * cells, -1, np.int64)
    forward.append(
        context.step(
            kernels.detection_loss, delta=context.own_delta, cost=cost, sums=sums, out=context.out, truth=context.truth,
            scales=np.array([section.find_float(key, 1.0) for key in keys], np.float32), drawn=drawn,
            shape=kernels.DetectionShape(
                images=context.batch, cells=cells, n=layer.n, classes=layer.classes, side=layer.side,
                sqrt=int(layer.sqrt), rescore=int(bool(section.find_int("rescore", 0))), forced=int(forced),
            ),
        )
    )  # fmt: skip

    def draw(random: GlibcRandom, seen: int) -> None:
        """One number for each cell with an object, while few images have been seen."""
        known = context.truth.reshape(context.batch * cells, 5 + layer.classes)[:, 0].astype(np.int64) != 0
        drawn[:] = -1
        if seen < kernels.RANDOM_UNTIL:
            drawn[known] = random.draw(int(known.sum())) % layer.n

    facts = layer.classes, context.batch * cells * layer.n
    return Passes(
        forward, add_below(context), draw=draw if drawn_ones else None, loss=Loss(cost, lambda: _line(sums, *facts))
    )


def _line(sums: Floats, classes: int, values: int) -> str:
    count = float(sums[kernels.COUNT])
    return (
        f"Detection Avg IOU: {average(sums[kernels.IOU], count)}, Pos Cat: {average(sums[kernels.CLASS], count)}, "
        f"All Cat: {average(sums[kernels.ALL_CLASSES], count * classes)}, "
        f"Pos Obj: {average(sums[kernels.OBJECT], count)}, Any Obj: {average(sums[kernels.ANY_OBJECT], values)}, "
        f"count: {int(count)}"
    )
