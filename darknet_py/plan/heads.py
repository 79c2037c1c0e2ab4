"""Heads and softmax -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import layers
from ..kernels import softmax
from ..kernels.activations import CODES, UNTOUCHED, activate_channels
from .step import Step
from .steps import copy_step, make_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..formats.tree import Tree
    from .steps import Bench, Floats


def _softmax(
    bench: Bench, x: Floats, groups: tuple[NDArray[np.int64], NDArray[np.int64]], parts: int, part_stride: int,
    first: int, cells: int, temperature: float,
) -> Step:  # fmt: skip
    scratch = np.zeros(bench.threads * 6 * softmax.BLOCK, np.float32)
    args = (bench.out, x, *groups, parts, part_stride, first, cells, np.float32(temperature), scratch)
    tasks = parts * -(-cells // softmax.BLOCK)
    if bench.profile.make:
        from ..kernels.softmax_make import softmax_make

        return Step(softmax_make, args, tasks, temporary={9: "scratch"})
    return Step(softmax.softmax, args, tasks, temporary={9: "scratch"})


def _tree_groups(tree: Tree) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return tree.group_offset.astype(np.int64), tree.group_size.astype(np.int64)


def _equal_groups(count: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.arange(count, dtype=np.int64) * size, np.full(count, size, np.int64)


@make_steps.register(layers.Softmax)
def _(layer: layers.Softmax, bench: Bench) -> list[Step]:
    size = layer.input.size
    groups = _tree_groups(bench.tree) if bench.tree else _equal_groups(layer.groups, size // layer.groups)
    return [_softmax(bench, bench.x, groups, 1, size, 0, 1, layer.temperature)]


@make_steps.register(layers.Region)
def _(layer: layers.Region, bench: Bench) -> list[Step]:
    cells = layer.w * layer.h
    codes = np.full((layer.n, layer.coords + 1 + layer.classes), CODES["linear"], np.int64)
    codes[:, :2] = CODES["logistic"]
    if not layer.background:
        codes[:, layer.coords] = CODES["logistic"]
    classes = None
    if bench.tree:
        # Darknet's CPU code takes a tree's softmax at wrong places; this is what its GPU code computes.
        first, groups = layer.coords + 1, _tree_groups(bench.tree)
        classes = _softmax(bench, bench.x, groups, layer.n, codes.shape[1] * cells, first * cells, cells, 1.0)
        codes[:, first:] = UNTOUCHED
    elif layer.softmax:
        first, groups = layer.coords + int(not layer.background), _equal_groups(1, layer.classes + layer.background)
        classes = _softmax(bench, bench.x, groups, layer.n, codes.shape[1] * cells, first * cells, cells, 1.0)
        codes[:, first:] = UNTOUCHED
    else:
        codes[:, layer.coords + 1 :] = CODES["logistic"]
    activated = Step(activate_channels, (bench.out, bench.x, codes.reshape(-1), cells), tasks=codes.size)
    return [activated, classes] if classes else [activated]


@make_steps.register(layers.Yolo)
def _(layer: layers.Yolo, bench: Bench) -> list[Step]:
    codes = np.full((layer.n, 5 + layer.classes), CODES["logistic"], np.int64)
    codes[:, 2:4] = CODES["linear"]
    args = (bench.out, bench.x, codes.reshape(-1), layer.w * layer.h)
    return [Step(activate_channels, args, tasks=codes.size)]


@make_steps.register(layers.Iseg)
def _(layer: layers.Iseg, bench: Bench) -> list[Step]:
    codes = np.array([CODES["logistic"]] * layer.classes + [CODES["linear"]] * layer.ids, np.int64)
    return [Step(activate_channels, (bench.out, bench.x, codes, layer.out.h * layer.out.w), tasks=codes.size)]


@make_steps.register(layers.Detection)
def _(layer: layers.Detection, bench: Bench) -> list[Step]:
    steps = [copy_step(bench.out, bench.x)]
    if layer.softmax:
        groups = _equal_groups(layer.side * layer.side, layer.classes)
        steps.append(_softmax(bench, bench.x, groups, 1, layer.out.size, 0, 1, 1.0))
    return steps
