"""Layers -> steps: which kernel runs a layer, with which arrays. (Convolutions, heads and
recurrent layers have modules of their own.)"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import layers
from ..kernels import dense, normalization, pooling, rearrange
from ..kernels.activations import CODES, activate_channels
from ..kernels.deconvolution import deconvolution
from ..kernels.shortcut import shortcut
from ..kernels.tile import host_tile
from .binary import binarize, binarized
from .conv_cut import ONE, Images
from .convolution import convolution_steps, deviations
from .memory import frozen
from .step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..formats.tree import Tree
    from ..parameters import Arrays
    from .profile import Profile

    Floats = NDArray[np.float32]


@dataclass
class Bench:
    """What a layer's steps are made from: flat float32 buffers, its stored arrays, its tree, the profile.

    Of convolutions, buffers hold ``images``, and packed weights go to ``store`` (of recurrent layers, to one per part
    inside it); of other layers, one image.
    ``pool``: the pooling that a convolution's step is to do as well; ``out`` is then the pooling's. ``states``: what a
    recurrent layer keeps between runs.
    """

    sources: list[Floats]
    out: Floats
    arrays: Arrays
    tree: Tree | None
    profile: Profile
    threads: int
    images: Images = ONE
    store: dict[Any, Any] | None = None
    pool: layers.MaxPool | None = None
    states: Sequence[Floats] = ()

    @property
    def x(self) -> Floats:
        """The (first) input."""
        return self.sources[0]

    def code(self, activation: str) -> int:
        """The number by which kernels know an activation."""
        return CODES["relu+0" if self.profile.make and activation == "relu" else activation]


@singledispatch
def make_steps(layer: layers.Layer, bench: Bench) -> list[Step]:
    """The steps that compute ``layer``'s output from its inputs."""
    raise TypeError(f"no kernel runs [{layer.kind}]")


@make_steps.register
def _(layer: layers.Convolutional, bench: Bench) -> list[Step]:
    before: list[Step] = []
    x, arrays, images = bench.x, bench.arrays, bench.images
    if layer.xnor:
        before, x, images = binarize(layer, x, images)
        arrays = binarized(layer, arrays, bench.threads, bench.profile)
    steps = convolution_steps(
        layer, arrays, x, bench.out, bench.threads, bench.profile, pool=bench.pool, images=images, store=bench.store
    )
    return [*before, *steps]


@make_steps.register
def _(layer: layers.Deconvolutional, bench: Bench) -> list[Step]:
    x, out = layer.input, layer.out
    sizes = (layer.n, x.c, x.h, x.w, out.h, out.w, layer.size, layer.stride, layer.pad)
    weights = frozen(bench.arrays["weights"])
    return [
        Step(deconvolution, (bench.out, bench.x, weights, *sizes), tasks=layer.n),
        _normalize(layer, bench, bench.out, layer.n),
    ]


