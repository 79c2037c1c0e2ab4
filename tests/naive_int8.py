"""Networks in 8-bit integers as plain formulas over whole arrays: what `plan.ops.int8` has to give bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darknet_py.kernels.layers.activations import activate_values
from darknet_py.kernels.runtime.jit import kernel
from darknet_py.kernels.vector.simd import pointer
from darknet_py.kernels.vector.tile import host_tile
from darknet_py.layers import (
    Convolutional,
    Dropout,
    Empty,
    Layer,
    MaxPool,
    MultiShortcut,
    Reorg,
    Route,
    Shortcut,
    Upsample,
)
from darknet_py.network import Network
from darknet_py.numeric.quantization import Quantization, Scale
from darknet_py.plan.formats import Formats

Steps = NDArray[np.int64]
Floats = NDArray[np.float32]

SIMPLE = ("linear", "leaky", "relu")


@kernel
def _activate(tile, x, code):  # type: ignore[no-untyped-def]
    activate_values(tile, pointer(x, 0), pointer(x, 0), x.size, code)


def activated(x: Floats, activation: str, profile: Any) -> Floats:
    """An activation; leaky's slope is a float32."""
    if activation == "leaky":
        return np.where(x < 0, x * np.float32(0.1), x)
    if activation == "relu":
        return np.maximum(x, np.float32(0))
    if activation == "linear":
        return x
    result = np.ascontiguousarray(x).reshape(-1)
    _activate(host_tile(), result, profile.activation_code(activation, fused=True))
    return result.reshape(x.shape)


def quantize(x: Floats, scale: Scale, inverse: float | None = None) -> Steps:
    """Numbers of a scale, half to even."""
    multiplied = x * np.float32(1 / scale.step if inverse is None else inverse)
    clipped = np.clip(multiplied, np.float32(-scale.zero), np.float32(255 - scale.zero))
    return np.rint(clipped.astype(np.float64) + scale.zero).astype(np.int64)


def dequantize(q: Steps, scale: Scale) -> Floats:
    """What numbers of a scale stand for."""
    return (q - scale.zero).astype(np.float32) * np.float32(scale.step)


def convolution(
    layer: Convolutional, q: Steps, arrays: dict[str, Floats], source: Scale, scale: Scale | None, profile: Any
) -> Any:
    """Numbers of a scale, or float32 values without one."""
    folded = profile.fold(arrays) if layer.batch_normalize else arrays
    rows = folded["weights"].reshape(layer.n, -1)
    step = np.maximum(np.abs(rows).max(axis=1) / np.float32(127), np.float32(2.0**-120))
    channels, filters = layer.c // layer.groups, layer.n // layer.groups
    weights = np.rint(rows / step[:, None]).astype(np.int64).reshape(layer.n, channels, layer.size, layer.size)
    pads = ((0, 0), *[(layer.pad, layer.pad + layer.size)] * 2)  # (C rounds -1 / 2 to 0: windows may reach further)
    image = np.pad(q, pads, constant_values=source.zero) - source.zero
    sums = np.zeros((layer.n, layer.out_h, layer.out_w), np.int64)
    for ky, kx in np.ndindex(layer.size, layer.size):
        rows_ = slice(ky, ky + (layer.out_h - 1) * layer.stride + 1, layer.stride)
        columns = slice(kx, kx + (layer.out_w - 1) * layer.stride + 1, layer.stride)
        for group in range(layer.groups):
            own = slice(group * filters, (group + 1) * filters)
            seen = image[group * channels : (group + 1) * channels, rows_, columns]
            sums[own] += np.tensordot(weights[own, :, ky, kx], seen, 1)
    simple = layer.activation in SIMPLE
    unit = scale.step if scale is not None and simple else 1.0
    factor = (step.astype(np.float64) * source.step / unit).astype(np.float32)[:, None, None]
    bias = (folded["biases"].astype(np.float64) / unit).astype(np.float32)[:, None, None]
    x = activated(sums.astype(np.int32).astype(np.float32) * factor + bias, layer.activation, profile)
    return x if scale is None else quantize(x, scale, 1.0 if simple else None)


