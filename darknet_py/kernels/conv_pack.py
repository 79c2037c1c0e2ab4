"""Laying out weights (once, at load) and pixels (panel by panel) in the order in which the micro-kernel reads them."""

from __future__ import annotations

from .atomic import claim
from .jit import kernel
from .simd import load_masked, shifted, store


@kernel
def pack_weights(queue, packed, weights, filters, depth, part, rows):
    # packed: per group, per part of the depth, per block of filters: (part, rows); absent filters are 0
    # weights: (groups, filters, depth); part: the depth is cut into parts of this length, the last may be shorter
    blocks = (filters + rows - 1) // rows
    groups = weights.size // (filters * depth)
    while True:
        task = claim(queue, 0)
        if task >= groups * blocks:
            return
        group, block = divmod(task, blocks)
        first = group * filters + block * rows
        present = min(rows, filters - block * rows)
        for k0 in range(0, depth, part):
            length = min(part, depth - k0)
            at = group * blocks * rows * depth + blocks * rows * k0 + block * rows * length
            for k in range(k0, k0 + length):
                for r in range(rows):
                    packed[at + r] = weights[(first + r) * depth + k] if r < present else 0
                at += rows


@kernel
def find_taps(bits, shape, first, count):
    # bits: (size, size) int64: bit j of (ky, kx) tells whether that tap of output pixel first + j lies inside the image
    size, stride, pad = shape.size, shape.stride, shape.pad
    for tap in range(size * size):
        bits[tap] = 0
    done = 0
    y, x = first // shape.out_w, first % shape.out_w
    while done < count:
        length = min(shape.out_w - x, count - done)
        for kx in range(size):
            # 0 <= (x + i) * stride + kx - pad < w
            i0 = min(max((pad - kx + stride - 1) // stride - x, 0), length)
            i1 = min(max((shape.w - 1 + pad - kx) // stride + 1 - x, i0), length)
            run = ((1 << (i1 - i0)) - 1) << (done + i0)
            for ky in range(size):
                if 0 <= y * stride + ky - pad < shape.h:
                    bits[ky * size + kx] |= run
        done += length
        y, x = y + 1, 0


@kernel
def pack_aligned(tile, panel, source, shape, bits, first, count, channels):
    # panel: (channels * size * size, whole vectors of count pixels); source: the first channel, the next ones are
    # ``shape.plane`` apart; bits: see find_taps. All pointers. Stride 1 and rows as long as the output's: a tap lies
    # at the same distance from each pixel.
    full = (1 << tile.lanes) - 1
    for _ in range(channels):
        for ky in range(shape.size):
            for kx in range(shape.size):
                start = first + (ky - shape.pad) * shape.w + kx - shape.pad
                valid = bits[ky * shape.size + kx]
                for j in range(0, count, tile.lanes):
                    store(panel, 0, load_masked(tile, source, start + j, (valid >> j) & full))
                    panel = shifted(panel, tile.lanes)
        source = shifted(source, shape.plane)


@kernel
def pack_any(tile, panel, source, shape, first, count, channels):
    # As pack_aligned, for every stride and padding.
    size, stride, pad = shape.size, shape.stride, shape.pad
    width = (count + tile.lanes - 1) // tile.lanes * tile.lanes
    for j in range(channels * size * size * width):
        panel[j] = 0
    done = 0
    y, x = first // shape.out_w, first % shape.out_w
    while done < count:
        length = min(shape.out_w - x, count - done)
        for ky in range(size):
            row = y * stride + ky - pad
            if 0 <= row < shape.h:
                for kx in range(size):
                    i0 = max((pad - kx + stride - 1) // stride - x, 0)
                    i1 = min((shape.w - 1 + pad - kx) // stride + 1 - x, length)
                    start = row * shape.w + x * stride + kx - pad
                    to = (ky * size + kx) * width + done
                    for _ in range(channels):
                        for i in range(i0, i1):
                            panel[to + i] = source[start + i * stride]
                        start += shape.plane
                        to += size * size * width
        done += length
        y, x = y + 1, 0
