"""How the work of `winograd` is cut, and what a plan's check asks of a cut."""

from __future__ import annotations

from typing import NamedTuple

from ..runtime.jit import kernel
from ..runtime.work import each_part_once
from ..vector.tile import SHORTER, Tile
from .fetch import LINE

TASK_NUMBERS = 4
"""Numbers of a task, see `winograd`."""


class WinogradCut(NamedTuple):
    """How the work is cut. Tiles are numbered along the rows of an image, images one after the other.

    Attributes:
        across, down: tiles of a row, rows of tiles of an image.
        shared: 1: all tiles have been transformed before (`transform_tiles`); 0: each task does so with its own.
        pitch: distance of two channels of transformed tiles.
        apart: distance of two positions of transformed tiles: an odd number of the cache's lines. (A multiple of a
            large power of two would give all positions of a tile, which are written together, the same places.)
        channels: channels of which the window has the inputs at once.
        row: values of a row of the window.
        plane: values of a channel of the window.
        part: channels (or words) whose products are added up for all of a task's tiles before the next ones: their
            weights are in the first cache meanwhile.
        tiles: where in a worker's scratch memory the transformed tiles lie, behind the window.
        sums: where the sums lie.
        sums_pitch: distance of two positions of the sums.
        pixels: where a few tiles of outputs lie, pixel by pixel.
        pool_h, pool_w: sides of the output after a 2x2 maximum pooling; 0: none.
        next_in, next_out: distance of two images in the input and in the output.
        scratch: values of a worker's scratch memory.
    """

    across: int
    down: int
    shared: int
    pitch: int
    apart: int
    channels: int
    row: int
    plane: int
    part: int
    tiles: int
    sums: int
    sums_pitch: int
    pixels: int
    pool_h: int
    pool_w: int
    next_in: int
    next_out: int
    scratch: int


def count_tiled(tasks, cut):
    """How many images the tasks of a `winograd` are for."""
    return int(tasks[TASK_NUMBERS - 1 :: TASK_NUMBERS].max()) // cut.down


def tiles_cover_all(tasks, shape, cut, tile):
    """Whether the tasks of a `winograd` are all of it, each part once."""
    numbers = tasks.reshape(-1, TASK_NUMBERS)
    blocks = -(-shape.n // tile.filters)
    return each_part_once(numbers[:, [0, 2]], numbers[:, [1, 3]], [blocks, count_tiled(tasks, cut) * cut.down])


def parts_fit(shape, cut, transform, tile):
    """Whether a worker's scratch memory has room for the tiles and sums of a task of a `winograd`."""
    own = 0 if cut.shared else transform.positions * cut.apart
    apart = cut.apart >= shape.c * tile.parts * cut.pitch
    return apart and cut.sums - cut.tiles >= own and cut.pixels - cut.sums >= transform.positions * cut.sums_pitch


def shared_tiles(shape, cut, transform, tile):
    """Values of the transformed tiles that a step of their own makes."""
    return transform.positions * cut.apart if cut.shared else 0


def tile_room(across: int, tile: Tile) -> int:
    """How many values are written behind the tiles of a row: vectors are whole."""
    rest = across % tile.lanes
    return 0 if rest == 0 else (SHORTER if tile.embedded and rest <= SHORTER else tile.lanes) - rest


@kernel(forceinline=True)
def tiles_together(outputs, tile):
    """How many tiles of a row are transformed back before their outputs are written: a line of the cache with those of
    8 lanes, too.

    Args:
        outputs: int: side of a tile
        tile: Tile
    """
    pixels = LINE if tile.lanes == SHORTER and not tile.words else tile.lanes
    return max(pixels // outputs, 1)
