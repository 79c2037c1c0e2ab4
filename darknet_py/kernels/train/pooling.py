"""Pooling that remembers where its values came from, and the way back (``maxpool_layer.c``, ``avgpool_layer.c``)."""

from __future__ import annotations

import numpy as np

from ..layers.pooling import LOWEST
from ..runtime.atomic import next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel


@plan_kernel(tasks=lambda channels: channels)
def maxpool_places(queue, out, places, x, channels, h, w, out_h, out_w, size, stride, offset):
    """Maximum of each window, and where it is: the first one, row by row.

    Args:
        out: written float32[channels, out_h, out_w]
        places: written int32[channels, out_h, out_w]: places in a channel; -1: no value is above -FLT_MAX
        x: float32[channels, h, w]
        channels, h, w: int: channels (of all images) and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a window
        stride: int: pixels from one window to the next
        offset: int: the first window starts there, across and down

    Requires:
        offset <= 0
        out_h in (windows(h - 2 * offset, size, stride), windows(h - 2 * offset + 1, size, stride))
        out_w in (windows(w - 2 * offset, size, stride), windows(w - 2 * offset + 1, size, stride))
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        plane = channel * h * w
        for i in range(out_h):
            top = i * stride + offset
            inner = 0
            if size == 2 and offset == 0 and top + 1 < h:
                inner = min(out_w, (w - 2) // stride + 1)
                _pairs(out, places, x, plane, top * w, w, (channel * out_h + i) * out_w, inner, stride)
            for j in range(inner, out_w):
                left = j * stride + offset
                largest, place = LOWEST, -1
                for y in range(max(top, 0), min(top + size, h)):
                    for column in range(max(left, 0), min(left + size, w)):
                        value = x[plane + y * w + column]
                        if value > largest:
                            largest, place = value, y * w + column
                k = (channel * out_h + i) * out_w + j
                out[k] = largest
                places[k] = place


@kernel
def _pairs(out, places, x, plane, line, w, first, count, stride):
    """Windows of 2 x 2 that lie inside, of one row of the output.

    Args:
        out: written float32[...]
        places: written int32[...]
        x: float32[...]
        plane, line: int: place of the channel, and of the windows' upper row in it
        w: int: values of a row of the input
        first, count: int: place of the first window's value in ``out``, and how many windows
        stride: int: from one window to the next
    """
    for j in range(count):
        place = line + j * stride
        largest, best = LOWEST, -1
        a, b, c, d = x[plane + place], x[plane + place + 1], x[plane + place + w], x[plane + place + w + 1]
        best = place if a > largest else best
        largest = a if a > largest else largest
        best = place + 1 if b > largest else best
        largest = b if b > largest else largest
        best = place + w if c > largest else best
        largest = c if c > largest else largest
        best = place + w + 1 if d > largest else best
        largest = d if d > largest else largest
        out[first + j] = largest
        places[first + j] = best


@plan_kernel(tasks=lambda channels: channels)
def maxpool_gradient(queue, below, delta, places, channels, cells, out_cells):
    """Each delta is added where its window's maximum was; none where there was none.

    Args:
        below: updated float32[channels, cells]
        delta: float32[channels, out_cells]
        places: int32[channels, out_cells]: see `maxpool_places`
        channels: int: of all images
        cells, out_cells: int: values of a channel of the input and of the output
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for i in range(channel * out_cells, (channel + 1) * out_cells):
            if places[i] >= 0:
                below[channel * cells + places[i]] += delta[i]


@plan_kernel(tasks=lambda channels: channels)
def avgpool_gradient(queue, below, delta, channels, cells):
    """Each value of a channel gets its part of the channel's delta.

    Args:
        below: updated float32[channels, cells]
        delta: float32[channels]
        channels: int: of all images
        cells: int: values of a channel
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        part = delta[channel] / np.float32(cells)
        for i in range(channel * cells, (channel + 1) * cells):
            below[i] += part
