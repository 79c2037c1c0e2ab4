"""Writing a block that lies column by column row by row, through the registers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .llvm import INT, INT32, first_lanes, load_vector, store_some

_FLOATS = ir.FloatType().as_pointer()


@intrinsic
def store_transposed(
    typingctx: Any, tile: Any, out: Any, plane: Any, source: Any, pitch: Any, rows: Any, columns: Any
) -> Any:
    """``out[r * plane + c] = source[c * pitch + r]`` for r < rows <= lanes, c < columns <= lanes (float32).

    ``lanes`` columns of ``source`` are read, whatever ``columns`` is.
    """
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.call(_function(builder.module, lanes), args[1:])
        return context.get_dummy_value()

    int64 = types.int64
    return types.void(tile, out, int64, source, int64, int64, int64), codegen


def _function(module: Any, lanes: int) -> Any:
    name = f"store_transposed_{lanes}"
    if name in module.globals:
        return module.globals[name]
    arguments = [_FLOATS, INT, _FLOATS, INT, INT, INT]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    out, plane, source, pitch, rows, columns = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    vectors = [load_vector(builder, builder.gep(source, [builder.mul(pitch, INT(c))]), lanes) for c in range(lanes)]
    half = lanes // 2
    index = ir.VectorType(INT32, lanes)
    orders = [ir.Constant(index, [i // 2 + i % 2 * lanes + start for i in range(lanes)]) for start in (0, half)]
    for _ in range(lanes.bit_length() - 1):  # each round is one perfect shuffle of all lanes * lanes numbers
        pairs = [(vectors[i], vectors[i + half]) for i in range(half)]
        vectors = [builder.shuffle_vector(a, b, order) for a, b in pairs for order in orders]
    mask = first_lanes(builder, columns, lanes)
    for r, vector in enumerate(vectors):
        with builder.if_then(builder.icmp_signed(">", rows, INT(r)), likely=True):
            store_some(builder, vector, builder.gep(out, [builder.mul(plane, INT(r))]), mask)
    builder.ret_void()
    return function
