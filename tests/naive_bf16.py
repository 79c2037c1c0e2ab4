"""Networks in bfloat16 as plain formulas over whole arrays: what `plan.ops.bf16` has to give, nearly or to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darknet_py.layers import Convolutional, Dropout, Empty, Layer, MaxPool, Reorg, Route, Shortcut, Upsample
from tests.naive_int8 import activated, reorg

Floats = NDArray[np.float32]


def rounded(x: Any) -> Floats:
    """Float32 values with the 8 bits of bfloat16, half to even; denormal ones are 0."""
    x = np.asarray(x, np.float32)
    bits = np.ascontiguousarray(x).view(np.uint32)
    odd = (bits >> 16) & 1
    halves = (bits.astype(np.uint64) + 0x7FFF + odd) >> 16 << 16
    result = halves.astype(np.uint32).view(np.float32)
    result = np.where(np.abs(x) < np.finfo(np.float32).tiny, np.copysign(np.float32(0), x), result)
    return np.where(np.isnan(x), np.float32(np.nan), result).astype(np.float32)


def dot(sums: Floats, a: Floats, b: Floats) -> Floats:
    """What ``vdpbf16ps`` makes of sums: upper numbers' product is added, then lower ones', each time rounded once.

    (In long double, whose 64 bits have nearly every sum as it is.)
    """
    total = (sums.astype(np.longdouble) + a[1::2].astype(np.longdouble) * b[1::2]).astype(np.float32)
    result: Floats = (total.astype(np.longdouble) + a[::2].astype(np.longdouble) * b[::2]).astype(np.float32)
    return result


def convolution(layer: Convolutional, x: Floats, arrays: dict[str, Floats], profile: Any) -> tuple[Any, Any]:
    """The sums with their biases, as if they were exact, and how far rounded ones may be off."""
    folded = profile.fold(arrays) if layer.batch_normalize else arrays
    weights = rounded(folded["weights"]).astype(np.float64).reshape(layer.n, layer.c, layer.size, layer.size)
    image = np.pad(x.astype(np.float64), ((0, 0), (layer.pad, layer.pad), (layer.pad, layer.pad)))
    sums, sizes = np.zeros((2, layer.n, layer.out_h, layer.out_w))
    for ky, kx in np.ndindex(layer.size, layer.size):
        rows = slice(ky, ky + (layer.out_h - 1) * layer.stride + 1, layer.stride)
        columns = slice(kx, kx + (layer.out_w - 1) * layer.stride + 1, layer.stride)
        part = image[:, rows, columns]
        sums += np.tensordot(weights[:, :, ky, kx], part, 1)
        sizes += np.tensordot(np.abs(weights[:, :, ky, kx]), np.abs(part), 1)
    bias = folded["biases"].astype(np.float64)[:, None, None]
    steps = layer.c * layer.size**2 + 2
    return sums + bias, steps * 2.0**-24 * (sizes + np.abs(bias))


def maxpool(layer: MaxPool, x: Floats) -> Floats:
    """The largest values of windows."""
    out = np.full((layer.out.c, layer.out.h, layer.out.w), -np.inf, np.float32)
    before, after = layer.pad // 2, layer.pad + layer.size
    image = np.pad(x, ((0, 0), (before, after), (before, after)), constant_values=-np.inf)
    for n, m in np.ndindex(layer.size, layer.size):
        rows = slice(n, n + (layer.out.h - 1) * layer.stride_y + 1, layer.stride_y)
        columns = slice(m, m + (layer.out.w - 1) * layer.stride_x + 1, layer.stride_x)
        out = np.maximum(out, image[:, rows, columns])
    return out


def moved(layer: Layer, sources: list[Floats]) -> Floats | None:
    """Layers that only move or compare values, bit for bit; None for others."""
    if isinstance(layer, MaxPool):
        return maxpool(layer, sources[0])
    if isinstance(layer, Upsample):
        return np.repeat(np.repeat(sources[0], layer.stride, 1), layer.stride, 2)
    if isinstance(layer, Reorg):
        order: Any = reorg(layer, np.arange(sources[0].size))
        return sources[0].reshape(-1)[order]
    if isinstance(layer, Route):
        parts = [len(source) // layer.groups for source in sources]
        found = [source[layer.group_id * part :][:part] for source, part in zip(sources, parts, strict=True)]
        return np.concatenate(found)
    return sources[0] if isinstance(layer, Dropout | Empty) else None


def near(layer: Layer, sources: list[Floats], arrays: dict[str, Floats], profile: Any) -> tuple[Any, Any]:
    """The float32 values of other layers before they are rounded, and how far those may be off.

    No activation makes a difference more than 1.2 times as large; those of many steps are off by themselves.
    """
    if isinstance(layer, Convolutional):
        sums, off = convolution(layer, sources[0], arrays, profile)
    else:
        assert isinstance(layer, Shortcut)
        a, b = (np.float32(f) * x for f, x in zip((layer.alpha, layer.beta), sources, strict=True))
        sums, off = a + b, 2.0**-22 * (np.abs(a) + np.abs(b))
    values = activated(sums.astype(np.float32), layer.activation, profile)
    return values, 1.2 * off + 1e-6 * (1 + np.abs(values))
