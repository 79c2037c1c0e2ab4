"""A convolutional layer -> steps of Winograd's minimal filtering (profile ``fast``), where that is less work."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..kernels.conv.fetch import LINE
from ..kernels.conv.winograd import transform_tiles, winograd
from ..kernels.conv.winograd_code import F2, F4, F4_HALVING
from ..kernels.conv.winograd_cut import WinogradCut, tile_room, tiles_together
from ..kernels.conv.winograd_pack import pack_winograd
from ..kernels.vector.tile import BYTES, HALVES, PAIRS
from .conv_cut import is_near, with_room
from .memory import aligned_floats, frozen
from .processor import PAIRED, USUAL, ZEN4, Pace
from .step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..kernels.conv.cut import ConvShape
    from ..kernels.conv.winograd_code import Winograd
    from ..kernels.runtime.work import PlanKernel
    from ..kernels.vector.tile import Tile
    from ..typing import Floats, Ints
    from .context import LayerContext
    from .conv_cut import Images


SHARED = 2_000_000
"""Most float32 values that all transformed tiles may have for being made by a step of their own: they then lie in the
last cache. Of larger layers each task makes its own, in the second cache."""

OWN = 130_000
"""About how many values a task's own transformed tiles may have."""

SUMS = 64_000
"""About how many values the sums of a task may have."""

WINDOW = 6_000
"""About how many values a window has: it stays in the first cache."""

PART = 128
"""Channels of a part of k where weights have to come from the first cache (`conv_cut.is_near`): those of a block have a
quarter of it then, and what is read of the tiles the rest."""

TASKS = 8
"""Least tasks per thread."""

MOST_PAIRS = 920
"""Most words of two channels whose sums, four times as large, are int32: 2**31 / (4 * 9 * 255 * 127) channels."""

FORWARD, BACK = 16, 4
"""Cycles per position that the transforms of a vector take, of inputs (most of which waits for memory) and outputs."""

FEW_BLOCKS = 2
"""Most blocks of filters of which a task has all: it makes its own tiles, and nobody makes them again. So it is with"""

LARGE = 100_000
"""more values than that in all transformed tiles: fewer are soon handed from one core to another."""

MEMORY = 6.0
"""Bytes per cycle that come from memory, for all threads together, about: deep layers' weights are read from there, and
Winograd's are more."""


