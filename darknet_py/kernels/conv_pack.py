"""Laying out weights (once, at load) and pixels (panel by panel) in the order in which the micro-kernel reads them."""

from __future__ import annotations

from .atomic import claim
from .jit import kernel
from .simd import load_masked, store


@kernel
def pack_weights(queue, packed, weights, filters, depth, part, rows):  # type: ignore[no-untyped-def]
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
def find_taps(bits, m, shape, first, count):  # type: ignore[no-untyped-def]
    # bits: (size, size) int64 from ``m`` on: bit j of (ky, kx) tells whether that tap of output pixel first + j lies
    # inside the image
    size, stride, pad = shape.size, shape.stride, shape.pad
    for tap in range(m, m + size * size):
        bits[tap] = 0
    done = 0
    while done < count:
        y, x = divmod(first + done, shape.out_w)
        length = min(shape.out_w - x, count - done)
        for kx in range(size):
            # 0 <= (x + i) * stride + kx - pad < w
            i0 = min(max((pad - kx + stride - 1) // stride - x, 0), length)
            i1 = min(max((shape.w - 1 + pad - kx) // stride + 1 - x, i0), length)
            run = ((1 << (i1 - i0)) - 1) << (done + i0)
            for ky in range(size):
                if 0 <= y * stride + ky - pad < shape.h:
                    bits[m + ky * size + kx] |= run
        done += length


@kernel
def pack_aligned(tile, panel, at, source, base, shape, bits, m, first, count, channel, channels):  # type: ignore[no-untyped-def]
    # panel: (channels * size * size, whole vectors of count pixels) from ``at`` on; source: the group's channels from
    # ``base`` on, ``shape.plane`` apart. Stride 1 and rows as long as the output's: a tap lies at the same distance
    # from each pixel.
    full = (1 << tile.lanes) - 1
    for c in range(channel, channel + channels):
        for ky in range(shape.size):
            for kx in range(shape.size):
                start = base + c * shape.plane + first + (ky - shape.pad) * shape.w + kx - shape.pad
                valid = bits[m + ky * shape.size + kx]
                for j in range(0, count, tile.lanes):
                    store(panel, at, load_masked(tile, source, start + j, (valid >> j) & full))
                    at += tile.lanes


@kernel
def pack_any(tile, panel, at, source, base, shape, first, count, channel, channels):  # type: ignore[no-untyped-def]
    # As pack_aligned, for every stride and padding.
    size, stride, pad = shape.size, shape.stride, shape.pad
    width = (count + tile.lanes - 1) // tile.lanes * tile.lanes
    for j in range(at, at + channels * size * size * width):
        panel[j] = 0
    done = 0
    while done < count:
        y, x = divmod(first + done, shape.out_w)
        length = min(shape.out_w - x, count - done)
        for ky in range(size):
            row = y * stride + ky - pad
            if 0 <= row < shape.h:
                for kx in range(size):
                    i0 = max((pad - kx + stride - 1) // stride - x, 0)
                    i1 = min((shape.w - 1 + pad - kx) // stride + 1 - x, length)
                    from_ = base + channel * shape.plane + row * shape.w + x * stride + kx - pad
                    to = at + (ky * size + kx) * width + done
                    for _ in range(channels):
                        for i in range(i0, i1):
                            panel[to + i] = source[from_ + i * stride]
                        from_ += shape.plane
                        to += size * size * width
        done += length
