"""Copies of a layer's output in another number format -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.bf16.moves import round_bf16, widen_bf16
from ...kernels.int8.moves import BLOCK, dequantize_int8, quantize_int8
from ...kernels.vector.tile import host_tile
from ..step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...layers import Shape
    from ...typing import Floats
    from ..formats import Formats


def copy_step(out: Floats, x: Floats, shape: Shape, formats: Formats, number: int) -> Step:
    """The step that copies a layer's output to the format in which it does not lie.

    If it makes numbers of a format that has no NaN, its argument ``notes`` says after a run whether some value was NaN
    or infinite.
    """
    tile = formats.narrow.kernels.tile(host_tile())
    shared: dict[str, Any] = {"out": out, "x": x, "channels": shape.c, "cells": shape.h * shape.w, "tile": tile}
    to, back, _ = _COPIES[formats.narrow.name]
    return (back if number in formats.stored else to)(shared, formats.scales.get(number))


def unpacked(words: Floats, shape: Shape, formats: Formats, number: int) -> Floats:
    """The values of a layer's output that lies in a narrow format, flat."""
    each, (*_, values) = formats.narrow.per_word, _COPIES[formats.narrow.name]
    numbers = words.view(f"u{4 // each}").reshape(-1, shape.h * shape.w, each).transpose(0, 2, 1)
    return values(numbers.reshape(-1, shape.h * shape.w)[: shape.c], formats.scales.get(number)).reshape(-1)


def _to_int8(shared: dict[str, Any], scale: Any) -> Step:
    notes = np.zeros(-(-shared["channels"] // 4) * -(-shared["cells"] // BLOCK), np.int64)
    return Step.of(quantize_int8, inverse=np.float32(1 / scale.step), zero=scale.zero, notes=notes, **shared)


def _from_int8(shared: dict[str, Any], scale: Any) -> Step:
    return Step.of(dequantize_int8, step=np.float32(scale.step), zero=scale.zero, **shared)


def _values_of_int8(numbers: Any, scale: Any) -> Floats:
    values: Floats = (numbers.astype(np.int32) - scale.zero).astype(np.float32) * np.float32(scale.step)
    return values


def _values_of_bf16(numbers: Any, scale: Any) -> Floats:
    values: Floats = (numbers.astype(np.uint32) << 16).view(np.float32)
    return values


_COPIES: dict[str, tuple[Callable[..., Step], Callable[..., Step], Callable[..., Floats]]] = {
    "int8": (_to_int8, _from_int8, _values_of_int8),
    "bf16": (
        lambda shared, _: Step.of(round_bf16, **shared), lambda shared, _: Step.of(widen_bf16, **shared),
        _values_of_bf16,
    ),
}  # fmt: skip
"""By name of a narrow number format: the step that makes its numbers, the one that makes float32 of them, their
values."""