@make_steps.register
def _(layer: layers.Connected, bench: Bench) -> list[Step]:
    outputs = layer.out.size
    weights = frozen(bench.arrays["weights"])
    return [
        Step(dense.connected, (bench.out, bench.x, weights), tasks=-(-outputs // dense.ROWS)),
        _normalize(layer, bench, bench.out, outputs),
    ]


@make_steps.register
def _(layer: layers.Local, bench: Bench) -> list[Step]:
    x, out = layer.input, layer.out
    scratch = np.zeros(bench.threads * (x.c * layer.size * layer.size + layer.n), np.float32)
    sizes = (layer.n, x.c, x.h, x.w, out.h, out.w, layer.size, layer.stride, layer.pad)
    weights, biases = frozen(bench.arrays["weights"]), frozen(bench.arrays["biases"])
    args = (bench.out, bench.x, weights, biases, scratch, *sizes, bench.code(layer.activation))
    return [Step(dense.local, args, tasks=out.h * out.w, temporary={4: "scratch"})]


@make_steps.register
def _(layer: layers.BatchNorm, bench: Bench) -> list[Step]:
    return [_normalize(layer, bench, bench.x, layer.input.c)]


def _normalize(layer: layers.Weighted, bench: Bench, x: Floats, channels: int) -> Step:
    """Batch normalisation or biases, then activation, from ``x`` into the layer's output."""
    arrays = {name: np.array(bench.arrays[name], np.float32) for name in bench.arrays if name != "weights"}
    none = np.zeros(0, np.float32)
    deviation = deviations(arrays["rolling_variance"]) if layer.batch_normalize else np.zeros(0)
    args = (
        bench.out, x, arrays.get("rolling_mean", none), deviation, arrays.get("scales", none), arrays["biases"],
        layer.out.size // channels, layer.batch_normalize, bench.code(layer.activation),
    )  # fmt: skip
    return Step(normalization.normalize_channels, args, tasks=channels)


@make_steps.register
def _(layer: layers.MaxPool, bench: Bench) -> list[Step]:
    x, out = layer.input, layer.out
    offset = -(layer.pad // 2)  # C's -pad/2
    args = (bench.out, bench.x, x.c, x.h, x.w, out.h, out.w, layer.size, layer.stride, offset, host_tile())
    return [Step(pooling.maxpool, args, tasks=x.c)]


@make_steps.register
def _(layer: layers.AvgPool, bench: Bench) -> list[Step]:
    x = layer.input
    return [Step(pooling.avgpool, (bench.out, bench.x, x.c, x.h * x.w), tasks=x.c)]


@make_steps.register
def _(layer: layers.Reorg, bench: Bench) -> list[Step]:
    x = layer.input
    if layer.flatten:
        return [Step(rearrange.flatten, (bench.out, bench.x, x.c, x.h * x.w, not layer.reverse), tasks=x.c)]
    if layer.extra:
        return [
            copy_step(bench.out[: x.size], bench.x),
            Step(rearrange.fill, (bench.out[x.size :], np.float32(0)), tasks=1),
        ]
    return [Step(rearrange.reorg, (bench.out, bench.x, x.c, x.h, x.w, layer.stride, layer.reverse), tasks=x.c)]


def copy_step(out: Floats, x: Floats) -> Step:
    """A step that copies ``x``."""
    return Step(rearrange.copy, (out, x), tasks=-(-x.size // rearrange.BLOCK))


@make_steps.register
def _(layer: layers.Route, bench: Bench) -> list[Step]:
    if len(bench.sources) == 1:
        return []
    steps, first = [], 0
    for source in bench.sources:
        steps.append(copy_step(bench.out[first : first + source.size], source))
        first += source.size
    return steps


@make_steps.register
def _(layer: layers.Shortcut, bench: Bench) -> list[Step]:
    x, added = layer.out, layer.added
    args = (
        bench.out, bench.x, bench.sources[1], x.c, x.h, x.w, added.c, added.h, added.w, np.float32(layer.alpha),
        np.float32(layer.beta), bench.code(layer.activation), host_tile(),
    )  # fmt: skip
    return [Step(shortcut, args, tasks=x.c)]


@make_steps.register
def _(layer: layers.Upsample, bench: Bench) -> list[Step]:
    small = layer.out if layer.reverse else layer.input
    kernel = rearrange.downsample if layer.reverse else rearrange.upsample
    args = (bench.out, bench.x, small.c, small.h, small.w, layer.stride, np.float32(layer.scale))
    return [Step(kernel, args, tasks=small.c)]


@make_steps.register
def _(layer: layers.Crop, bench: Bench) -> list[Step]:
    x, out = layer.input, layer.out
    scale, shift = (1, 0) if layer.noadjust else (2, -1)
    args = (bench.out, bench.x, x.c, x.h, x.w, out.h, out.w, np.float32(scale), np.float32(shift))
    return [Step(rearrange.crop, args, tasks=x.c)]


@make_steps.register
def _(layer: layers.Normalization, bench: Bench) -> list[Step]:
    x = layer.input
    factors = (np.float32(layer.alpha), np.float32(layer.beta), np.float32(layer.kappa))
    args = (bench.out, bench.x, x.c, x.h * x.w, layer.size, *factors)
    return [Step(normalization.local_response, args, tasks=x.h * x.w)]


@make_steps.register
def _(layer: layers.L2Norm, bench: Bench) -> list[Step]:
    x = layer.input
    return [Step(normalization.l2norm, (bench.out, bench.x, x.c, x.h * x.w), tasks=x.h * x.w)]


@make_steps.register(layers.Activation)
@make_steps.register(layers.Logistic)
def _(layer: layers.Activation | layers.Logistic, bench: Bench) -> list[Step]:
    name = layer.activation if isinstance(layer, layers.Activation) else "logistic"
    channels = layer.out.c
    codes = np.full(channels, bench.code(name), np.int64)
    return [
        Step(activate_channels, (bench.out, bench.x, codes, layer.out.size // channels, host_tile()), tasks=channels)
    ]


@make_steps.register
def _(layer: layers.Dropout, bench: Bench) -> list[Step]:
    return []


@make_steps.register
def _(layer: layers.Cost, bench: Bench) -> list[Step]:
    return [Step(rearrange.fill, (bench.out, np.float32(0)), tasks=1)]
