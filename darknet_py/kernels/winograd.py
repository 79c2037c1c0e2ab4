"""3x3 convolutions of stride 1 by Winograd's minimal filtering: few multiplications, other bits (profile ``fast``).

Tiles of the input are transformed, multiplied position by position with transformed filters (as matrices: filters x
channels times channels x tiles), and the sums transformed back. See `winograd_code`.
"""

from __future__ import annotations

from typing import NamedTuple

from .atomic import claim, stay_away
from .conv_multiply import multiply_filters
from .conv_pack import copy_window
from .conv_pool import pool_rows
from .epilogue import finish_filters
from .jit import kernel
from .simd import pointer, shifted
from .winograd_code import transform_inputs, transform_outputs

TASK_NUMBERS = 4
"""Numbers of a task, see `winograd`."""


class WinogradCut(NamedTuple):
    """How the work is cut. Tiles are numbered along the rows of an image, images one after the other.

    Attributes:
        across, down: tiles of a row, rows of tiles of an image.
        shared: 1: all tiles have been transformed before (`transform_tiles`); 0: each task does so with its own.
        pitch: distance of two channels of transformed tiles.
        channels: channels of which the window has the inputs at once.
        row: values of a row of the window.
        plane: values of a channel of the window.
        tiles: where in a worker's scratch memory the transformed tiles lie, behind the window.
        sums: where the sums lie.
        sums_pitch: distance of two positions of the sums.
        pixels: where a few tiles of outputs lie, pixel by pixel.
        band: where a block's outputs lie that are pooled before they leave.
        pool_h, pool_w: sides of the output after a 2x2 maximum pooling; 0: none.
        next_in, next_out: distance of two images in the input and in the output.
        scratch: values of a worker's scratch memory.
    """

    across: int
    down: int
    shared: int
    pitch: int
    channels: int
    row: int
    plane: int
    tiles: int
    sums: int
    sums_pitch: int
    pixels: int
    band: int
    pool_h: int
    pool_w: int
    next_in: int
    next_out: int
    scratch: int


@kernel
def pack_winograd(queue, packed, weights, matrix, n, c, inputs, block):
    # packed: per block of filters (positions, c, block), G g G' of each filter; absent filters are 0
    # weights: (n, c, 3, 3); matrix: G, (inputs, 3) float64
    blocks = (n + block - 1) // block
    positions = inputs * inputs
    while True:
        b = claim(queue, 0)
        if b >= blocks:
            return
        present = min(block, n - b * block)
        for channel in range(c):
            for r in range(present):
                at = ((b * block + r) * c + channel) * 9
                for i in range(inputs):
                    x, y, z = matrix[i * 3], matrix[i * 3 + 1], matrix[i * 3 + 2]
                    left = x * weights[at] + y * weights[at + 3] + z * weights[at + 6]
                    middle = x * weights[at + 1] + y * weights[at + 4] + z * weights[at + 7]
                    right = x * weights[at + 2] + y * weights[at + 5] + z * weights[at + 8]
                    for j in range(inputs):
                        value = matrix[j * 3] * left + matrix[j * 3 + 1] * middle + matrix[j * 3 + 2] * right
                        packed[((b * positions + i * inputs + j) * c + channel) * block + r] = value


@kernel
def transform_tiles(queue, tiles, source, scratch, images, shape, cut, transform, tile):
    # tiles: (positions, c, cut.pitch), all tiles of all images; source: (c, h, w), cut.next_in apart for each image;
    # scratch: see `winograd`. A task is some channels of all images.
    worker = claim(queue, 1)
    if (worker + 1) * cut.scratch > scratch.size:
        stay_away(queue)  # more threads than there is memory for: the others do it
        return
    window = pointer(scratch, worker * cut.scratch)
    parts = (shape.c + cut.channels - 1) // cut.channels
    while True:
        task = claim(queue, 0)
        if task >= parts:
            return
        first, end = task * cut.channels, min((task + 1) * cut.channels, shape.c)
        for image in range(images):
            place = pointer(tiles, image * cut.down * cut.across)
            seen = pointer(source, image * cut.next_in)
            _transform(place, seen, window, first, end, 0, cut.down, shape, cut, transform, tile)


@kernel
def _transform(tiles, source, window, channel0, channel1, row0, row1, shape, cut, transform, tile):
    # The rows of tiles row0 .. row1 - 1 of one image; tiles: pointer to the first one's place; shape: with the size and
    # the stride of tiles
    height = (row1 - row0) * transform.outputs + 2
    part = cut.row // transform.outputs
    for channel in range(channel0, channel1, cut.channels):
        channels = min(cut.channels, channel1 - channel)
        copy_window(
            tile, window, shifted(source, channel * shape.plane), shape, cut.row, cut.plane, -shape.pad,
            row0 * transform.outputs - shape.pad, height, channels,
        )  # fmt: skip
        for c in range(channels):
            for y in range(row1 - row0):
                line = shifted(window, c * cut.plane + y * transform.outputs * cut.row)
                out = shifted(tiles, (channel + c) * cut.pitch + y * cut.across)
                for x in range(0, cut.across, tile.lanes):  # what is written too much is written again, or is room
                    transform_inputs(
                        tile, transform, shifted(out, x), shape.c * cut.pitch, shifted(line, x), cut.row, part
                    )  # fmt: skip


