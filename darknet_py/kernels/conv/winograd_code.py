"""Winograd's minimal filtering F(m x m, 3x3) as code: the transforms of a vector of tiles, one tile per lane.

A tile of m x m outputs is computed from (m + 2) x (m + 2) inputs by as many multiplications, where the plain way takes
9 m x m: 2.25 times fewer for m = 2, 4 times for m = 4 (Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks", 2016). With stride 2 the outer two of three taps meet even inputs only, the middle one odd inputs: the former
are a filter of two taps and stride 1 on every other input, F(m, 2), the latter needs m products; the outputs are the
sums of both. That is (2 m + 1) x (2 m + 1) inputs and products: 1.78 times fewer for m = 4. It is not Darknet's
arithmetic: profile ``fast`` only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import sqrt
from typing import Any

import numpy as np
from llvmlite import ir

from ...typing import Doubles
from ..runtime.compile_time import compile_time
from ..runtime.later import intrinsic, types
from ..vector.dots import operand_of
from ..vector.llvm import INT, INT32, broadcast, fused_multiply_add, load_vector, store_vector
from ..vector.pairs import joined, lower_of, upper_of
from ..vector.tile import BYTES, PAIRS, Tile
from .sloped import sloped

_FLOATS = ir.FloatType().as_pointer()
_HALF = ir.IntType(16)

DOUBLED = 4
"""How many times larger whole numbers become, because the filters' transform is doubled to have no fractions."""

POINTS = {
    (2, 1): (0.0, 1.0, -1.0),
    (4, 1): (0.0, sqrt(0.5), -sqrt(0.5), sqrt(2.0), -sqrt(2.0)),
    (4, 2): (0.5, -0.5, 1.5, -1.5),
}
"""Where the polynomials behind the transforms are evaluated (besides at infinity), by m and stride: in pairs of
opposite sign, which share half of their sums. For m = 4 those whose float32 errors were least: half, with stride 2 a
third of those with 0, +-1, +-2."""


@compile_time
@dataclass(frozen=True)
class Winograd:
    """F(m x m, 3x3) with m = ``outputs``, for convolutions of a stride of 1 or 2."""

    outputs: int
    stride: int = 1

    @property
    def inputs(self) -> int:
        """Side of a tile of the input."""
        return (self.outputs - 1) * self.stride + 3

    @property
    def step(self) -> int:
        """From one tile of the input to the next."""
        return self.outputs * self.stride

    @property
    def positions(self) -> int:
        """Values of a transformed tile."""
        return self.inputs**2

    @cached_property
    def matrices(self) -> tuple[Doubles, Doubles, Doubles]:
        """(m, inputs), (inputs, 3) and (inputs, inputs): A', G and B' of output = A' [(G g G') * (B' d B)] A.

        With stride 2, first comes what is made of even inputs, then the odd inputs as they are.
        """
        if self.stride == 1:
            return self.filtered
        m, size = self.outputs, self.inputs
        back, filters, forward = np.zeros((m, size)), np.zeros((size, 3)), np.zeros((size, size))
        back[:, : m + 1], filters[: m + 1, ::2], forward[: m + 1, ::2] = self.filtered
        back[:, m + 1 :], filters[m + 1 :, 1], forward[m + 1 :, 1::2] = np.eye(m), 1, np.eye(m)
        return back, filters, forward

    @cached_property
    def filtered(self) -> tuple[Doubles, Doubles, Doubles]:
        """The same of the taps that are filtered: all three, or with stride 2 the outer two.

        From Cook's and Toom's algorithm, as Lavin and Gray's appendix has it.
        """
        m, taps, points = self.outputs, 4 - self.stride, POINTS[self.outputs, self.stride]
        size = m + taps - 1
        back, filters, forward = np.zeros((m, size)), np.zeros((size, taps)), np.zeros((size, size))
        for j, point in enumerate(points):
            others = [other for other in points if other != point]
            back[:, j] = point ** np.arange(m)
            filters[j] = point ** np.arange(taps) / np.prod([point - other for other in others])
            forward[j, :-1] = np.poly(others)[::-1]
        back[-1, -1] = filters[-1, -1] = 1
        forward[-1] = np.poly(points)[::-1]
        return back, filters, forward


F2, F4, F4_HALVING = Winograd(2), Winograd(4), Winograd(4, 2)


