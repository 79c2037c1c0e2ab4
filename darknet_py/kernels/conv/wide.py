"""The micro-kernel of `bottleneck`: blocks of finished values, filters in the lanes; sums never leave the registers.

`multiply.multiply_filters` leaves its sums in memory for what follows. Where there are few products for each of them
(8 to 48 channels), to write and read them again takes as long as the products.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ..runtime.later import intrinsic, types
from ..vector.llvm import INT, broadcast, fused_multiply_add, load_vector, store_vector, zeros
from ..vector.tile import Tile
from .multiply import AHEAD, scalar, switched

_FLOATS = ir.FloatType().as_pointer()
_ARGUMENTS = [INT, _FLOATS, _FLOATS, _FLOATS, INT.as_pointer(), INT, _FLOATS, ir.FloatType()]
"""LLVM's types: which block, then the arguments of `multiply_near` from ``out`` on."""


@intrinsic
def multiply_near(
    typingctx: Any, tile: Any, count: Any, vectors: Any, out: Any, weights: Any, pixels: Any, offsets: Any, depth: Any,
    biases: Any, slope: Any,
) -> Any:  # fmt: skip
    """``out[j, f] = act(biases[f] + weights[k, f] * pixels[offsets[k] + j] + ...)`` for k = 0 .. depth - 1 in order.

    ``act(x)`` is ``slope * x`` where x < 0, else x. out: pointer to (count, filters); weights: (depth, filters), of
    which ``vectors`` (1 or 2) vectors of filters are computed; offsets: int64 (depth + AHEAD,); biases: (filters,);
    slope: float32. ``count`` is 1 .. ``tile.columns``, or ``tile.single`` of one vector. With `Tile.contract` a sum
    begins with its bias; else with 0, each product and sum is rounded, and the bias is added last.
    """
    return _made(tile, 1, out)


@intrinsic
def multiply_apart(
    typingctx: Any, tile: Any, wide: Any, count: Any, vectors: Any, out: Any, weights: Any, pixels: Any, offsets: Any,
    depth: Any, biases: Any, slope: Any,
) -> Any:  # fmt: skip
    """As `multiply_near`, of pixels ``wide.filters`` apart, as `multiply_near` makes them with the tile ``wide``."""
    signature, inner = _made(tile, wide.value.filters, out)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return inner(context, builder, signature, [args[0], *args[2:]])

    return signature.return_type(tile, wide, *signature.args[1:]), codegen


def _made(tile: Any, apart: int, floats: Any) -> Any:
    """Signature and code of an intrinsic, for pixels so far apart."""
    shape = tile.value

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, count, vectors, out, weights, pixels, offsets, depth, biases, slope = args
        name = f"multiply_wide_{shape.lanes}x{shape.columns}_{apart}_{shape.contract}_{shape.embedded}"
        again = [pixels] * int(shape.embedded)
        function = switched(
            builder.module, name, [*_ARGUMENTS, *[_FLOATS] * len(again)], shape.single + shape.columns,
            lambda builder, function, number: _emit(builder, function, number, shape, apart),
        )  # fmt: skip
        block = builder.add(count, builder.mul(builder.sub(vectors, INT(1)), INT(shape.single)))
        builder.call(function, [block, out, weights, pixels, offsets, depth, biases, slope, *again])
        return context.get_dummy_value()

    int64 = types.int64
    offsets = types.CPointer(int64)
    return (
        types.void(tile, int64, int64, floats, floats, floats, offsets, int64, floats, types.float32),
        codegen,
    )


def _pixel(builder: Any, start: Any, number: int, count: int, tile: Tile, apart: int) -> Any:
    """A pixel's value in all lanes; of neighbours, see `multiply.scalar`."""
    if apart == 1:
        return scalar(builder, start, number, count, tile)
    return broadcast(builder, builder.load(builder.gep(start, [INT(number * apart)])), tile.lanes)


def _emit(builder: Any, function: Any, number: int, tile: Tile, apart: int) -> None:
    """The code of one block: its vectors and columns."""
    _, out, weights, pixels, offsets, depth, biases, slope, *again = function.args
    lanes, vectors = tile.lanes, 1 if number <= tile.single else 2
    columns = number - (vectors - 1) * tile.single
    vector = ir.VectorType(ir.FloatType(), lanes)
    entry = builder.block
    loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
    added = [load_vector(builder, builder.gep(biases, [INT(v * lanes)]), lanes) for v in range(vectors)]
    loaded = [builder.load(builder.gep(offsets, [INT(i)])) for i in range(AHEAD)]
    builder.branch(loop)

    builder.position_at_end(loop)
    k, coming = builder.phi(INT), [builder.phi(INT) for _ in loaded]
    before = [builder.phi(vector) for _ in range(columns * vectors)]
    starts = [(k, INT(0)), *zip(coming, loaded, strict=True)]
    starts += [(phi, added[i % vectors] if tile.contract else zeros(vector)) for i, phi in enumerate(before)]
    for phi, first in starts:
        phi.add_incoming(first, entry)
    last = builder.load(builder.gep(offsets, [builder.add(k, INT(AHEAD))]))
    line = builder.gep(weights, [builder.mul(k, INT(tile.filters))])
    many = [load_vector(builder, builder.gep(line, [INT(v * lanes)]), lanes) for v in range(vectors)]
    places = [builder.gep(start, [coming[0]]) for start in (pixels, *again)]
    after = []
    for j in range(columns):
        ones = [_pixel(builder, place, j, columns, tile, apart) for place in places]
        for v in range(vectors):
            one, sum_ = ones[v % len(ones)], before[j * vectors + v]
            if tile.contract:
                after.append(fused_multiply_add(builder, one, many[v], sum_))
            else:
                after.append(builder.fadd(sum_, builder.fmul(one, many[v])))
    following = builder.add(k, INT(1))
    for phi, value in zip([k, *coming, *before], [following, *coming[1:], last, *after], strict=True):
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)

    builder.position_at_end(done)
    slopes = broadcast(builder, slope, lanes)
    for i, sum_ in enumerate(after):
        value = sum_ if tile.contract else builder.fadd(sum_, added[i % vectors])
        less = builder.fcmp_ordered("<", value, zeros(vector))
        place = builder.gep(out, [INT(i // vectors * tile.filters + i % vectors * lanes)])
        store_vector(builder, builder.select(less, builder.fmul(value, slopes), value), place)
    builder.ret_void()
