"""``[yolo]``: YOLOv3's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.activations import CODES, activate_channels
from ...kernels.train import yolo as kernels
from ..context import Loss, Passes
from .common import add_below, average, new_sums
from .region import NO_INTS

if TYPE_CHECKING:
    from ...layers import Yolo
    from ...typing import Floats
    from ..context import LayerContext


def yolo_passes(layer: Yolo, context: LayerContext) -> Passes:
    """All but widths and heights through the logistic function; loss and deltas, which go down as they are."""
    section, cells = context.section, layer.w * layer.h
    codes = np.full((context.batch * layer.n, 5 + layer.classes), CODES["logistic"], np.int64)
    codes[:, 2:4] = CODES["linear"]
    cost, sums = new_sums(kernels.SUMS)
    thresholds = [section.find_float("ignore_thresh", 0.5), section.find_float("truth_thresh", 1.0)]
    shape = kernels.YoloShape(
        images=context.batch, n=layer.n, w=layer.w, h=layer.h, classes=layer.classes, total=layer.total,
        net_w=context.net.w, net_h=context.net.h, rows=context.truth.size // (5 * context.batch),
    )  # fmt: skip
    forward = [
        context.step(
            activate_channels, out=context.out, x=context.x, codes=codes.reshape(-1), cells=cells, tile=context.tile
        ),
        context.step(
            kernels.yolo_loss, delta=context.own_delta, cost=cost, sums=sums, out=context.out, truth=context.truth,
            anchors=np.array(layer.biases, np.float32), mask=np.array(layer.mask, np.int64),
            thresholds=np.array(thresholds, np.float32),
            classes_map=NO_INTS if context.map is None else context.map, shape=shape,
        ),
    ]  # fmt: skip
    count = cells * layer.n * context.batch
    return Passes(forward, add_below(context), loss=Loss(cost, lambda: _line(layer.index, sums, count)))


def _line(index: int, sums: Floats, values: int) -> str:
    count = float(sums[kernels.COUNT])
    iou, classes, objects, recall, recall75 = (
        average(sums[k], count) for k in (kernels.IOU, kernels.CLASS, kernels.OBJECT, kernels.RECALL, kernels.RECALL75)
    )
    return (
        f"Region {index} Avg IOU: {iou}, Class: {classes}, Obj: {objects}, "
        f"No Obj: {average(sums[kernels.ANY_OBJECT], values)}, .5R: {recall}, .75R: {recall75},  count: {int(count)}"
    )