def maxpool(layer: MaxPool, q: Steps) -> Steps:
    """The largest numbers of windows."""
    out = np.zeros((layer.out.c, layer.out.h, layer.out.w), np.int64)
    before, after = layer.pad // 2, layer.pad + layer.size
    image = np.pad(q, ((0, 0), (before, after), (before, after)))
    for n, m in np.ndindex(layer.size, layer.size):
        rows = slice(n, n + (layer.out.h - 1) * layer.stride_y + 1, layer.stride_y)
        columns = slice(m, m + (layer.out.w - 1) * layer.stride_x + 1, layer.stride_x)
        out = np.maximum(out, image[:, rows, columns])
    return out


def reorg(layer: Reorg, q: Steps) -> Steps:
    """Darknet's order of values, one by one."""
    c, h, w, s = layer.input.c, layer.input.h, layer.input.w, layer.stride
    flat, out = q.reshape(-1), np.zeros(q.size, np.int64)
    for k, j, i in np.ndindex(c, h, w):
        block, plane = k // (c // (s * s)), k % (c // (s * s))
        small = i + w * (j + h * k)
        large = i * s + block % s + w * s * (j * s + block // s + h * s * plane)
        if layer.reverse:
            out[large] = flat[small]
        else:
            out[small] = flat[large]
    return out.reshape(layer.out.c, layer.out.h, layer.out.w)


def run(
    network: Network, arrays: list[dict[str, Floats]], quantization: Quantization, profile: Any, formats: Formats,
    floats: dict[int, Floats],
) -> dict[int, Floats]:  # fmt: skip
    """The values of each layer's output that lies in memory as integers, or is computed in integers.

    Args:
        network: the graph.
        arrays: stored arrays, by layer.
        quantization: scales.
        profile: the arithmetic.
        formats: which outputs these are.
        floats: the outputs of the other layers, and -1: the input.
    """
    scales = quantization.outputs
    steps: dict[int, Steps] = {}

    def read(number: int) -> Steps:
        if number not in steps:
            steps[number] = quantize(floats[number], scales[number])
        return steps[number]

    results: dict[int, Floats] = {}
    for layer in network.layers:
        if layer.index not in formats.stored | formats.computed:
            continue
        sources = [read(source) for source in layer.sources]
        if layer.index in formats.stored:
            found = _layer(layer, sources, arrays[layer.index], quantization, profile)
            steps[layer.index] = found
            results[layer.index] = dequantize(found, scales[layer.index])
        else:
            assert isinstance(layer, Convolutional)  # nothing else writes float32
            source = scales[layer.sources[0]]
            results[layer.index] = convolution(layer, sources[0], arrays[layer.index], source, None, profile)
    return results


def _layer(
    layer: Layer, sources: list[Steps], arrays: dict[str, Floats], quantization: Quantization, profile: Any
) -> Steps:
    scales = quantization.outputs
    if isinstance(layer, Convolutional):
        result: Steps = convolution(
            layer, sources[0], arrays, scales[layer.sources[0]], scales[layer.index], profile
        )  # fmt: skip
        return result
    if isinstance(layer, MaxPool):
        return maxpool(layer, sources[0])
    if isinstance(layer, Upsample):
        return np.repeat(np.repeat(sources[0], layer.stride, 1), layer.stride, 2)
    if isinstance(layer, Reorg):
        return reorg(layer, sources[0])
    if isinstance(layer, Route):
        parts = [len(source) // layer.groups for source in sources]
        return np.concatenate(
            [source[layer.group_id * part :][:part] for source, part in zip(sources, parts, strict=True)]
        )
    if isinstance(layer, Dropout | Empty):
        return sources[0]
    assert isinstance(layer, Shortcut | MultiShortcut)
    shares = (layer.alpha, layer.beta) if isinstance(layer, Shortcut) else (1.0,) * len(sources)
    first, *others = (
        (q - scales[number].zero).astype(np.float32) * np.float32(scales[number].step * share)
        for q, number, share in zip(sources, layer.sources, shares, strict=True)
    )
    for other in others:
        first = first + other
    return quantize(activated(first, layer.activation, profile), scales[layer.index])
