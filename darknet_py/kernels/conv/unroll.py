"""The input of a convolution unrolled (``im2col_cpu_ext``): what is left is a 1x1 convolution, with k in its order."""

from __future__ import annotations

import numpy as np

from ..runtime.atomic import next_task
from ..runtime.work import plan_kernel


@plan_kernel(tasks=lambda c: c)
def unroll(queue, out, x, c, h, w, out_h, out_w, size, stride_x, stride_y, pad, dilation):
    """A channel for each tap: what it sees at every pixel of the output, 0 outside of the image.

    Args:
        out: written float32[c, size, size, out_h, out_w]
        x: float32[c, h, w]
        c, h, w: int: channels and sides of the input
        out_h, out_w: int: sides of the output
        size: int: side of a filter
        stride_x, stride_y: int: pixels from one output to the next
        pad: int: the first tap is at -pad * dilation
        dilation: int: pixels from one tap to the next

    Requires:
        min(stride_x, stride_y, dilation) >= 1 and pad >= 0
        out_h == windows(h + 2 * pad, size, stride_y)
        out_w == windows(w + 2 * pad, size, stride_x)
    """
    while True:
        channel = next_task(queue)
        if channel < 0:
            return
        for tap in range(size * size):
            top, left = (tap // size - pad) * dilation, (tap % size - pad) * dilation
            first = min(-(left // stride_x), out_w) if left < 0 else 0
            last = max(min((w - 1 - left) // stride_x + 1, out_w), first)
            for i in range(out_h):
                y, row = i * stride_y + top, ((channel * size * size + tap) * out_h + i) * out_w
                start = (channel * h + y) * w + left
                inside = 0 <= y < h
                for j in range(out_w):
                    out[row + j] = x[start + j * stride_x] if inside and first <= j < last else np.float32(0)
