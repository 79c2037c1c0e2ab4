"""The micro-kernels of the profile ``fast``: what follows the sums of a convolution is done in the registers.

Biases and activations that have a slope (`activation.has_slope`), where `Tile.finishes_within`: sums of few products
(32 to 128) would take a fifth to a tenth of their time to be written to memory and read again.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ..runtime.jit import kernel
from ..runtime.later import intrinsic, types
from ..vector.llvm import INT, broadcast, fetch_line, first_lanes, load_vector, store_some, store_vector, zeros
from ..vector.simd import shifted
from .activation import has_slope, slope_of
from .epilogue import finish_filters, finish_pixels, store_columns
from .fetch import FURTHER, LINE
from .multiply import ARGUMENTS, ARGUMENTS_AHEAD, kind_of, multiply_filters, product_loop, switched

LATER = 64
"""How many k before their use weights are asked for, with pixels in the lanes: a deep layer's first pixels meet them
as they come from memory."""

LINES = 4
"""Of how many lines of each row of outputs the cache is told that they will be written: those of the vectors, which
begin anywhere. Else a block waits for them at its end."""

_FLOATS = ir.FloatType().as_pointer()
_FINISH = [_FLOATS, ir.FloatType()]
"""LLVM's types of biases and slope."""

_TARGET = [*_FINISH, _FLOATS, INT, INT, INT, INT]
"""The same, then of the other arguments of `pixels_sloped` from ``out`` on."""


@kernel(forceinline=True)
def is_sloped(tile, finish):
    """Whether what follows the sums is done in the registers.

    Args:
        tile: Tile
        finish: Finish
    """
    return tile.finishes_within and not finish.normalize and has_slope(finish.code)


@kernel(forceinline=True)
def run_sloped_block(by_filters, operands, plane, sums, pixels, shape, cut, finish, tile, piece):
    """As `convolution.run_block`, of what is not pooled.

    Args:
        by_filters: bool: filters are in the lanes, not pixels
        operands, plane, sums, pixels, shape, cut, finish, tile, piece: any: as for `convolution.run_block`
    """
    channel, channels, first, count = piece.channel, piece.channels, piece.first, piece.width
    f, taps = piece.block * cut.block, shape.size * shape.size
    weights = shifted(operands.weights, (channel * piece.rows + f * channels) * taps)
    fresh, last, length = channel == 0, channel + channels == shape.c, channels * taps
    out, present = shifted(operands.out, f * plane + piece.place), min(cut.block, shape.n - f)
    singles, doubles = shifted(operands.singles, f), shifted(operands.doubles, f)
    biases, slope = shifted(singles, 2 * finish.pitch), slope_of(finish.code)
    within = last and is_sloped(tile, finish)
    if by_filters:
        ahead = shifted(weights, (cut.block + piece.step * piece.number) * length)
        if within:
            filters_sloped(
                tile, count, sums, fresh, weights, pixels, operands.offsets, length, ahead, piece.step, biases, slope
            )
            store_columns(tile, out, plane, sums, present, count)
            return
        multiply_filters(tile, count, sums, fresh, weights, pixels, operands.offsets, length, ahead, piece.step)
        if last:
            finish_filters(tile, out, plane, first, sums, present, count, singles, doubles, finish)
    else:
        vectors = (count + tile.lanes - 1) // tile.lanes
        further = count + piece.block % tile.vectors * tile.lanes if cut.row == 0 else 0
        pixels_sloped(
            tile, vectors, sums, fresh, weights, pixels, operands.offsets, length, biases, slope, out, plane,
            present if within else 0, count - (vectors - 1) * tile.lanes, further,
        )  # fmt: skip
        if last and not within:
            finish_pixels(tile, out, plane, first, sums, present, count, singles, doubles, finish)


