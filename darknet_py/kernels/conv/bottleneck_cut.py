"""A bottleneck's numbers, and how its work is cut and its memory laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..vector.tile import Tile


class Bottleneck(NamedTuple):
    """The layers' numbers.

    Attributes:
        c, h, w: channels and sides of the input.
        plane: values (or words of some) of a channel of the input.
        expands: 1: a 1x1 convolution makes the wide map of it; 0: it is the wide map.
        e: channels of the wide map.
        size, stride, pad: of the depthwise convolution.
        n, out_h, out_w: channels and sides of the output.
        adds: 1: a map of the output's shape is added.
        first_code, middle_code, last_code, added_code: activations of the convolutions, and behind the addition.
    """

    c: int
    h: int
    w: int
    plane: int
    expands: int
    e: int
    size: int
    stride: int
    pad: int
    n: int
    out_h: int
    out_w: int
    adds: int
    first_code: int
    middle_code: int
    last_code: int
    added_code: int


class Band(NamedTuple):
    """How the work is cut, and where in a worker's scratch memory everything lies.

    Attributes:
        rows: of outputs of a task.
        pitch: values of a row of the frame.
        middle: where the depthwise convolution's outputs lie, behind the frame.
        part: values of those of one block of channels.
        block: where the last convolution's outputs lie, before they are transposed, and a block before it is.
        scratch: values of a worker's scratch memory.
    """

    rows: int
    pitch: int
    middle: int
    part: int
    block: int
    scratch: int


def bands(shape, band):
    """Tasks of an image."""
    return -(-shape.out_h // band.rows)


def blocks(count: int, tile: Tile) -> int:
    """Blocks of so many filters, with absent ones."""
    return -(-count // tile.filters)


def frame_width(shape: Bottleneck) -> int:
    """Pixels of a row of the frame."""
    return max(shape.pad + shape.w, (shape.out_w - 1) * shape.stride + shape.size)


def weights_before(shape: Bottleneck, tile: Tile) -> tuple[int, int]:
    """Where in the weights the depthwise filters begin, and where those of the last convolution."""
    first = shape.expands * blocks(shape.e, tile) * tile.filters * shape.c
    return first, first + blocks(shape.e, tile) * tile.filters * shape.size**2


def weights_size(shape: Bottleneck, tile: Tile, last: Tile) -> int:
    """Values of all weights."""
    return weights_before(shape, tile)[1] + blocks(shape.n, last) * last.filters * shape.e


def biases_size(shape: Bottleneck, tile: Tile, last: Tile) -> int:
    """Values of all biases: of the wide map twice, then those of the output."""
    return 2 * blocks(shape.e, tile) * tile.filters + blocks(shape.n, last) * last.filters


def is_band(band, shape, tile, last):
    """Whether the fields fit each other and the layers."""
    height = (band.rows - 1) * shape.stride + shape.size
    return (
        band.rows > 0
        and band.pitch >= frame_width(shape) * tile.filters
        and band.middle >= height * band.pitch
        and band.part >= band.rows * shape.out_w * tile.filters
        and band.block >= band.middle + blocks(shape.e, tile) * band.part
        and band.scratch >= band.block + max((last.single + last.lanes) * last.filters, tile.lanes * tile.lanes)
    )
