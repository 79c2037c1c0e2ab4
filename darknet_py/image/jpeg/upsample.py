"""From a component's plane to full rows: stb_image's interpolation of subsampled planes.

Factors of two are interpolated with weights 3/4 and 1/4, the samples sitting in the middle of the pixels that they
stand for; other factors repeat the nearest sample.
"""

from __future__ import annotations

from ...kernels.jit import kernel


@kernel
def upsample_row(line, planes, near, far, width, across, down, sums):
    # line: uint8, at least width * across bytes from its start on; planes[near : near + width] is the nearest row of
    # samples, planes[far : ...] the one on the other side. sums: int32, at least width.
    if across == 1 and down == 1:
        for i in range(width):
            line[i] = planes[near + i]
    elif across == 1 and down == 2:
        for i in range(width):
            line[i] = (3 * planes[near + i] + planes[far + i] + 2) >> 2
    elif across == 2 and down == 1:
        for i in range(width):
            sums[i] = planes[near + i]
        _widen(line, sums, width, 2, 2, 0)
        if width > 1:
            # stb_image weighs the last two samples the other way round here; so Darknet's pixels are these
            line[2 * width - 2] = (3 * sums[width - 2] + sums[width - 1] + 2) >> 2
    elif across == 2 and down == 2:
        for i in range(width):
            sums[i] = 3 * planes[near + i] + planes[far + i]
        _widen(line, sums, width, 4, 8, 2)
    else:
        for i in range(width):
            for j in range(across):
                line[i * across + j] = planes[near + i]


@kernel
def _widen(line, sums, width, shift, half, ends):
    # Two pixels for each sum; the outermost ones, without a neighbour, are the sum itself (shifted by `ends`).
    edge = half >> (shift - ends)
    line[0] = (sums[0] + edge) >> ends
    for i in range(1, width):
        line[2 * i - 1] = (3 * sums[i - 1] + sums[i] + half) >> shift
        line[2 * i] = (3 * sums[i] + sums[i - 1] + half) >> shift
    line[2 * width - 1] = (sums[width - 1] + edge) >> ends