def choose_transform(shape: ConvShape, threads: int, tile: Tile) -> Winograd | None:
    """The transform with which a convolution of one image takes fewest cycles; None: it takes fewer without.

    Of words of bytes, those that are multiplied count as channels.
    """
    if shape.size != 3 or shape.stride > 2 or shape.groups != 1 or min(shape.c, shape.n) < tile.lanes // 2:
        return None
    whole = tile.words == BYTES
    if whole and not (tile.bytes == HALVES and shape.stride == 1 and shape.c <= MOST_PAIRS):
        return None
    pixels, pace = shape.out_h * shape.out_w, _pace(tile)
    plain = _cycles(9 * shape.c * shape.n * pixels, 9 * shape.c * shape.n, threads, tile)
    costs: list[tuple[float, Winograd | None]] = [(plain, None)]
    for transform in (F2,) if whole else (F2, F4) if shape.stride == 1 else (F4_HALVING,):
        down, across = -(-shape.out_h // transform.outputs), -(-shape.out_w // transform.outputs)
        tiles = down * across
        pieces = -(-tiles // tile.columns)
        columns = pieces * max(tiles / pieces, (tiles / pieces + 3) / 2)  # a tile per k: products, or two loads a cycle
        filters = -(-shape.n // tile.filters) * tile.filters
        products = transform.positions * shape.c * filters * columns
        inputs = FORWARD * shape.c * down * -(-across // tile.lanes)
        outputs = BACK * filters // tile.lanes * tiles
        numbers = 2 if tile.words == PAIRS else 1  # both of a word are transformed
        transforms = numbers * transform.positions * (inputs + outputs) * pace.products * tile.lanes
        costs.append(
            (_cycles(products + transforms, transform.positions * shape.c * filters, threads, tile), transform)
        )
    return min(costs, key=lambda choice: choice[0])[1]


def _cycles(products: float, weights: float, threads: int, tile: Tile) -> float:
    return max(products / (_pace(tile).products * tile.lanes * threads), 4 * weights / MEMORY)


def _pace(tile: Tile) -> Pace:
    """What a core makes in a cycle of the products of a tile's lanes."""
    return PAIRED if tile.words == PAIRS else ZEN4 if tile.embedded else USUAL


def winograd_steps(
    transform: Winograd, shape: ConvShape, operands: Mapping[str, Any], tile: Tile, context: LayerContext,
    kernel: PlanKernel = winograd, missing: int = 0,
) -> list[Step]:  # fmt: skip
    """The steps that compute a convolution.

    Args:
        transform: the tiles.
        shape: the convolution, of one group, 3x3, with the transform's stride.
        operands: the kernel's weights (see `pack_tiles`), coefficients and finish.
        tile: the micro-kernels' shape.
        context: the layer's buffers, images, threads and pooling.
        kernel: computes sums and what follows them.
        missing: the word that stands outside of the input, if it has words.
    """
    images = context.images
    tiles_of_one = -(-shape.out_h // transform.outputs) * -(-shape.out_w // transform.outputs)
    together = max(1, SHARED // (transform.positions * shape.c * tile.parts * tiles_of_one))
    steps = []
    for start in range(0, images.count, together):
        count = min(together, images.count - start)
        some = replace(
            context, images=replace(images, count=count),
            sources=[_images(context.x, start, count, images.count, images.next_in)],
            out=_images(context.out, start, count, images.count, images.next_out),
        )  # fmt: skip
        steps += _steps_of_some(transform, shape, operands, tile, some, kernel, missing)
    return steps


def _images(buffer: Floats, start: int, count: int, images: int, pitch: int) -> Floats:
    """Of a buffer of images, ``pitch`` apart, some of them."""
    size = buffer.size - (images - 1) * pitch
    return buffer[start * pitch : (start + count - 1) * pitch + size]


def _steps_of_some(
    transform: Winograd, shape: ConvShape, operands: Mapping[str, Any], tile: Tile, context: LayerContext,
    kernel: PlanKernel, missing: int,
) -> list[Step]:  # fmt: skip
    """`winograd_steps` of so few images that their tiles may be transformed together."""
    pooled = (context.pool.out.h, context.pool.out.w) if context.pool else (0, 0)
    cut, tasks = cut_winograd(transform, shape, context.threads, tile, pooled, context.images)
    shape = shape._replace(size=transform.inputs, stride=transform.step)  # as windows are made for: tile by tile
    common = {"source": context.x, "shape": shape, "cut": cut, "transform": transform, "tile": tile}
    last = context.step(
        kernel, out=context.out, tasks=tasks.reshape(-1),
        offsets=with_room(np.arange(shape.c * tile.parts, dtype=np.int64) * cut.pitch), **operands, **common,
    )  # fmt: skip
    if not cut.shared:
        return [last]
    tiles = last.arguments["tiles"]
    return [context.step(transform_tiles, tiles=tiles, images=context.images.count, missing=missing, **common), last]


def cut_winograd(
    transform: Winograd, shape: ConvShape, threads: int, tile: Tile, pooled: tuple[int, int], images: Images
) -> tuple[WinogradCut, Ints]:
    """Blocks and tasks (see `kernels.conv.winograd.winograd`)."""
    m, positions = transform.outputs, transform.positions
    across, down = -(-shape.out_w // m), -(-shape.out_h // m)
    lines, blocks, depth = images.count * down, -(-shape.n // tile.filters), shape.c * tile.parts
    values = positions * depth * lines * across
    alone = values > LARGE and blocks <= FEW_BLOCKS and lines >= threads
    shared = values <= SHARED and not alone
    most = SUMS // (positions * tile.filters * across)
    if not shared:
        most = min(most, OWN // (positions * depth * across))
    own = _rows_alone(lines, max(1, most), threads) if alone else []
    rows = max(own) if own else -(-lines // -(-lines // max(1, most)))
    pitch = (lines if shared else rows) * across + tile_room(across, tile)
    apart = (-(-depth * pitch // LINE) | 1) * LINE
    row = transform.step * (-(-(across + 1) // tile.lanes) * tile.lanes)
    plane = row * (((down if shared else min(rows, down)) - 1) * transform.step + transform.inputs)
    channels = max(1, min(shape.c, WINDOW // plane))
    offsets = np.cumsum([
        channels * plane + tile.lanes,  # the window
        0 if shared else positions * apart,
        positions * (rows * across * tile.filters + tile.lanes),
        tiles_together.py_func(m, tile) * m * m * tile.filters,
    ])  # fmt: skip
    tiles, sums, pixels, end = map(int, offsets)
    cut = WinogradCut(
        across=across, down=down, shared=int(shared), pitch=pitch, apart=apart, channels=channels, row=row, plane=plane,
        part=min(depth, PART) if is_near(tile) else depth, tiles=tiles, sums=sums,
        sums_pitch=rows * across * tile.filters + tile.lanes, pixels=pixels, pool_h=pooled[0], pool_w=pooled[1],
        next_in=images.next_in, next_out=images.next_out, scratch=-(-end // 16) * 16,
    )  # fmt: skip
    ranges = [*pairwise(np.cumsum([0, *(own or _evenly(lines, -(-lines // rows)))]).tolist())]
    together = 1 if shared else -(-blocks // -(-TASKS * threads // len(ranges)))
    parts = [(first, min(first + together, blocks)) for first in range(0, blocks, together)]
    tasks = [(*part, *range_) for part in parts for range_ in ranges]
    if alone:  # rows that are left over for some threads only are shared out by blocks
        rest = len(ranges) - lines % threads
        singles = [(block, block + 1, *range_) for range_ in ranges[rest:] for block in range(blocks)]
        each = rest // threads
        tasks = []
        for thread in range(threads):
            tasks += [(0, blocks, *range_) for range_ in ranges[thread * each : (thread + 1) * each]]
            tasks += singles[thread::threads]
    return cut, np.array(tasks, np.int64)


def _evenly(count: int, parts: int) -> list[int]:
    """Sizes of so many parts, as even as can be, the larger ones first."""
    return [count // parts + int(i < count % parts) for i in range(parts)]


def _rows_alone(lines: int, most: int, threads: int) -> list[int]:
    """How many rows the tasks have, thread by thread, such that each has as many: and then single rows, of which there
    are too few for all threads."""
    each = lines // threads
    return _evenly(each, -(-each // most)) * threads + [1] * (lines % threads)


def pack_tiles(weights: Floats, transform: Winograd, shape: ConvShape, tile: Tile, context: LayerContext) -> Floats:
    """The weights, transformed, in the kernel's order."""
    blocks = -(-shape.n // tile.filters)
    out = aligned_floats(transform.positions * shape.c * blocks * tile.filters)
    context.prepare(
        Step.of(
            pack_winograd, packed=out, weights=frozen(weights),
            matrix=np.ascontiguousarray(transform.matrices[1].reshape(-1)), n=shape.n, c=shape.c,
            inputs=transform.inputs, block=tile.filters, tile=tile,
        )
    )  # fmt: skip
    return out
