"""Sums with pixels in the lanes that are pooled and finished in the registers (see `pool`), with the bits of doing one
after the other in memory.

Where only few products lead to a sum, as in a network's first layer, its way to memory and back takes as long as they.
So two rows of pixels are taken together, a vector of each: the sums of a square are in registers then. And a task's
rows are gone through in one call, with what finishing needs of the filters made ready before. Batch normalisation
and leaky alone are done here, and only where no lane needs care (`pool.pool_pixels`); else some sums are computed anew.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from ..layers.activations import LEAKY
from ..runtime.jit import kernel
from ..runtime.later import intrinsic, types
from ..vector.llvm import INT, INT32, any_lane, load_vector, shuffled, store_vector, zeros
from ..vector.simd import shifted
from .epilogue import ORDER
from .finished import NUMBERS, normalized, scaled
from .multiply import block_products, kind_of, multiply_pixels, separate
from .pool import LOWEST, NEAR_ZERO, Squares, pool_pixels

if TYPE_CHECKING:
    from ..vector.tile import Tile

SIDE = 3
"""Of the windows that are done here: a round of the loop over k takes the taps of a channel, of which a row lies side
by side in the window, and needs one offset."""

_FLOATS = ir.FloatType().as_pointer()


@kernel(forceinline=True)
def is_wide(tile, by_pixels, pooled, channels, c):
    """Whether the pieces of a convolution are as wide as its tasks: `run_wide` goes through them.

    Args:
        tile: Tile
        by_pixels: bool: lanes hold pixels
        pooled: int: height of the output if it is pooled; 0: it is not
        channels, c: int: of a part of k, and of the input
    """
    return by_pixels and pooled > 0 and channels >= c and not tile.words


@kernel
def run_wide(tile, operands, plane, sums, pixels, shape, cut, finish, piece):
    """Two rows of pixels, or the last one alone, from their products to what is pooled.

    Args:
        tile: Tile
        operands: Operands
        plane: int: values of a channel of the output
        sums: updated float32*: twice cut.area
        pixels: float32*: the lower row's first pixel in the window; the last one's, if that has no row below
        shape, cut, finish, piece: ConvShape, Cut, Finish, Piece: of that row
    """
    f, length = piece.block * cut.block, shape.c * shape.size * shape.size
    present, below = min(cut.block, shape.n - f), cut.row * shape.stride if piece.below > 0 else 0
    weights, out = shifted(operands.weights, f * length), shifted(operands.out, f * plane + piece.place)
    singles, doubles = shifted(operands.singles, f), shifted(operands.doubles, f)
    next_ = shape.out_w if below > 0 else 0
    first, upper, lower = piece.first - next_, shifted(pixels, -below), shifted(sums, cut.area)
    usual = finish.normalize and finish.code == LEAKY and finish.divided == 0
    quick = usual and tile.pools_within and below > 0 and present == cut.block
    quick = quick and shape.size == SIDE and shape.stride == 1
    vectors = min(piece.width, 2 * piece.squares) // tile.lanes
    pair = 2 * tile.lanes  # of vectors, as they are pooled
    most = tile.pixels // pair * pair if tile.contract else tile.pixels
    done = 0
    while done * tile.lanes < piece.width:
        if quick and done < vectors:
            done = pool_products(
                tile, done, vectors, weights, upper, below, operands.offsets, length, singles, finish.pitch, out, plane
            )
        j = done * tile.lanes
        count = min(piece.width - j, most)
        if count > 0:
            some = (count + tile.lanes - 1) // tile.lanes
            multiply_pixels(tile, some, sums, True, weights, shifted(upper, j), operands.offsets, length)
            if below > 0:
                multiply_pixels(tile, some, lower, True, weights, shifted(pixels, j), operands.offsets, length)
            squares = Squares(
                first + j, next_, cut.area if below > 0 else 0, count, min((count + 1) // 2, piece.squares - j // 2)
            )
            pool_pixels(tile, shifted(out, j // 2), plane, sums, present, squares, singles, doubles, finish)
            done += some


@intrinsic
def pool_products(
    typingctx: Any, tile: Any, start: Any, end: Any, weights: Any, pixels: Any, below: Any, offsets: Any, depth: Any,
    singles: Any, pitch: Any, out: Any, plane: Any,
) -> Any:  # fmt: skip
    """``out[r * plane + j]`` = finished sums of `multiply_pixels` at ``pixels`` and at ``pixels + below``, pooled.

    Of the vectors of pixels ``start`` .. ``end`` - 1, at least one; returns the first one in which some lane needs
    care, and what is in ``out`` from there on is of no use.
    """
    shape = tile.value

    def emit(builder: Any, function: Any) -> None:
        start, end, weights, pixels, below, offsets, depth, singles, pitch, out, plane, *again = function.args
        fail, go_on, done = (builder.append_basic_block(name) for name in ("fail", "go_on", "done"))
        table = [load_vector(builder, builder.gep(singles, [builder.mul(pitch, INT(i))]), shape.rows) for i in range(7)]
        numbers = [_Numbers(builder, table, first, shape.lanes) for first in range(0, shape.rows, 2)]
        entry, group = builder.block, builder.append_basic_block("group")
        unsure = builder.fcmp_unordered("==", table[ORDER], zeros(table[ORDER].type))
        builder.cbranch(any_lane(builder, unsure), fail, group)

        builder.position_at_end(group)
        v = builder.phi(INT)
        upper = builder.gep(pixels, [builder.mul(v, INT(shape.lanes))])
        sums = _sums(builder, shape, (upper, below), [weights, *again], offsets, depth)
        finished = [_finished(builder, sums[4 * i : 4 * i + 4], two) for i, two in enumerate(numbers)]
        for i, (both, _) in enumerate(finished):
            half = shape.lanes // 2
            for s in range(2):
                place = builder.add(builder.mul(plane, INT(2 * i + s)), builder.mul(v, INT(half)))
                values = shuffled(builder, both, both, list(range(s * half, (s + 1) * half)))
                store_vector(builder, values, builder.gep(out, [place]))
        last, unsure = builder.block, functools.reduce(builder.or_, [doubtful for _, doubtful in finished])
        builder.cbranch(any_lane(builder, unsure), fail, go_on)

        builder.position_at_end(go_on)
        following = builder.add(v, INT(1))
        builder.cbranch(builder.icmp_signed("<", following, end), group, done)
        v.add_incoming(start, entry)
        v.add_incoming(following, go_on)
        builder.position_at_end(done)
        builder.ret(end)
        builder.position_at_end(fail)
        reached = builder.phi(INT)
        reached.add_incoming(start, entry)
        reached.add_incoming(v, last)
        builder.ret(reached)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if not shape.pools_within:
            return args[1]
        name = f"pooled_{shape.lanes}x{shape.rows}_{kind_of(shape)}"
        again = [args[3]] * int(shape.embedded)
        kinds = [INT, INT, _FLOATS, _FLOATS, INT, INT.as_pointer(), INT, _FLOATS, INT, _FLOATS, INT, _FLOATS]
        function = separate(builder.module, name, kinds[: 11 + len(again)], emit, INT)
        return builder.call(function, [*args[1:], *again])

    int64 = types.int64
    given = int64, int64, weights, pixels, int64, offsets, int64, singles, int64, out, int64
    return types.int64(tile, *given), codegen


def _sums(builder: Any, tile: Tile, pixels: tuple[Any, Any], weights: list[Any], offsets: Any, depth: Any) -> list[Any]:
    """The sums of a vector of pixels and of the one below: of each filter two.

    Args:
        builder: LLVM's, at the end of a block; afterwards it is in another one.
        tile: the micro-kernel's shape.
        pixels: where the upper row's lie, and how far away the lower row's are.
        weights: where they lie, see `block_products`.
        offsets, depth: as for `multiply_pixels`.
    """
    rows: list[Any] = []

    def read(k: Any, tap: Any) -> tuple[list[Any], list[Any]]:
        lines = [load_vector(builder, builder.gep(row, [tap]), tile.lanes) for row in rows]
        return lines, [builder.gep(start, [builder.mul(k, INT(tile.rows))]) for start in weights]

    products = block_products(builder, read, tile, tile.rows)
    before, loop, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("after")
    none = ir.Constant(ir.VectorType(ir.FloatType(), tile.lanes), None)
    values = [INT(0), builder.load(offsets), *[none] * (2 * tile.rows)]
    builder.branch(loop)
    builder.position_at_end(loop)
    phis = [builder.phi(value.type) for value in values]
    k, offset, *sums = phis
    for _ in range(SIDE):
        upper = builder.gep(pixels[0], [offset])
        rows[:] = upper, builder.gep(upper, [pixels[1]])
        offset = builder.load(builder.gep(offsets, [builder.add(k, INT(SIDE))]))  # the next row's
        for tap in range(SIDE):
            sums = products(k, INT(tap), sums)
            k = builder.add(k, INT(1))
    for phi, first, again in zip(phis, values, [k, offset, *sums], strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(again, loop)
    builder.cbranch(builder.icmp_signed("<", k, depth), loop, after)
    builder.position_at_end(after)
    return sums


class _Numbers:
    """What the sums of two filters meet, in vectors of two values of the first one, two of the second, and so on.

    Attributes:
        signs: of each filter, in all lanes: the sign by which the largest sum becomes the largest value.
        mixed: the same of both, as numbers of 32 bits.
        rows: of the coefficients: mean, scale, bias, and three for the quotient.
    """

    def __init__(self, builder: Any, table: list[Any], first: int, lanes: int) -> None:
        """
        Args:
            builder: LLVM's.
            table: of the tile's filters the rows of the coefficients, see `epilogue.Finish`.
            first: number of the first of the two filters there.
            lanes: of the vectors.
        """
        bits = ir.VectorType(INT32, table[ORDER].type.count)
        signs = builder.and_(builder.bitcast(table[ORDER], bits), ir.Constant(bits, [-(2**31)] * bits.count))
        order = [first, first, first + 1, first + 1] * (lanes // 4)
        self.signs = [shuffled(builder, signs, signs, [first + s] * lanes) for s in (0, 1)]
        self.mixed = shuffled(builder, signs, signs, order)
        self.rows = [shuffled(builder, row, row, order) for row in table[:NUMBERS]]


def _finished(builder: Any, lines: list[Any], numbers: _Numbers) -> tuple[Any, Any]:
    """The finished squares of two filters, one's behind the other's, and a mask of lanes that are not sure.

    ``lines``: of each filter the sums of the upper row, and of the lower one.
    """
    vector, lanes = lines[0].type, lines[0].type.count
    whole, quarters = ir.VectorType(INT32, lanes), range(0, lanes, 4)

    def constant(value: float) -> Any:
        return ir.Constant(vector, [float(value)] * lanes)

    def turned(x: Any, sign: Any) -> Any:
        return builder.bitcast(builder.xor(builder.bitcast(x, whole), sign), vector)

    def larger(a: Any, b: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", a, b), a, b)

    columns = []
    for s, sign in enumerate(numbers.signs):
        upper, lower = (turned(line, sign) for line in lines[2 * s : 2 * s + 2])
        columns.append(larger(lower, larger(upper, constant(-np.inf))))
    left, right = columns
    even, odd = (shuffled(builder, left, right, [q + i for q in quarters for i in (j, j + 2, j + lanes, j + lanes + 2)])
                 for j in (0, 1))  # fmt: skip
    y, unsure = normalized(builder, turned(larger(odd, even), numbers.mixed), numbers.rows)
    zero = builder.and_(
        builder.fcmp_ordered("<=", y, constant(NEAR_ZERO)), builder.fcmp_ordered(">=", y, constant(-NEAR_ZERO))
    )
    less = builder.fcmp_ordered("<", y, zeros(vector))
    y = larger(builder.select(less, scaled(builder, y), y), constant(LOWEST))
    order = [q + i + j for j in (0, 2) for q in quarters for i in (0, 1)]
    return shuffled(builder, y, y, order), builder.or_(unsure, zero)
