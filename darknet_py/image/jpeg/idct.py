"""The inverse cosine transform of one block, with the arithmetic of stb_image's SSE2 code.

It is the integer transform of Loeffler, Ligtenberg and Moschytz (1989) with 12-bit constants, rounded to 2 more bits
after the columns. Coefficients that no encoder writes make 16-bit sums wrap and packed results saturate; that is part
of the arithmetic. LLVM vectors of 8 lanes, one lane a column: LLVM lowers them to what the processor has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from ...kernels.runtime.later import cgutils, intrinsic, types
from .tables import ZIGZAG

_BYTE, _SHORT, _INT = (ir.VectorType(ir.IntType(bits), 8) for bits in (8, 16, 32))
_BLOCK = ir.VectorType(ir.IntType(16), 64)
_ZIGZAG_PLACES = np.argsort(ZIGZAG[:64]).tolist()
"""Where in zigzag order the coefficients are, row by row."""

_FRACTION = 12
_COLUMN_SHIFT, _ROW_SHIFT = 10, 17


def _fixed(value: float) -> int:
    """A float32 constant with 12 fractional bits; C's rounding, which truncates towards zero after adding a half."""
    return int(float(np.float32(value)) * (1 << _FRACTION) + 0.5)


_ROTATIONS = {
    "even": (_fixed(0.5411961), _fixed(-1.847759065), _fixed(0.765366865)),
    "outer": (_fixed(1.175875602), _fixed(-0.899976223), _fixed(-2.562915447)),
    "73": (_fixed(-1.961570560), _fixed(0.298631336), _fixed(3.072711026)),
    "51": (_fixed(-0.390180644), _fixed(2.053119869), _fixed(1.501321110)),
}
"""(c, a, b): a pair (x, y) turns into ((c + a) x + c y, c x + (c + b) y)."""


