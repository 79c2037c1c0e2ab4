"""Convolution as Darknet computes it, bit for bit: per output, k ascending over (channel, ky, kx), each product and
each sum rounded to float32. Blocks over filters, pixels and k (whose float32 sums wait in memory) change no bit."""

from __future__ import annotations

from typing import NamedTuple

from .atomic import claim
from .conv_multiply import multiply_add
from .conv_pack import find_taps, pack_aligned, pack_any
from .epilogue import finish_tile
from .jit import kernel
from .simd import pointer, shifted


class ConvShape(NamedTuple):
    """A convolution's numbers. ``c`` and ``n`` are the channels and filters of one group; ``plane`` is the distance of
    two channels in the input, ``group`` that of two groups."""

    c: int
    h: int
    w: int
    n: int
    groups: int
    size: int
    stride: int
    pad: int
    out_h: int
    out_w: int
    plane: int
    group: int


class Blocking(NamedTuple):
    """How the work is cut: channels of one part of k, panels per task, tasks along filters and along pixels, and the
    layout of a worker's scratch memory (floats: panels, then sums; ints: taps of each panel)."""

    channels: int
    panels: int
    filter_tasks: int
    pixel_tasks: int
    sums: int
    floats: int
    ints: int


@kernel
def convolution(queue, out, source, weights, singles, doubles, floats, ints, shape, blocking, finish, tile):
    # out: (groups, n, out_h * out_w), source: (groups, c, h, w), weights: see pack_weights; singles, doubles, finish:
    # see finish_tile; floats, ints: scratch of all workers
    worker = claim(queue, 1)
    panels, taps = pointer(floats, worker * blocking.floats), pointer(ints, worker * blocking.ints)
    pixel_tasks, filter_tasks = blocking.pixel_tasks, blocking.filter_tasks
    blocks = (shape.n + tile.rows - 1) // tile.rows
    depth, spatial = shape.c * shape.size * shape.size, shape.out_h * shape.out_w
    while True:
        task = claim(queue, 0)
        if task >= shape.groups * filter_tasks * pixel_tasks:
            return
        group = task // (filter_tasks * pixel_tasks)
        filters, pixels = task // pixel_tasks % filter_tasks, task % pixel_tasks
        block = filters * blocks // filter_tasks
        stop = (filters + 1) * blocks // filter_tasks
        f0 = group * shape.n
        _task(
            pointer(out, f0 * spatial), pointer(source, group * shape.group),
            pointer(weights, group * blocks * tile.rows * depth), pointer(singles, 3 * f0), pointer(doubles, 4 * f0),
            panels, taps, shape, blocking, finish, tile, block, stop, pixels,
        )  # fmt: skip


@kernel
def _task(out, source, weights, singles, doubles, panels, taps, shape, blocking, finish, tile, block, stop, pixels):
    # Filter blocks block .. stop - 1 of a group on the panels of pixel task ``pixels``.
    rows, square, spatial = tile.rows, shape.size * shape.size, shape.out_h * shape.out_w
    blocks = (shape.n + rows - 1) // rows
    whole = tile.lanes * tile.vectors
    count_panels = (spatial + whole - 1) // whole
    panel0 = pixels * count_panels // blocking.pixel_tasks
    panel1 = (pixels + 1) * count_panels // blocking.pixel_tasks
    aligned = shape.stride == 1 and shape.w == shape.out_w
    waiting = shifted(panels, blocking.sums)
    spare = shifted(panels, blocking.floats - tile.lanes)
    if aligned:
        for panel in range(panel0, panel1):
            first = panel * whole
            find_taps(shifted(taps, (panel - panel0) * square), shape, first, min(whole, spatial - first))
    for channel in range(0, shape.c, blocking.channels):
        channels = min(blocking.channels, shape.c - channel)
        length = channels * square
        for panel in range(panel0, panel1):
            first = panel * whole
            count = min(whole, spatial - first)
            at = shifted(panels, (panel - panel0) * whole * length)
            from_ = shifted(source, channel * shape.plane)
            if aligned:
                pack_aligned(
                    tile, at, from_, shape, shifted(taps, (panel - panel0) * square), first, count, channels
                )  # fmt: skip
            else:
                pack_any(tile, at, from_, shape, first, count, channels)
        last = channel + channels == shape.c
        waits = not (last and channel == 0)
        for b in range(block, stop):
            w = shifted(weights, channel * square * blocks * rows + b * rows * length)
            row = b * rows
            for panel in range(panel0, panel1):
                first = panel * whole
                count = min(whole, spatial - first)
                sums = waiting
                if waits:
                    sums = shifted(waiting, ((b - block) * (panel1 - panel0) + panel - panel0) * rows * whole)
                vectors = (count + tile.lanes - 1) // tile.lanes
                at = shifted(panels, (panel - panel0) * whole * length)
                multiply_add(tile, vectors, sums, channel == 0, w, at, length)
                if last:
                    finish_tile(
                        tile, shifted(out, row * spatial + first), spatial, first, sums, spare,
                        min(rows, shape.n - row), count, shifted(singles, 3 * row), shifted(doubles, 4 * row), finish,
                    )  # fmt: skip