@intrinsic
def filters_sloped(
    typingctx: Any, tile: Any, count: Any, sums: Any, fresh: Any, weights: Any, pixels: Any, offsets: Any, depth: Any,
    ahead: Any, step: Any, biases: Any, slope: Any,
) -> Any:  # fmt: skip
    """`multiply.multiply_filters`; then ``sums[j, f] = act(sums[j, f] + biases[f])``, where act(x) is slope * x for
    x < 0 and else x."""
    shape = tile.value

    def emit(builder: Any, function: Any, count: int) -> None:
        _, sums, fresh, weights, pixels, offsets, depth, ahead, step, biases, slope, *again = function.args
        lanes, vectors = shape.lanes, shape.filters // shape.lanes

        def operands(k: Any, offset: Any) -> tuple[Any, list[Any]]:
            found = [builder.gep(start, [offset]) for start in (pixels, *again)]
            fetch_line(builder, builder.gep(ahead, [builder.mul(k, step)]))
            fetch_line(builder, builder.gep(found[0], [INT(FURTHER)]))
            return builder.gep(weights, [builder.mul(k, INT(shape.filters))]), found

        def finish(builder: Any, values: list[Any]) -> None:
            added = [load_vector(builder, builder.gep(biases, [INT(v * lanes)]), lanes) for v in range(vectors)]
            slopes = broadcast(builder, slope, lanes)
            for i, value in enumerate(values):
                result = sloped(builder, value, added[i % vectors], slopes)
                store_vector(builder, result, builder.gep(sums, [INT(i * lanes)]))

        product_loop(builder, (sums, fresh, depth, offsets), operands, shape, vectors, count, finish)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if shape.finishes_within:
            name = f"filters_sloped_{shape.lanes}x{shape.columns}_{kind_of(shape)}"
            again = [args[5]] * (shape.filters // shape.lanes - 1 if shape.embedded else 0)
            arguments = [*ARGUMENTS_AHEAD, *_FINISH, *[_FLOATS] * len(again)]
            function = switched(builder.module, name, arguments, shape.columns, emit)
            builder.call(function, [*args[1:], *again])
        return context.get_dummy_value()

    int64 = types.int64
    return (
        types.void(
            tile, int64, sums, types.boolean, weights, pixels, offsets, int64, weights, int64, biases, types.float32
        ),
        codegen,
    )


@intrinsic
def pixels_sloped(
    typingctx: Any, tile: Any, vectors: Any, sums: Any, fresh: Any, weights: Any, pixels: Any, offsets: Any, depth: Any,
    biases: Any, slope: Any, out: Any, plane: Any, present: Any, rest: Any, further: Any,
) -> Any:  # fmt: skip
    """`multiply.multiply_pixels`; then ``out[r * plane + j] = act(sums[r, j] + biases[r])`` for r < present, with act
    as for `filters_sloped`; if ``present`` is 0 the sums stay where they are.

    Of the last vector of pixels only ``rest`` lanes are read and written. The cache is meanwhile asked for
    ``pixels[offsets[k] + further]``, and for the lines of ``out``.
    """
    shape = tile.value

    def emit(builder: Any, function: Any, number: int) -> None:
        _, sums, fresh, weights, pixels, offsets, depth, biases, slope, out, plane, present, rest, further, *again = (
            function.args
        )
        lanes, whole = shape.lanes, number > shape.vectors
        vectors = number - shape.vectors if whole else number
        mask = None if whole else first_lanes(builder, rest, lanes)

        def operands(k: Any, offset: Any) -> tuple[Any, list[Any]]:
            place, line = builder.mul(k, INT(shape.rows)), builder.gep(pixels, [offset])
            fetch_line(builder, builder.gep(line, [further]))
            if not shape.masks_apart:
                fetch_line(builder, builder.gep(weights, [builder.add(place, INT(LATER * shape.rows))]))
                row, step = builder.urem(k, INT(shape.rows)), builder.urem(builder.udiv(k, INT(shape.rows)), INT(LINES))
                ask_for(row, builder.mul(step, INT(lanes)))
            return line, [builder.gep(start, [place]) for start in [weights, *again][:vectors]]

        def ask_for(row: Any, first: Any) -> None:
            written = builder.add(builder.mul(plane, row), first)
            fetch_line(builder, builder.gep(out, [written]), write=True)

        if shape.masks_apart:  # their loops have no time for that
            for row in range(shape.rows):
                for first in range(0, vectors * lanes, LINE):
                    ask_for(INT(row), INT(first))

        def finish(builder: Any, values: list[Any]) -> None:
            with builder.if_then(builder.icmp_signed("==", present, INT(0)), likely=False):
                for i, value in enumerate(values):
                    store_vector(builder, value, builder.gep(sums, [INT(i * lanes)]))
                builder.ret_void()
            slopes = broadcast(builder, slope, lanes)
            for r in range(shape.rows):
                with builder.if_then(builder.icmp_signed(">", present, INT(r)), likely=True):
                    bias = broadcast(builder, builder.load(builder.gep(biases, [INT(r)])), lanes)
                    row = builder.gep(out, [builder.mul(plane, INT(r))])
                    results = [
                        sloped(builder, value, bias, slopes) for value in values[r * vectors : (r + 1) * vectors]
                    ]
                    _store_row(builder, results, row, mask)

        product_loop(builder, (sums, fresh, depth, offsets), operands, shape, vectors, shape.rows, finish, mask)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if shape.finishes_within:
            name = f"pixels_sloped_{shape.lanes}x{shape.rows}x{shape.vectors}_{kind_of(shape)}"
            again = [args[4]] * (shape.vectors - 1 if shape.embedded else 0)
            arguments = [*ARGUMENTS, *_TARGET, *[_FLOATS] * len(again)]
            vectors, rest = args[1], args[13]
            if shape.masks_apart:
                whole = builder.icmp_signed("==", rest, INT(shape.lanes))
                vectors = builder.select(whole, builder.add(vectors, INT(shape.vectors)), vectors)
            most = shape.vectors * (2 if shape.masks_apart else 1)
            function = switched(builder.module, name, arguments, most, emit)
            builder.call(function, [vectors, *args[2:], *again])
        return context.get_dummy_value()

    int64 = types.int64
    return (
        types.void(
            tile, int64, sums, types.boolean, weights, pixels, offsets, int64, biases, types.float32, out, int64, int64,
            int64, int64,
        ),
        codegen,
    )  # fmt: skip


def _store_row(builder: Any, vectors: list[Any], row: Any, mask: Any) -> None:
    """Write vectors side by side; of the last one only the lanes of ``mask``, if there is one."""
    for v, vector in enumerate(vectors):
        place = builder.gep(row, [INT(v * vector.type.count)])
        if mask is None or v < len(vectors) - 1:
            store_vector(builder, vector, place)
        else:
            store_some(builder, vector, place, mask)


def sloped(builder: Any, value: Any, bias: Any, slopes: Any) -> Any:
    """LLVM's code for ``act(value + bias)``, lane by lane."""
    total = builder.fadd(value, bias)
    less = builder.fcmp_ordered("<", total, zeros(total.type))
    return builder.select(less, builder.fmul(total, slopes), total)
