"""Blocks of sums that are finished in the registers, with the bits of doing that in memory (`epilogue`).

Batch normalisation or biases, then leaky or nothing. Where few products lead to a sum, as in 1x1 convolutions, its way
to memory and back takes a quarter of their time. A lane needs care where the two products that enclose a quotient round
to different numbers (`epilogue._quotient`), and where a product is a denormal number (`activation._leaky`): that is
asked once for a whole block, which is computed anew if there is one.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from llvmlite import ir

from ..layers.activations import LEAKY, LINEAR
from ..runtime.jit import kernel
from ..runtime.later import intrinsic, types
from ..vector.llvm import INT, any_lane, broadcast, fused_multiply_add, store_vector
from ..vector.simd import shifted
from .activation import LEAKY_HIGH, LEAKY_LOW, LEAKY_SMALLEST
from .multiply import ARGUMENTS, kind_of, product_loop, switched

NUMBERS = 6
"""Rows of the coefficients that a sum meets, see `epilogue.Finish`: mean, scale, bias, and three for the quotient."""

_FLOATS = ir.FloatType().as_pointer()
_TARGET = [_FLOATS, INT, _FLOATS, INT, ir.IntType(1)]
"""LLVM's types of the arguments of `pixels_finished` from ``singles`` on."""


@kernel(forceinline=True)
def is_usual(tile, finish):
    """Whether sums can be finished in the registers.

    Args:
        tile: Tile
        finish: Finish
    """
    return tile.keeps_sums and finish.divided == 0 and (finish.code == LEAKY or finish.code == LINEAR)


@kernel(forceinline=True)
def run_finished(tile, operands, plane, sums, pixels, shape, cut, finish, piece):
    """A block as `convolution.run_block` has it, if it `is_usual`; returns whether that is done.

    Args:
        tile: Tile
        operands: Operands
        plane: int: values of a channel of the output
        sums: float32*: of the parts before
        pixels: float32*: the piece's first pixel in the window
        shape, cut, finish, piece: ConvShape, Cut, Finish, Piece
    """
    channel, channels, f = piece.channel, piece.channels, piece.block * cut.block
    if channel + channels < shape.c or piece.width % tile.lanes != 0 or f + cut.block > shape.n:
        return False
    taps = shape.size * shape.size
    return pixels_finished(
        tile, piece.width // tile.lanes, sums, channel == 0,
        shifted(operands.weights, (channel * piece.rows + f * channels) * taps), pixels, operands.offsets,
        channels * taps, shifted(operands.singles, f), finish.pitch, shifted(operands.out, f * plane + piece.place),
        plane, finish.code == LEAKY,
    )  # fmt: skip


@intrinsic
def pixels_finished(
    typingctx: Any, tile: Any, vectors: Any, sums: Any, fresh: Any, weights: Any, pixels: Any, offsets: Any, depth: Any,
    singles: Any, pitch: Any, out: Any, plane: Any, leaky: Any,
) -> Any:  # fmt: skip
    """``out[r * plane + j]`` = the finished sums [r, j] of `multiply.multiply_pixels`; ``sums`` stay as they are.

    All lanes are written. Returns whether none needs care; if one does, what is in ``out`` is of no use.
    """
    shape = tile.value

    def emit(builder: Any, function: Any, vectors: int) -> None:
        _, sums, fresh, weights, pixels, offsets, depth, singles, pitch, out, plane, leaky, *again = function.args

        def operands(k: Any, offset: Any) -> tuple[Any, list[Any]]:
            place = builder.mul(k, INT(shape.rows))
            return builder.gep(pixels, [offset]), [builder.gep(start, [place]) for start in [weights, *again][:vectors]]

        def finish(builder: Any, values: list[Any]) -> None:
            float_ = ir.FloatType()
            limit = builder.select(leaky, float_(0.0), float_(-np.inf))
            limits, doubts = broadcast(builder, limit, shape.lanes), []
            for r in range(shape.rows):
                row = builder.gep(singles, [INT(r)])
                places = [builder.gep(row, [builder.mul(pitch, INT(i))]) for i in range(NUMBERS)]
                numbers = [broadcast(builder, builder.load(place), shape.lanes) for place in places]
                for v, value in enumerate(values[r * vectors : (r + 1) * vectors]):
                    result, unsure = _finished(builder, value, numbers, limits)
                    place = builder.add(builder.mul(plane, INT(r)), INT(v * shape.lanes))
                    store_vector(builder, result, builder.gep(out, [place]))
                    doubts.append(unsure)
            builder.ret(builder.not_(any_lane(builder, functools.reduce(builder.or_, doubts))))

        product_loop(builder, (sums, fresh, depth, offsets), operands, shape, vectors, shape.rows, finish)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not shape.keeps_sums:
            return ir.IntType(1)(0)
        name = f"pixels_finished_{shape.lanes}x{shape.rows}x{shape.vectors}_{kind_of(shape)}"
        again = [args[4]] * (shape.vectors - 1 if shape.embedded else 0)
        arguments = [*ARGUMENTS, *_TARGET, *[_FLOATS] * len(again)]
        function = switched(builder.module, name, arguments, shape.vectors, emit, ir.IntType(1))
        return builder.call(function, [*args[1:], *again])

    int64, boolean = types.int64, types.boolean
    given = int64, sums, boolean, weights, pixels, offsets, int64, singles, int64, out, int64, boolean
    return boolean(tile, *given), codegen


def _finished(builder: Any, x: Any, numbers: list[Any], limits: Any) -> tuple[Any, Any]:
    """A vector of finished sums, and a mask of lanes that are not sure; ``limits``: below which values are scaled."""
    y, unsure = normalized(builder, x, numbers)
    less = builder.fcmp_ordered("<", y, limits)
    small = builder.fcmp_ordered(">", y, _splat(y, LEAKY_SMALLEST))
    return builder.select(less, scaled(builder, y), y), builder.or_(unsure, builder.and_(less, small))


def normalized(builder: Any, x: Any, numbers: list[Any]) -> tuple[Any, Any]:
    """Sums after batch normalisation, and a mask of lanes whose quotient is not sure.

    ``numbers``: vectors, see `NUMBERS`.
    """
    mean, scale, bias, near, below, above = numbers
    x = builder.fsub(x, mean)
    low = fused_multiply_add(builder, x, near, builder.fmul(x, below))
    high = fused_multiply_add(builder, x, near, builder.fmul(x, above))
    return builder.fadd(builder.fmul(low, scale), bias), builder.fcmp_unordered("!=", low, high)


def scaled(builder: Any, y: Any) -> Any:
    """A tenth of values up to `activation.LEAKY_SMALLEST`, as leaky has it."""
    return fused_multiply_add(builder, y, _splat(y, LEAKY_HIGH), builder.fmul(y, _splat(y, LEAKY_LOW)))


def _splat(like: Any, value: np.float32) -> Any:
    return ir.Constant(like.type, [float(value)] * like.type.count)