@kernel
def winograd(
    queue, out, source, tiles, weights, singles, doubles, scratch, tasks, offsets, shape, cut, finish, transform, tile
):
    # out: (n, out_h, out_w), or (n, pool_h, pool_w) with a pooling, cut.next_out apart for each image;
    # source: (c, h, w), cut.next_in apart; tiles: see transform_tiles, if cut.shared; weights: see pack_winograd;
    # singles, doubles: see Finish; scratch: (workers, cut.scratch); tasks: (tasks, 4) int64: first block of filters and
    # the one behind the last, the same of rows of tiles; offsets: (c,) int64: multiples of cut.pitch;
    # shape: with the size and the stride of tiles
    worker = claim(queue, 1)
    if (worker + 1) * cut.scratch > scratch.size:
        stay_away(queue)  # more threads than there is memory for: the others do it
        return
    window = pointer(scratch, worker * cut.scratch)
    while True:
        task = claim(queue, 0) * TASK_NUMBERS
        if task >= tasks.size:
            return
        block0, block1, row0, row1 = tasks[task], tasks[task + 1], tasks[task + 2], tasks[task + 3]
        if cut.shared:
            seen = pointer(tiles, row0 * cut.across)
        else:
            seen = shifted(window, cut.tiles)
            row = row0
            while row < row1:
                end = min(row1, (row // cut.down + 1) * cut.down)
                image = pointer(source, row // cut.down * cut.next_in)
                first = row // cut.down * cut.down
                place = shifted(seen, (row - row0) * cut.across)
                _transform(place, image, window, 0, shape.c, row - first, end - first, shape, cut, transform, tile)
                row = end
        for block in range(block0, block1):
            at = pointer(weights, block * transform.positions * shape.c * tile.filters)
            _multiply(window, seen, at, pointer(offsets, 0), (row1 - row0) * cut.across, shape, cut, transform, tile)
            _finish(
                pointer(out, 0), window, row0, row1, block * tile.filters, pointer(singles, block * tile.filters),
                pointer(doubles, block * tile.filters), shape, cut, finish, transform, tile,
            )  # fmt: skip


@kernel
def _multiply(window, seen, weights, offsets, tiles, shape, cut, transform, tile):
    # Sums of one block of filters: position by position, its weights meet all tiles
    pieces = (tiles + tile.columns - 1) // tile.columns
    step = (tile.filters + pieces - 1) // pieces  # each piece fetches its share of the next position's weights
    for position in range(transform.positions):
        sums, mine = (
            shifted(window, cut.sums + position * cut.sums_pitch),
            shifted(seen, position * shape.c * cut.pitch),
        )
        for piece in range(pieces):
            first, end = piece * tiles // pieces, (piece + 1) * tiles // pieces
            ahead = shifted(weights, (tile.filters + step * piece) * shape.c)
            multiply_filters(
                tile, end - first, shifted(sums, first * tile.filters), True, weights, shifted(mine, first), offsets,
                shape.c, ahead, step,
            )  # fmt: skip
        weights = shifted(weights, shape.c * tile.filters)


@kernel
def _finish(out, window, row0, row1, filter0, singles, doubles, shape, cut, finish, transform, tile):
    # Outputs of one block of filters: a vector of pixels of a row of tiles at a time
    present = min(tile.filters, shape.n - filter0)
    together = max(tile.lanes // transform.outputs, 1)
    width = together * transform.outputs
    buffer, row_pitch = shifted(window, cut.pixels), width * tile.filters
    spatial = cut.pool_h * cut.pool_w if cut.pool_h > 0 else shape.out_h * shape.out_w
    for row in range(row0, row1):
        image, y = row // cut.down, row % cut.down * transform.outputs
        image_out = shifted(out, image * cut.next_out + filter0 * spatial)
        height = min(transform.outputs, shape.out_h - y)
        if cut.pool_h > 0:
            target, plane = shifted(window, cut.band), height * shape.out_w
        else:
            target, plane = shifted(image_out, y * shape.out_w), spatial
        for x in range(0, cut.across, together):
            for i in range(x, min(x + together, cut.across)):
                sums = shifted(window, cut.sums + ((row - row0) * cut.across + i) * tile.filters)
                place = shifted(buffer, (i - x) * transform.outputs * tile.filters)
                for v in range(0, tile.filters, tile.lanes):
                    transform_outputs(
                        tile, transform, shifted(place, v), row_pitch, shifted(sums, v), cut.sums_pitch
                    )  # fmt: skip
            column = x * transform.outputs
            for j in range(height):
                finish_filters(
                    tile, shifted(target, j * shape.out_w + column), plane, 0, shifted(buffer, j * row_pitch), present,
                    min(width, shape.out_w - column), singles, doubles, finish,
                )  # fmt: skip
        if cut.pool_h > 0:
            pool_rows(
                tile, shifted(image_out, y // 2 * cut.pool_w), spatial, cut.pool_w, target, plane, height, shape.out_w,
                present, min((y + height + 1) // 2, cut.pool_h) - y // 2,
            )  # fmt: skip