def _splat(vector: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(vector, [value] * 8)


def _rotate(
    b: ir.IRBuilder, x: ir.Value, y: ir.Value, first: tuple[int, int], second: tuple[int, int]
) -> tuple[ir.Value, ir.Value]:
    """Two weighted sums of 16-bit vectors, in 32 bits."""
    x, y = b.sext(x, _INT), b.sext(y, _INT)
    sums = (
        b.add(b.mul(x, _splat(_INT, weights[0])), b.mul(y, _splat(_INT, weights[1]))) for weights in (first, second)
    )
    return next(sums), next(sums)


def _clamp(b: ir.IRBuilder, x: ir.Value, low: int, high: int) -> ir.Value:
    low_vector, high_vector = _splat(x.type, low), _splat(x.type, high)
    x = b.select(b.icmp_signed("<", x, low_vector), low_vector, x)
    return b.select(b.icmp_signed(">", x, high_vector), high_vector, x)


def _transform(b: ir.IRBuilder, rows: list[ir.Value], bias: int, shift: int) -> list[ir.Value]:
    """One pass over eight 16-bit vectors: each lane is transformed; the results saturate to 16 bits."""
    c, a, d = _ROTATIONS["even"]
    even2, even3 = _rotate(b, rows[2], rows[6], (c, c + a), (c + d, c))
    wide = [
        b.shl(b.sext(sum04, _INT), _splat(_INT, _FRACTION))
        for sum04 in (b.add(rows[0], rows[4]), b.sub(rows[0], rows[4]))
    ]
    x0, x3 = b.add(wide[0], even3), b.sub(wide[0], even3)
    x1, x2 = b.add(wide[1], even2), b.sub(wide[1], even2)

    c, a, d = _ROTATIONS["73"]
    y0, y2 = _rotate(b, rows[7], rows[3], (c + a, c), (c, c + d))
    c, a, d = _ROTATIONS["51"]
    y1, y3 = _rotate(b, rows[5], rows[1], (c + a, c), (c, c + d))
    c, a, d = _ROTATIONS["outer"]
    y4, y5 = _rotate(b, b.add(rows[1], rows[7]), b.add(rows[3], rows[5]), (c + a, c), (c, c + d))
    odd = [b.add(y3, y4), b.add(y2, y5), b.add(y1, y5), b.add(y0, y4)]

    out: list[ir.Value] = [None] * 8
    for i, (even, other) in enumerate(zip((x0, x1, x2, x3), odd, strict=True)):
        biased = b.add(even, _splat(_INT, bias))
        for place, total in ((i, b.add(biased, other)), (7 - i, b.sub(biased, other))):
            value = _clamp(b, b.ashr(total, _splat(_INT, shift)), -(1 << 15), (1 << 15) - 1)
            out[place] = b.trunc(value, _SHORT)
    return out


def _transposed(b: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """An 8 x 8 matrix of 16-bit numbers, in three rounds of interleaving rows i and i + 4."""
    low, high = ([half + 8 * side for half in range(start, start + 4) for side in (0, 1)] for start in (0, 4))
    masks = [ir.Constant(ir.VectorType(ir.IntType(32), 8), order) for order in (low, high)]
    for _ in range(3):
        rows = [b.shuffle_vector(rows[i], rows[i + 4], mask) for i in range(4) for mask in masks]
    return rows


def _rows(b: ir.IRBuilder, source: ir.Value, at: ir.Value) -> list[ir.Value]:
    """The eight rows of the block that starts at place ``at``, row by row."""
    places = [b.gep(source, [b.add(at, ir.Constant(at.type, 8 * i))]) for i in range(8)]
    return [b.load(b.bitcast(place, _SHORT.as_pointer()), align=2) for place in places]


def _zigzag_rows(b: ir.IRBuilder, source: ir.Value, at: ir.Value, steps: ir.Value) -> list[ir.Value]:
    """The eight rows of the block that starts at place ``at``, in zigzag order like its factors."""
    places = (b.gep(source, [at]), b.gep(steps, [ir.Constant(at.type, 0)]))
    block, factors = (b.load(b.bitcast(place, _BLOCK.as_pointer()), align=2) for place in places)
    product = b.mul(block, factors)
    order = ir.VectorType(ir.IntType(32), 8)
    masks = [ir.Constant(order, _ZIGZAG_PLACES[start : start + 8]) for start in range(0, 64, 8)]
    return [b.shuffle_vector(product, product, mask) for mask in masks]


@intrinsic
def idct(
    typingctx: Any, plane: Any, start: Any, stride: Any, block: Any, at: Any, steps: Any
) -> tuple[Any, Callable[..., ir.Value]]:
    """Transform ``block[at : at + 64]`` (int16) into the 8 x 8 bytes of ``plane`` from ``start`` on.

    ``steps``: int16[64], what the block, in zigzag order as they are, is multiplied by, wrapping to 16 bits. Or None:
    the block is there row by row, and multiplied.
    """
    scaled = not isinstance(steps, types.NoneType)
    signature = types.void(
        types.Array(types.uint8, 1, "C"), types.int64, types.int64, types.Array(types.int16, 1, "C"), types.int64,
        steps,
    )  # fmt: skip

    def codegen(context: Any, b: ir.IRBuilder, signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        plane, start, stride, block, at, steps = args
        source = cgutils.create_struct_proxy(signature.args[3])(context, b, block).data
        target = cgutils.create_struct_proxy(signature.args[0])(context, b, plane).data
        if scaled:
            factors = cgutils.create_struct_proxy(signature.args[5])(context, b, steps).data
            rows = _zigzag_rows(b, source, at, factors)
        else:
            rows = _rows(b, source, at)
        columns = _transform(b, rows, 1 << (_COLUMN_SHIFT - 1), _COLUMN_SHIFT)
        level = (128 << _ROW_SHIFT) + (1 << (_ROW_SHIFT - 1))
        results = _transposed(b, _transform(b, _transposed(b, columns), level, _ROW_SHIFT))
        for result in results:
            pixels = b.trunc(_clamp(b, result, 0, 255), _BYTE)
            pointer = b.gep(target, [start])
            b.store(pixels, b.bitcast(pointer, _BYTE.as_pointer()), align=1)
            start = b.add(start, stride)
        return context.get_dummy_value()

    return signature, codegen
