"""What AlexeyAB's heads do to their input (``region_layer.c``, ``yolo_layer.c``, ``gaussian_yolo_layer.c``)."""

from __future__ import annotations

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel
from .activations import activate


@plan_kernel(tasks=lambda codes: codes.size)
def flatten_activated(queue, out, x, codes, cells):
    """Each channel through an activation of its own, and the values of each cell side by side.

    Args:
        out: written float32[cells, codes.size]
        x: float32[codes.size, cells]
        codes: int64[codes.size]: number of each channel's activation
        cells: int: values of a channel

    Requires:
        is_code(codes)
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for i in range(cells):
            out[i * codes.size + channel] = activate(x[channel * cells + i], codes[channel])


@plan_kernel(tasks=lambda rows: rows.size)
def scale_channels_in_place(queue, out, rows, cells, scale, shift):
    """Some channels times ``scale`` plus ``shift``, in place.

    Args:
        out: updated float32[rows.max() + 1, cells] or more
        rows: int64[rows.size]: numbers of the channels
        cells: int: values of a channel
        scale, shift: float32

    Requires:
        rows.min() >= 0
    """
    while True:
        number = next_task(queue)
        if number < 0:
            return
        first = rows[number] * cells
        for i in range(first, first + cells):
            out[i] = out[i] * scale + shift