@intrinsic
def transform_inputs(
    typingctx: Any, tile: Any, transform: Any, out: Any, pitch: Any, between: Any, window: Any, row: Any, part: Any
) -> Any:
    """B' d B of ``lanes`` tiles that lie side by side in a window as `pack.copy_window` makes it for a tile's step.

    out: pointer to (positions, lanes), positions ``pitch`` apart; window: pointer to the tiles' first row, rows ``row``
    apart, of as many parts as the step, of ``part`` values each. All of float32; or words of bytes (`HALVES`), of which
    two channels are made, ``between`` apart; or words of bfloat16 numbers, computed in float32 and then rounded.
    """
    step, size = transform.value.step, transform.value.inputs

    def emit(builder: Any, arguments: Sequence[Any]) -> None:
        out, pitch, between, *window = arguments
        shape = tile.value
        if shape.words == PAIRS:
            halves = [emit_part(builder, window, partial(_half, of=half)) for half in (lower_of, upper_of)]
            parts = [[joined(builder, *both) for both in zip(*halves, strict=True)]]
        else:
            operands = [partial(operand_of, tile=shape, part=number) for number in range(shape.parts)]
            parts = [emit_part(builder, window, operand) for operand in operands]
        for number, positions in enumerate(parts):
            first = builder.gep(out, [builder.mul(between, INT(number))])
            for position, value in enumerate(positions):
                store_vector(builder, value, builder.gep(first, [builder.mul(pitch, INT(position))]))

    def emit_part(builder: Any, arguments: Sequence[Any], operand: Callable[..., Any]) -> list[Any]:
        (window, row, part), numbers = arguments, _numbers(builder, tile.value, _HALF)
        lines = []
        for y in range(size):
            first = builder.gep(window, [builder.mul(row, INT(y))])
            taps = [builder.add(builder.mul(part, INT(x % step)), INT(x // step)) for x in range(size)]
            line = [load_vector(builder, builder.gep(first, [tap]), tile.value.lanes) for tap in taps]
            lines.append(
                _forward(numbers, transform.value, [numbers.of(operand(builder, words=each)) for each in line])
            )
        columns = [_forward(numbers, transform.value, column) for column in zip(*lines, strict=True)]
        return [numbers.lanes(columns[x][y]) for y in range(size) for x in range(size)]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"transform_inputs_{step}_{size}_{tile.value.words}_{tile.value.lanes}"
        builder.call(_function(builder.module, name, [_FLOATS, INT, INT, _FLOATS, INT, INT], emit), args[2:])
        return context.get_dummy_value()

    int64 = types.int64
    return types.void(tile, transform, out, int64, int64, window, int64, int64), codegen


@intrinsic
def transform_outputs(typingctx: Any, tile: Any, transform: Any, out: Any, row: Any, sums: Any, pitch: Any) -> Any:
    """A' M A of ``lanes`` filters of one tile.

    out: pointer to (m, m, lanes), rows ``row`` apart and columns ``tile.filters``; sums: pointer to (positions, lanes),
    positions ``pitch`` apart. All of float32; or of int32, of which each result is divided by `DOUBLED`.
    """
    code = _outputs_code(tile.value, transform.value, [])
    int64 = types.int64
    return types.void(tile, transform, out, int64, sums, int64), code


@intrinsic
def transform_outputs_sloped(
    typingctx: Any, tile: Any, transform: Any, out: Any, row: Any, sums: Any, pitch: Any, biases: Any, slope: Any
) -> Any:
    """`transform_outputs`, then ``act(x + biases[f])`` as in `sloped.filters_sloped`; if `Tile.finishes_within`."""
    code = _outputs_code(tile.value, transform.value, [_FLOATS, ir.FloatType()])
    int64 = types.int64
    return types.void(tile, transform, out, int64, sums, int64, biases, types.float32), code


def _outputs_code(tile: Tile, transform: Winograd, finish: list[Any]) -> Any:
    """The code of `transform_outputs`; ``finish``: types of what `transform_outputs_sloped` has besides."""
    size, lanes = transform.inputs, tile.lanes

    def emit(builder: Any, arguments: Sequence[Any]) -> None:
        out, row, sums, pitch, *following = arguments
        numbers, columns = _numbers(builder, tile, INT32), []
        end = numbers.divided
        if following:
            bias, slopes = load_vector(builder, following[0], lanes), broadcast(builder, following[1], lanes)
            end = partial(sloped, builder, bias=bias, slopes=slopes)
        for x in range(size):
            places = [builder.gep(sums, [builder.mul(pitch, INT(y * size + x))]) for y in range(size)]
            column = [numbers.of(load_vector(builder, place, lanes)) for place in places]
            columns.append(_back(numbers, transform, column))
        for y, line in enumerate(zip(*columns, strict=True)):
            first = builder.gep(out, [builder.mul(row, INT(y))])
            for x, value in enumerate(_back(numbers, transform, line)):
                store_vector(builder, numbers.lanes(end(value)), builder.gep(first, [INT(x * tile.filters)]))

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if tile.finishes_within or not finish:
            name = f"transform_outputs_{transform.step}_{size}_{tile.words}_{len(finish)}"
            builder.call(_function(builder.module, name, [_FLOATS, INT, _FLOATS, INT, *finish], emit), args[2:])
        return context.get_dummy_value()

    return codegen


def _half(builder: Any, words: Any, of: Callable[[Any, Any], Any]) -> Any:
    """One of a word's bfloat16 numbers, as float32."""
    return of(builder, builder.bitcast(words, ir.VectorType(INT32, words.type.count)))


def _function(module: Any, name: str, arguments: list[Any], emit: Any) -> Any:
    """A function of its own, never inlined, so that all registers are its own."""
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    emit(builder, function.args)
    builder.ret_void()
    return function


class _Floats:
    """Vectors of float32, and how they are added up."""

    def __init__(self, builder: Any, tile: Tile) -> None:
        self.builder, self.tile = builder, tile
        self.add, self.sub = builder.fadd, builder.fsub

    def of(self, value: Any) -> Any:
        """A vector of lanes as numbers."""
        return value

    def lanes(self, value: Any) -> Any:
        """Numbers as a vector of lanes."""
        return value

    def divided(self, value: Any) -> Any:
        """A result of transforming back."""
        return value

    def product(self, factor: float, value: Any) -> Any:
        """A number times a vector."""
        return self.builder.fmul(self._constant(factor), value)

    def add_product(self, total: Any, factor: float, value: Any) -> Any:
        """The sum of a vector, and a number times a vector."""
        if self.tile.fused:
            return fused_multiply_add(self.builder, self._constant(factor), value, total)
        return self.builder.fadd(total, self.product(factor, value))

    def _constant(self, factor: float) -> Any:
        return broadcast(self.builder, ir.FloatType()(float(np.float32(factor))), self.tile.lanes)


class _Integers:
    """The same of whole numbers, for transforms whose numbers are 0, 1 and -1 (`F2`)."""

    def __init__(self, builder: Any, tile: Tile, kind: ir.IntType) -> None:
        self.builder, self.whole = builder, ir.VectorType(kind, tile.lanes * 32 // kind.width)
        self.floats = ir.VectorType(ir.FloatType(), tile.lanes)
        self.add, self.sub = builder.add, builder.sub

    def of(self, value: Any) -> Any:
        return self.builder.bitcast(value, self.whole)

    def lanes(self, value: Any) -> Any:
        return self.builder.bitcast(value, self.floats)

    def divided(self, value: Any) -> Any:
        shift = ir.Constant(self.whole, [DOUBLED.bit_length() - 1] * self.whole.count)
        return self.builder.ashr(value, shift)


def _numbers(builder: Any, tile: Tile, kind: ir.IntType) -> Any:
    return _Integers(builder, tile, kind) if tile.words == BYTES else _Floats(builder, tile)


def _forward(numbers: Any, transform: Winograd, values: Sequence[Any]) -> list[Any]:
    """B' times a column of vectors."""
    matrix = transform.filtered[2]
    if transform.stride == 1:
        return _by_rows(numbers, matrix, values)
    return [*_by_rows(numbers, matrix, values[::2]), *values[1::2]]


def _back(numbers: Any, transform: Winograd, values: Sequence[Any]) -> list[Any]:
    """A' times a column of vectors."""
    matrix = transform.filtered[0]
    if transform.stride == 1:
        return _by_columns(numbers, matrix, values)
    filtered = _by_columns(numbers, matrix, values[: matrix.shape[1]])
    return [numbers.add(a, b) for a, b in zip(filtered, values[matrix.shape[1] :], strict=True)]


def _by_rows(numbers: Any, matrix: Doubles, values: Sequence[Any]) -> list[Any]:
    """``matrix`` times a column of vectors. Rows of points of opposite sign share their even and their odd part."""
    signs = (-1.0) ** np.arange(matrix.shape[1])
    result: dict[int, Any] = {}
    for i, row in enumerate(matrix):
        if i in result:
            continue
        partner = next((k for k in range(i + 1, len(matrix)) if np.allclose(matrix[k], row * signs)), None)
        if partner is None:
            result[i] = _sum(numbers, row, values)
        else:
            even, odd = _sum(numbers, row[::2], values[::2]), _sum(numbers, row[1::2], values[1::2])
            result[i], result[partner] = numbers.add(even, odd), numbers.sub(even, odd)
    return [result[i] for i in range(len(matrix))]


def _by_columns(numbers: Any, matrix: Doubles, values: Sequence[Any]) -> list[Any]:
    """``matrix`` times a column of vectors. Even rows need the sums of values of points of opposite sign, odd rows the
    differences."""
    signs = (-1.0) ** np.arange(len(matrix))
    columns: list[int] = []
    even, odd = list(values), list(values)
    for j in range(matrix.shape[1]):
        before = next((k for k in columns if np.allclose(matrix[:, j], matrix[:, k] * signs)), None)
        if before is None or matrix[:, j].nonzero()[0].size == 1:
            columns.append(j)
        else:
            even[before] = numbers.add(values[before], values[j])
            odd[before] = numbers.sub(values[before], values[j])
    return [_sum(numbers, row[columns], [(odd if i % 2 else even)[j] for j in columns]) for i, row in enumerate(matrix)]


def _sum(numbers: Any, factors: Doubles, values: Sequence[Any]) -> Any:
    """Sum of the products of numbers and vectors."""
    terms = sorted(
        ((factor, value) for factor, value in zip(factors, values, strict=True) if abs(factor) > 1e-12),
        key=lambda term: abs(term[0] - 1) > 1e-12,  # one that needs no product comes first
    )
    total = None
    for factor, value in terms:
        if total is None:
            total = value if abs(factor - 1) < 1e-12 else numbers.product(factor, value)
        elif abs(abs(factor) - 1) < 1e-12:
            total = numbers.add(total, value) if factor > 0 else numbers.sub(total, value)
        else:
            total = numbers.add_product(total, factor, value)
    return total
