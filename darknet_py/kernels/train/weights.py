"""The gradient of a convolution's weights (``gemm_nt`` of ``backward_convolutional_layer``) by the micro-kernels.

A task goes through its images, part by part of their cells: what the cells see and the deltas are brought into the
micro-kernel's order in the nearest caches, and the sums wait there for the next part. Each image's sums start from 0,
run over the cells in their order, and are added as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..conv.multiply import multiply_pixels
from ..runtime.atomic import join, next_task
from ..runtime.jit import kernel
from ..runtime.work import plan_kernel
from ..vector.simd import add, load, load_between, pointer, shifted, splat, store, store_first
from ..vector.transpose import store_transposed

if TYPE_CHECKING:
    from ..conv.cut import ConvShape
    from ..vector.tile import Tile


class Share(NamedTuple):
    """How the work of `weight_gradient` is cut.

    Attributes:
        images: of a task: all of them, or one.
        adds: 1: its images' sums are added to what is there, 0: they are written.
        filters: of a task: whole blocks of the micro-kernel's rows.
        taps: of a task: whole vectors.
        cells: of a part.
        scratch: values of a worker's scratch memory, see `scratch_of`.
    """

    images: int
    adds: int
    filters: int
    taps: int
    cells: int
    scratch: int


def scratch_of(filters: int, taps: int, cells: int, tile: Tile) -> int:
    """Values of a worker's scratch memory: a square of the registers, deltas, what cells see, sums, their totals."""
    pixels = -(-taps // tile.pixels) * tile.pixels
    return tile.lanes * tile.lanes + (filters + pixels) * cells + 2 * filters * pixels


def count_shares(images: int, shape: ConvShape, share: Share) -> int:
    """Tasks of `weight_gradient`."""
    taps = shape.c * shape.size * shape.size
    return images // share.images * shape.groups * -(-shape.n // share.filters) * -(-taps // share.taps)


@plan_kernel(tasks=count_shares, temporary={"scratch": lambda workers, share: workers * share.scratch})
def weight_gradient(queue, out, x, delta, offsets, scratch, images, shape, share, tile):
    """Each image's sums over the cells of deltas times what the cells see; 0 in the padding.

    Args:
        out: updated float32[images // share.images, shape.groups, shape.n, shape.c, shape.size, shape.size]: the sums
            of a task's images, added one after the other; or of its only one
        x: float32[images:shape.groups * shape.group, shape.groups:shape.group, shape.c:shape.plane, shape.h, shape.w]
        delta: float32[images, shape.groups, shape.n, shape.out_h, shape.out_w]
        offsets: int64[share.cells + AHEAD]: multiples of tile.pixels
        scratch: temporary float32[workers, share.scratch]
        images: int
        shape: ConvShape
        share: Share
        tile: Tile

    Requires:
        shape.out_h == windows(shape.h + 2 * shape.pad, shape.size, shape.stride)
        shape.out_w == windows(shape.w + 2 * shape.pad, shape.size, shape.stride)
        share.images == images if share.adds > 0 else share.images == 1
        share.filters > 0 and share.filters % tile.rows == 0 and share.taps > 0 and share.taps % tile.lanes == 0
        share.cells > 0 and (offsets[:share.cells] % tile.pixels == 0).all()
        (offsets[1:share.cells] - offsets[:share.cells - 1] == tile.pixels).all() and offsets[0] == 0
        share.scratch >= scratch_of(share.filters, share.taps, share.cells, tile)
    """
    worker = join(queue, scratch.size // share.scratch)
    if worker < 0:
        return
    room = pointer(scratch, worker * share.scratch)
    taps = shape.c * shape.size * shape.size
    parts, blocks = (taps + share.taps - 1) // share.taps, (shape.n + share.filters - 1) // share.filters
    cells = shape.out_h * shape.out_w
    while True:
        task = next_task(queue)
        if task < 0:
            return
        tap, task = task % parts * share.taps, task // parts
        f, task = task % blocks * share.filters, task // blocks
        group, slot = task % shape.groups, task // shape.groups
        target = pointer(out, ((slot * shape.groups + group) * shape.n + f) * taps + tap)
        filters, count = min(share.filters, shape.n - f), min(share.taps, taps - tap)
        if share.adds > 0:
            _move_totals(tile, target, room, share, filters, taps, count, True)
        for image in range(slot * share.images, (slot + 1) * share.images):
            source = pointer(x, (image * shape.groups + group) * shape.group)
            deltas = pointer(delta, ((image * shape.groups + group) * shape.n + f) * cells)
            for first in range(0, cells, share.cells):
                last = min(first + share.cells, cells)
                _unroll(tile, room, source, shape, share, tap, count, first, last)
                _pack(tile, room, deltas, filters, cells, share, first, last)
                _multiply(tile, room, pointer(offsets, 0), share, filters, count, first, last, cells)
        _move_totals(tile, target, room, share, filters, taps, count, False)


@kernel
def _unroll(tile, room, source, shape, share, tap, count, first, last):
    """What some cells see, cell by cell, in panels as wide as the micro-kernel's blocks.

    Args:
        tile: Tile
        room: written float32*: scratch memory
        source: float32*: a group's first channel
        shape: ConvShape
        share: Share
        tap, count: int: the first tap, and how many
        first, last: int: the first cell, and the one behind the last
    """
    lanes, pixels = tile.lanes, tile.pixels
    panels = shifted(room, lanes * lanes + share.filters * share.cells)
    cell = first
    while cell < last:
        row, column = cell // shape.out_w, cell % shape.out_w
        width = min(lanes, min(shape.out_w - column, last - cell))
        for i in range(0, count, lanes):
            _see(tile, room, source, shape, tap + i, min(lanes, count - i), row, column)
            at = i // pixels * pixels * share.cells + (cell - first) * pixels + i % pixels
            store_transposed(tile, shifted(panels, at), pixels, room, lanes, width, lanes)
        cell += width


@kernel
def _see(tile, square, source, shape, first, count, row, column):
    """What some taps see of the cells from a column of an output's row on, a vector for each tap; 0 for absent taps.

    Args:
        tile: Tile
        square: written float32*
        source: float32*: a group's first channel
        shape: ConvShape
        first, count: int: number of the first tap, and how many
        row, column: int: of the output
    """
    size, stride, lanes = shape.size, shape.stride, tile.lanes
    channel, ky, kx = first // (size * size), first // size % size, first % size
    zero = splat(tile, np.float32(0))
    for i in range(count):
        y, left = row * stride + ky - shape.pad, column * stride + kx - shape.pad
        line = shifted(source, channel * shape.plane + y * shape.w)
        vector = shifted(square, i * lanes)
        if y < 0 or y >= shape.h:
            store(vector, 0, zero)
        elif stride == 1:
            store(vector, 0, load_inside(tile, line, left, left, shape.w))
        else:
            for j in range(lanes):
                at = left + j * stride
                vector[j] = line[at] if 0 <= at < shape.w else np.float32(0)
        kx += 1
        if kx == size:
            kx, ky = 0, ky + 1
            if ky == size:
                ky, channel = 0, channel + 1
    for i in range(count, lanes):
        store(square, i * lanes, zero)


@kernel(forceinline=True)
def load_inside(tile, start, i, x, width):
    """Values of a row from pixel ``x`` on; 0 for pixels outside of it, which are not read. Returns a vector.

    Args:
        tile: Tile
        start: float32*
        i: int: where the first value lies
        x: int: the first pixel: may be negative, or behind the row
        width: int: pixels of the row
    """
    lanes = tile.lanes
    if x >= 0 and x + lanes <= width:
        return load(tile, start, i)
    low = min(max(-x, 0), lanes)
    return load_between(tile, start, i, low, max(low, min(width - x, lanes)))


@kernel
def _pack(tile, room, deltas, filters, cells, share, first, last):
    """The deltas of some cells in blocks of the micro-kernel's rows, cell by cell; 0 for absent filters.

    Args:
        tile: Tile
        room: written float32*: scratch memory
        deltas: float32*: of the first filter
        filters, cells: int: how many there are of each
        share: Share
        first, last: int: the first cell, and the one behind the last
    """
    lanes, rows = tile.lanes, tile.rows
    packed, zero = shifted(room, lanes * lanes), splat(tile, np.float32(0))
    for f in range(0, filters, rows):
        for part in range(0, rows, lanes):
            count = min(lanes, rows - part)
            for cell in range(first, last, lanes):
                width = min(lanes, last - cell)
                for r in range(count):
                    if f + part + r < filters:
                        line = shifted(deltas, (f + part + r) * cells)
                        store(room, r * lanes, load_between(tile, line, cell, 0, width))
                    else:
                        store(room, r * lanes, zero)
                at = f * share.cells + (cell - first) * rows + part
                store_transposed(tile, shifted(packed, at), rows, room, lanes, width, count)


@kernel
def _multiply(tile, room, offsets, share, filters, count, first, last, cells):
    """All products of one part; after the last one the sums are added to the totals, or become them.

    Args:
        tile: Tile
        room: updated float32*: scratch memory
        offsets: int64*
        share: Share
        filters, count: int: filters and taps of the task
        first, last, cells: int: the part's first cell, the one behind its last, and all cells
    """
    lanes, rows, pixels = tile.lanes, tile.rows, tile.pixels
    packed = shifted(room, lanes * lanes)
    panels = shifted(packed, share.filters * share.cells)
    width = (share.taps + pixels - 1) // pixels * pixels
    totals = shifted(panels, width * share.cells)
    waiting, single = shifted(totals, width * share.filters), first == 0 and last == cells
    at = 0
    for tap in range(0, count, pixels):
        vectors = (min(pixels, count - tap) + lanes - 1) // lanes
        for f in range(0, filters, rows):
            total, sums = shifted(totals, at), shifted(waiting, 0 if single else at)
            multiply_pixels(
                tile, vectors, total if share.adds == 0 else sums, first == 0, shifted(packed, f * share.cells),
                shifted(panels, tap * share.cells), offsets, last - first,
            )  # fmt: skip
            at += rows * pixels
            if share.adds > 0 and last == cells:
                for i in range(0, rows * vectors * lanes, lanes):
                    store(total, i, add(load(tile, total, i), load(tile, sums, i)))


@kernel
def _move_totals(tile, target, room, share, filters, taps, count, fetched):
    """Totals from where they belong into the scratch memory, in the order of the micro-kernel's blocks, or back.

    Args:
        tile: Tile
        target: updated float32*: place of the task's first filter and tap in the result
        room: updated float32*: scratch memory
        share: Share
        filters: int: of the task
        taps, count: int: of a filter, and of the task
        fetched: bool: whether they come, or go back
    """
    lanes, rows, pixels = tile.lanes, tile.rows, tile.pixels
    width = (share.taps + pixels - 1) // pixels * pixels
    totals = shifted(room, lanes * lanes + (share.filters + width) * share.cells)
    at = 0
    for tap in range(0, count, pixels):
        vectors = (min(pixels, count - tap) + lanes - 1) // lanes
        for f in range(0, filters, rows):
            for r in range(min(rows, filters - f)):
                for v in range(vectors):
                    place, present = (f + r) * taps + tap + v * lanes, min(lanes, count - tap - v * lanes)
                    total = at + (r * vectors + v) * lanes
                    if fetched:
                        store(totals, total, load_between(tile, target, place, 0, present))
                    else:
                        store_first(target, place, load(tile, totals, total), present)
            at += rows * pixels
