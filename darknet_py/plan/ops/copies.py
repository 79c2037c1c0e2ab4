"""Copies of a layer's output in another number format -> steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...kernels.int8.moves import BLOCK, dequantize_int8, quantize_int8
from ...kernels.vector.dots import word_tile
from ...kernels.vector.tile import host_tile
from ..step import Step

if TYPE_CHECKING:
    from ...layers import Shape
    from ...typing import Floats
    from ..formats import Formats


def copy_step(out: Floats, x: Floats, shape: Shape, formats: Formats, number: int) -> Step:
    """The step that copies a layer's output to the format in which it does not lie.

    If it makes integers, its argument ``notes`` says after a run whether some value was NaN or infinite.
    """
    scale, tile = formats.scales[number], word_tile(host_tile())
    shared: dict[str, Any] = {
        "out": out,
        "x": x,
        "channels": shape.c,
        "cells": shape.h * shape.w,
        "zero": scale.zero,
        "tile": tile,
    }
    if number in formats.stored:
        return Step.of(dequantize_int8, step=np.float32(scale.step), **shared)
    notes = np.zeros(-(-shape.c // 4) * -(-shape.h * shape.w // BLOCK), np.int64)
    return Step.of(quantize_int8, inverse=np.float32(1 / scale.step), notes=notes, **shared)


def unpacked(words: Floats, shape: Shape, formats: Formats, number: int) -> Floats:
    """The values of a layer's output that lies in a narrow format, flat."""
    scale = formats.scales[number]
    steps = words.view(np.uint8).reshape(-1, shape.h * shape.w, 4).transpose(0, 2, 1).reshape(-1, shape.h * shape.w)
    values: Floats = (steps[: shape.c].astype(np.int32) - scale.zero).astype(np.float32) * np.float32(scale.step)
    return values.reshape(-1)
