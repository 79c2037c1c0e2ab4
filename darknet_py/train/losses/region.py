"""``[region]``: YOLOv2's and YOLO9000's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.activations import CODES, UNTOUCHED, activate_channels
from ...kernels.layers.softmax import softmax
from ...kernels.train import region as kernels
from ..context import Loss, Passes
from .common import add_below, average, new_sums

if TYPE_CHECKING:
    from ...layers import Region
    from ...plan.step import Step
    from ...typing import Floats, Ints
    from ..context import LayerContext

NO_INTS: Ints = np.zeros(0, np.int64)
NO_NODES = np.zeros(0, np.int32)


def region_passes(layer: Region, context: LayerContext) -> Passes:
    """Logistic centres, objectness and (unless softmax or a tree has them) classes; loss and deltas.

    Darknet's CPU code gives the layer below nothing, and its tree softmax reads wrong values: this is what its GPU
    code computes.
    """
    section = context.section
    if layer.coords != 4:
        raise section.error(f"coords={layer.coords} cannot be trained: Darknet reads masks beyond its labels", "coords")
    cells, entries, parts = layer.w * layer.h, 5 + layer.classes, context.batch * layer.n
    cost, sums = new_sums(kernels.SUMS)
    scales = np.array(
        [section.find_float("thresh", 0.5)]
        + [section.find_float(key, 1.0) for key in ("coord_scale", "object_scale", "noobject_scale", "class_scale")]
        + [context.class_objectness], np.float32,
    )  # fmt: skip
    shape = kernels.RegionShape(
        images=context.batch, n=layer.n, w=layer.w, h=layer.h, classes=layer.classes,
        rows=context.truth.size // (5 * context.batch), background=int(layer.background), softmax=int(layer.softmax),
        rescore=int(bool(section.find_int("rescore", 0))), bias_match=int(bool(section.find_int("bias_match", 0))),
    )  # fmt: skip
    tree = context.tree
    nodes = (NO_NODES,) * 3
    if tree is not None:
        nodes = (tree.parent, tree.group_offset[tree.group], tree.group_size[tree.group])
    loss = context.step(
        kernels.region_loss, delta=context.own_delta, cost=cost, sums=sums, out=context.out, truth=context.truth,
        anchors=np.array(layer.biases, np.float32), scales=scales, seen=context.seen,
        classes_map=NO_INTS if context.map is None else context.map, parent=nodes[0], offset=nodes[1], size=nodes[2],
        shape=shape,
    )  # fmt: skip
    gradient = context.step(
        kernels.region_gradient, delta=context.own_delta, out=context.out, parts=parts, entries=entries, cells=cells,
        background=layer.background,
    )  # fmt: skip
    count = cells * layer.n * context.batch
    return Passes(
        [*_activations(layer, context, parts, entries, cells), loss], [gradient, *add_below(context)],
        loss=Loss(cost, lambda: _line(sums, count)),
    )  # fmt: skip


def _activations(layer: Region, context: LayerContext, parts: int, entries: int, cells: int) -> list[Step]:
    """The layer's output, of the anchors of all images."""
    codes = np.full((parts, entries), CODES["linear"], np.int64)
    codes[:, :2] = CODES["logistic"]
    if not layer.background:
        codes[:, 4] = CODES["logistic"]
    first, groups = 5, None
    if context.tree is not None:
        groups = context.tree.group_offset.astype(np.int64), context.tree.group_size.astype(np.int64)
    elif layer.softmax:
        first = 4 + int(not layer.background)
        groups = np.zeros(1, np.int64), np.array([layer.classes + layer.background], np.int64)
    codes[:, first:] = UNTOUCHED if groups else CODES["logistic"]
    steps = [
        context.step(
            activate_channels, out=context.out, x=context.x, codes=codes.reshape(-1), cells=cells, tile=context.tile
        )
    ]
    if groups:
        steps.append(
            context.step(
                softmax, out=context.out, x=context.x, offsets=groups[0], sizes=groups[1], parts=parts,
                part_stride=entries * cells, first=first * cells, cells=cells, temperature=np.float32(1),
                tile=context.tile,
            )
        )  # fmt: skip
    return steps


def _line(sums: Floats, values: int) -> str:
    count, class_count = float(sums[kernels.COUNT]), float(sums[kernels.CLASS_COUNT])
    return (
        f"Region Avg IOU: {average(sums[kernels.IOU], count)}, Class: {average(sums[kernels.CLASS], class_count)}, "
        f"Obj: {average(sums[kernels.OBJECT], count)}, No Obj: {average(sums[kernels.ANY_OBJECT], values)}, "
        f"Avg Recall: {average(sums[kernels.RECALL], count)},  count: {int(count)}"
    )
