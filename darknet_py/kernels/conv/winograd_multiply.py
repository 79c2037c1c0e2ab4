"""The micro-kernel of Winograd's filtering: as `multiply.multiply_filters`, for some pieces that lie side by side."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ..runtime.later import intrinsic, types
from ..vector.llvm import INT, fetch_line, store_vector
from .multiply import kind_of, product_loop, switched

_FLOATS = ir.FloatType().as_pointer()
_ARGUMENTS = [INT, INT, _FLOATS, ir.IntType(1), _FLOATS, _FLOATS, INT.as_pointer(), INT, _FLOATS, INT, INT]


@intrinsic
def multiply_tiles(
    typingctx: Any, tile: Any, count: Any, number: Any, sums: Any, fresh: Any, weights: Any, pixels: Any, offsets: Any,
    depth: Any, ahead: Any, step: Any, further: Any,
) -> Any:  # fmt: skip
    """`multiply.multiply_filters` of ``number`` (at least 1) pieces of ``count`` tiles, one behind the other.

    If the tile `fetches_within`, the cache is meanwhile asked for what the next position needs: for ``ahead[k *
    step]``, which begins ``step * depth`` further on for each piece, and for ``pixels[offsets[k] + further]``. Both may
    lie anywhere.
    """
    shape = tile.value

    def emit(builder: Any, function: Any, count: int) -> None:
        _, number, sums, fresh, weights, pixels, offsets, depth, ahead, step, further, *again = function.args
        entry, piece, done = builder.block, builder.append_basic_block("piece"), builder.append_basic_block("end")
        builder.branch(piece)
        builder.position_at_end(piece)
        starts = number, sums, ahead, pixels, *again
        left, sums_, ahead_, *lines = phis = [builder.phi(value.type) for value in starts]

        def operands(k: Any, offset: Any) -> tuple[Any, list[Any]]:
            found = [builder.gep(start, [offset]) for start in lines]
            if shape.fetches_within:
                fetch_line(builder, builder.gep(ahead_, [builder.mul(k, step)]))
                fetch_line(builder, builder.gep(found[0], [further]))
            return builder.gep(weights, [builder.mul(k, INT(shape.filters))]), found

        def finish(builder: Any, values: list[Any]) -> None:
            for i, value in enumerate(values):
                store_vector(builder, value, builder.gep(sums_, [INT(i * shape.lanes)]))
            following = [
                builder.sub(left, INT(1)), builder.gep(sums_, [INT(count * shape.filters)]),
                builder.gep(ahead_, [builder.mul(step, depth)]), *(builder.gep(line, [INT(count)]) for line in lines),
            ]  # fmt: skip
            for phi, start, next_ in zip(phis, starts, following, strict=True):
                phi.add_incoming(start, entry)
                phi.add_incoming(next_, builder.block)
            builder.cbranch(builder.icmp_signed(">", following[0], INT(0)), piece, done)

        vectors = shape.filters // shape.lanes
        product_loop(builder, (sums_, fresh, depth, offsets), operands, shape, vectors, count, finish)
        builder.position_at_end(done)
        builder.ret_void()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"multiply_tiles_{shape.lanes}x{shape.columns}_{kind_of(shape)}"
        again = [args[6]] * (shape.filters // shape.lanes - 1 if shape.embedded else 0)
        function = switched(builder.module, name, [*_ARGUMENTS, *[_FLOATS] * len(again)], shape.columns, emit)
        builder.call(function, [*args[1:], *again])
        return context.get_dummy_value()

    int64 = types.int64
    given = int64, int64, sums, types.boolean, weights, pixels, offsets, int64, weights, int64, int64
    return types.void(tile, *given), codegen
