"""From a component's plane to full rows: stb_image's interpolation of subsampled planes.

Factors of two are interpolated with weights 3/4 and 1/4, the samples sitting in the middle of the pixels that they
stand for; other factors repeat the nearest sample.
"""

from __future__ import annotations

from ...kernels.runtime.jit import kernel


@kernel
def upsample_row(line, near, far, across, down, sums):
    """One row of pixels of a component.

    Args:
        line: written uint8[near.size * across]
        near, far: uint8[width]: the nearest row of samples and the one on the other side
        across, down: int: pixels that a sample spans
        sums: written uint16[width]: room to work in
    """
    width = near.size
    if across == 1 and down == 1:
        for i in range(width):
            line[i] = near[i]
    elif across == 1 and down == 2:
        for i in range(width):
            line[i] = (3 * near[i] + far[i] + 2) >> 2
    elif across == 2 and down == 1:
        for i in range(width):
            sums[i] = near[i]
        _widen(line, sums, width, 2, 2, 0)
        if width > 1:
            # stb_image weighs the last two samples the other way round here; so Darknet's pixels are these
            line[2 * width - 2] = (3 * sums[width - 2] + sums[width - 1] + 2) >> 2
    elif across == 2 and down == 2:
        for i in range(width):
            sums[i] = 3 * near[i] + far[i]
        _widen(line, sums, width, 4, 8, 2)
    else:
        for i in range(width):
            for j in range(across):
                line[i * across + j] = near[i]


@kernel(forceinline=True)
def _widen(line, sums, width, shift, half, ends):
    """Two pixels for each sum; the outermost ones, without a neighbour, are the sum itself.

    Args:
        line: written uint8[2 * width]
        sums: uint16[width]
        width: int
        shift, half: int: what three of one sum and one of the next are divided by, and half of that
        ends: int: what the outermost ones are shifted by
    """
    edge = half >> (shift - ends)
    line[0] = (sums[0] + edge) >> ends
    line[2 * width - 1] = (sums[width - 1] + edge) >> ends
    left, right = sums[: width - 1], sums[1:width]
    between = line[1 : 2 * width - 1]
    for i in range(width - 1):
        between[2 * i] = (3 * left[i] + right[i] + half) >> shift
        between[2 * i + 1] = (3 * right[i] + left[i] + half) >> shift
