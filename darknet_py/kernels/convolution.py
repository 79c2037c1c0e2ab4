"""Convolution as Darknet computes it, bit for bit: per output, k ascending over (channel, ky, kx), each product and
each sum rounded to float32. Blocks over filters, pixels and k (whose float32 sums wait in memory) change no bit."""

from __future__ import annotations

from typing import NamedTuple

from .atomic import claim
from .conv_multiply import multiply_add
from .conv_pack import find_taps, pack_aligned, pack_any
from .epilogue import finish_tile
from .jit import kernel


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
def convolution(queue, out, source, weights, singles, doubles, floats, ints, shape, blocking, finish, tile):  # type: ignore[no-untyped-def]
    # out: (groups, n, out_h * out_w), source: (groups, c, h, w), weights: see pack_weights; singles, doubles, finish:
    # see finish_tile; floats, ints: scratch of all workers
    worker = claim(queue, 1)
    f, i = worker * blocking.floats, worker * blocking.ints
    pixel_tasks, filter_tasks = blocking.pixel_tasks, blocking.filter_tasks
    blocks = (shape.n + tile.rows - 1) // tile.rows
    while True:
        task = claim(queue, 0)
        if task >= shape.groups * filter_tasks * pixel_tasks:
            return
        group = task // (filter_tasks * pixel_tasks)
        filters, pixels = divmod(task % (filter_tasks * pixel_tasks), pixel_tasks)
        block = filters * blocks // filter_tasks
        stop = (filters + 1) * blocks // filter_tasks
        _task(
            out, source, weights, singles, doubles, floats, f, ints, i, shape, blocking, finish, tile, group, block,
            stop, pixels,
        )  # fmt: skip


@kernel
def _task(  # type: ignore[no-untyped-def]
    out, source, weights, singles, doubles, floats, f, ints, i, shape, blocking, finish, tile, group, block, stop,
    pixels,
):  # fmt: skip
    # Filter blocks block .. stop - 1 of a group on the panels of pixel task ``pixels``.
    rows, taps, spatial = tile.rows, shape.size * shape.size, shape.out_h * shape.out_w
    blocks = (shape.n + rows - 1) // rows
    depth = shape.c * taps
    whole = tile.lanes * tile.vectors
    panels = (spatial + whole - 1) // whole
    panel0 = pixels * panels // blocking.pixel_tasks
    panel1 = (pixels + 1) * panels // blocking.pixel_tasks
    aligned = shape.stride == 1 and shape.w == shape.out_w
    if aligned:
        for panel in range(panel0, panel1):
            m = i + (panel - panel0) * taps
            find_taps(ints, m, shape, panel * whole, min(whole, spatial - panel * whole))
    for channel in range(0, shape.c, blocking.channels):
        channels = min(blocking.channels, shape.c - channel)
        length = channels * taps
        for panel in range(panel0, panel1):
            first = panel * whole
            count = min(whole, spatial - first)
            at = f + (panel - panel0) * whole * length
            m = i + (panel - panel0) * taps
            if aligned:
                pack_aligned(
                    tile, floats, at, source, group * shape.group, shape, ints, m, first, count, channel, channels
                )  # fmt: skip
            else:
                pack_any(tile, floats, at, source, group * shape.group, shape, first, count, channel, channels)
        k0 = channel * taps
        last = channel + channels == shape.c
        waits = not (last and channel == 0)
        for b in range(block, stop):
            w = (group * depth + k0) * blocks * rows + b * rows * length
            row = b * rows
            for panel in range(panel0, panel1):
                first = panel * whole
                count = min(whole, spatial - first)
                sums = f + blocking.sums
                if waits:
                    sums += ((b - block) * (panel1 - panel0) + panel - panel0) * rows * whole
                vectors = (count + tile.lanes - 1) // tile.lanes
                at = f + (panel - panel0) * whole * length
                multiply_add(tile, vectors, floats, sums, channel == 0, weights, w, floats, at, length)
                if last:
                    f0 = group * shape.n + row
                    finish_tile(
                        tile, out, f0 * spatial + first, spatial, first, floats, sums, f + blocking.floats - tile.lanes,
                        f0, min(rows, shape.n - row), count, singles, doubles, finish,
                    )  # fmt: skip
