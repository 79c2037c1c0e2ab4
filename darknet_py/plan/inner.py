"""Memory that a layer needs inside itself: a map that is still to be blurred, a convolution's unrolled input."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..layers import Convolutional, MaxPool, Shape
from ..layers.strides import blur_window

if TYPE_CHECKING:
    from ..layers import Layer
    from ..typing import Floats


_BLURS = {
    2: np.full((2, 2), 1 / 4, np.float32),
    3: np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / np.float32(16),
}
"""The weights of a blur by its size."""


def inner_size(layer: Layer) -> int:
    """How many values a layer of a plan needs room for, besides its output."""
    if not isinstance(layer, Convolutional | MaxPool):
        return 0
    if layer.blur:
        after = inner_size(blur_of(layer))
        before = inner_size(sharp_of(layer)) if isinstance(layer, Convolutional) else 0
        return layer.sharp.size + max(before, after)
    return unrolled_shape(layer).size if isinstance(layer, Convolutional) and unrolls(layer) else 0


def unrolls(layer: Convolutional) -> bool:
    """Whether a convolution's taps lie where its kernels do not look for them: its input is then unrolled before."""
    if layer.size == 1:
        return layer.skips
    return layer.stride_x != layer.stride_y or layer.dilation > 1


def unrolled_shape(layer: Convolutional) -> Shape:
    """The unrolled input: a channel for each input of an output value."""
    return Shape(layer.c * layer.size**2, layer.out_h, layer.out_w)


def without_taps(layer: Convolutional) -> Convolutional:
    """The convolution that is left when the input is unrolled; its weights are the same in the same order."""
    return replace(
        layer, input=unrolled_shape(layer), size=1, stride_x=1, stride_y=1, pad=0, dilation=1, skips=False
    )  # fmt: skip


def sharp_of(layer: Convolutional) -> Convolutional:
    """A blurred convolution without its blur."""
    return replace(layer, out=layer.sharp, stride_x=1, stride_y=1, skips=False, blur=0)


def blur_of(layer: Convolutional | MaxPool) -> Convolutional:
    """The convolution that blurs a layer's map, each channel for itself, with the layer's strides."""
    size, padding = blur_window(layer.blur)
    channels = layer.out.c
    return Convolutional(
        index=layer.index, line=layer.line, input=layer.sharp, out=layer.out, activation="linear", n=channels,
        size=size, stride_x=layer.stride_x, stride_y=layer.stride_y, pad=padding // 2, groups=channels,
    )  # fmt: skip


def blur_arrays(layer: Convolutional) -> dict[str, Floats]:
    """What `blur_of` would have stored."""
    weights = np.broadcast_to(_BLURS[layer.size], (layer.n, 1, layer.size, layer.size))
    return {"biases": np.zeros(layer.n, np.float32), "weights": np.ascontiguousarray(weights)}
