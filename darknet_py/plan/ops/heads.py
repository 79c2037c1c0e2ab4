"""Heads and softmax -> steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...kernels.layers.activations import CODES, UNTOUCHED, activate_channels
from ...kernels.layers.heads import flatten_activated, scale_channels_in_place
from .moves import copy_step

if TYPE_CHECKING:
    from ...formats.tree import Tree
    from ...layers import Detection, GaussianYolo, Iseg, Region, Softmax, Yolo
    from ...typing import Ints
    from ..context import LayerContext
    from ..step import Step

    Groups = tuple[Ints, Ints]
    """First channel and number of channels of each group."""


def softmax_steps(layer: Softmax, context: LayerContext) -> list[Step]:
    """Over a tree's groups, or equal ones."""
    size = layer.input.size
    groups = _tree_groups(context.tree) if context.tree else _equal_groups(layer.groups, size // layer.groups)
    return [_softmax(context, groups, temperature=layer.temperature)]


def region_steps(layer: Region, context: LayerContext) -> list[Step]:
    """Activations channel by channel, then softmax over the classes."""
    if layer.flat:
        return _flat_region_steps(layer, context)
    cells, entries = layer.w * layer.h, layer.coords + 1 + layer.classes
    codes = np.full((layer.n, entries), CODES["linear"], np.int64)
    codes[:, :2] = CODES["logistic"]
    if not layer.background:
        codes[:, layer.coords] = CODES["logistic"]
    first, groups = layer.coords + 1, None
    if context.tree:
        # Darknet's CPU code takes a tree's softmax at wrong places; this is what its GPU code computes.
        groups = _tree_groups(context.tree)
    elif layer.softmax:
        first = layer.coords + int(not layer.background)
        groups = _equal_groups(1, layer.classes + layer.background)
    codes[:, first:] = UNTOUCHED if groups else CODES["logistic"]
    activated = _activate(context, codes, cells)
    if not groups:
        return [activated]
    return [activated, _softmax(context, groups, layer.n, entries * cells, first * cells, cells)]


def _flat_region_steps(layer: Region, context: LayerContext) -> list[Step]:
    """Values of a cell side by side; objectness through the logistic function, classes through softmax if asked for."""
    cells, entries = layer.w * layer.h, layer.coords + 1 + layer.classes
    codes = np.full((layer.n, entries), CODES["linear"], np.int64)
    codes[:, layer.coords] = context.profile.activation_code("logistic")
    flat = context.step(flatten_activated, out=context.out, x=context.x, codes=codes.reshape(-1), cells=cells)
    if context.tree:
        groups = _tree_groups(context.tree)
    elif layer.softmax:
        groups = _equal_groups(1, layer.classes)
    else:
        return [flat]
    flattened = replace(context, sources=[context.out])
    return [flat, _softmax(flattened, groups, layer.n * cells, entries, layer.coords + 1)]


def yolo_steps(layer: Yolo, context: LayerContext) -> list[Step]:
    """All but widths and heights through the logistic function, unless the layer before did that; centres scaled."""
    linear = CODES["linear"]
    logistic = linear if layer.new_coords else context.profile.activation_code("logistic")
    codes = np.full((layer.n, 5 + layer.classes), logistic, np.int64)
    codes[:, 2:4] = linear
    return [_activate(context, codes, layer.w * layer.h), *_scale_centres(layer, context, codes, 1)]


def gaussian_yolo_steps(layer: GaussianYolo, context: LayerContext) -> list[Step]:
    """All but widths and heights, without their uncertainties, through the logistic function; centres scaled."""
    codes = np.full((layer.n, 9 + layer.classes), context.profile.activation_code("logistic"), np.int64)
    codes[:, 4:8:2] = CODES["linear"]
    return [_activate(context, codes, layer.w * layer.h), *_scale_centres(layer, context, codes, 2)]


def _scale_centres(layer: Yolo | GaussianYolo, context: LayerContext, codes: Ints, distance: int) -> list[Step]:
    """Centres may leave their cells: x * scale - (scale - 1) / 2. ``distance``: from the channel of x to that of y."""
    if layer.scale_x_y == 1:
        return []
    scale = np.float32(layer.scale_x_y)
    shift = np.float32(-0.5 * np.float64(scale - np.float32(1)))
    first = np.arange(layer.n, dtype=np.int64) * codes.shape[1]
    return [
        context.step(
            scale_channels_in_place, out=context.out, rows=np.concatenate([first, first + distance]),
            cells=layer.w * layer.h, scale=scale, shift=shift,
        )
    ]  # fmt: skip


def iseg_steps(layer: Iseg, context: LayerContext) -> list[Step]:
    """Classes through the logistic function, ids as they are."""
    codes = np.array([CODES["logistic"]] * layer.classes + [CODES["linear"]] * layer.ids, np.int64)
    return [_activate(context, codes, layer.out.h * layer.out.w)]


def detection_steps(layer: Detection, context: LayerContext) -> list[Step]:
    """A copy; softmax over the classes of each cell if asked for."""
    steps = [copy_step(context.out, context.x)]
    if layer.softmax:
        steps.append(_softmax(context, _equal_groups(layer.side * layer.side, layer.classes), 1, layer.out.size))
    return steps


def _activate(context: LayerContext, codes: Ints, cells: int) -> Step:
    return context.step(
        activate_channels, out=context.out, x=context.x, codes=codes.reshape(-1), cells=cells, tile=context.tile
    )


def _softmax(
    context: LayerContext, groups: Groups, parts: int = 1, part_stride: int = 0, first: int = 0, cells: int = 1,
    temperature: float = 1.0,
) -> Step:  # fmt: skip
    kernel = context.profile.softmax
    tile = {"tile": context.profile.tile(context.tile)} if "tile" in kernel.work.names else {}
    offsets, sizes = groups
    return context.step(
        kernel, out=context.out, x=context.x, offsets=offsets, sizes=sizes, parts=parts, part_stride=part_stride,
        first=first, cells=cells, temperature=np.float32(temperature), **tile,
    )  # fmt: skip


def _tree_groups(tree: Tree) -> Groups:
    return tree.group_offset.astype(np.int64), tree.group_size.astype(np.int64)


def _equal_groups(count: int, size: int) -> Groups:
    return np.arange(count, dtype=np.int64) * size, np.full(count, size, np.int64)
