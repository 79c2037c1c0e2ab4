"""AlexeyAB's activations that look at all channels of a pixel (``activate_array_normalize_channels*``)."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.libm import expf
from ..runtime.work import plan_kernel

POSITIVE, SOFTMAX, SOFTMAX_LARGEST = range(3)

KINDS = {
    "normalize_channels": POSITIVE,
    "normalize_channels_softmax": SOFTMAX,
    "normalize_channels_softmax_maxval": SOFTMAX_LARGEST,
}
"""By the activation's name: shares of the positive values; of exponentials; of those of the distance to the largest."""

EPSILON = np.float32(0.0001)
"""What sums start from."""

BLOCK = 64
"""Pixels of a task."""


@plan_kernel(tasks=lambda cells: -(-cells // BLOCK))
def channel_shares(queue, out, cells, kind):
    """Values become shares of the sum of their pixel, in place.

    Args:
        out: updated float32[out.size // cells, cells]
        cells: int: values of a channel
        kind: int: POSITIVE, SOFTMAX or SOFTMAX_LARGEST

    Requires:
        kind in (POSITIVE, SOFTMAX, SOFTMAX_LARGEST)
    """
    while True:
        block = next_task(queue)
        if block < 0:
            return
        for cell in range(block * BLOCK, min(block * BLOCK + BLOCK, cells)):
            if kind != POSITIVE:
                _exponentials(out, cell, cells, kind)
            total = EPSILON
            for i in range(cell, out.size, cells):
                if kind != POSITIVE or out[i] > 0:
                    total += out[i]
            for i in range(cell, out.size, cells):
                out[i] = out[i] / total if kind != POSITIVE or out[i] > 0 else np.float32(0)


@kernel
def _exponentials(out, cell, cells, kind):
    """A pixel's values become their exponentials.

    Args:
        out: updated float32[...]
        cell: int: number of the pixel
        cells, kind: int: as for `channel_shares`
    """
    largest = np.float32(0)
    if kind == SOFTMAX_LARGEST:
        largest = out[cell]
        for i in range(cell, out.size, cells):
            if out[i] > largest:
                largest = out[i]
    for i in range(cell, out.size, cells):
        out[i] = expf(out[i] - largest)
