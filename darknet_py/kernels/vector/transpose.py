"""Writing a block that lies column by column row by row, through the registers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from ..runtime.later import intrinsic, types
from .llvm import INT, first_lanes, load_vector, shuffled, store_some, store_vector

_UNMASKED = 8
"""Most lanes of vectors that are stored in parts of 4, 2 and 1 lanes: processors with longer ones have fast masks."""

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
    read = [load_vector(builder, builder.gep(source, [builder.mul(pitch, INT(c))]), lanes) for c in range(lanes)]
    vectors = _transposed(builder, read)
    places = [builder.gep(out, [builder.mul(plane, INT(r))]) for r in range(lanes)]
    if lanes <= _UNMASKED:
        _store_parts(builder, vectors, places, builder.icmp_signed("==", rows, INT(lanes)), columns)
    mask = first_lanes(builder, columns, lanes)
    for r, (vector, place) in enumerate(zip(vectors, places, strict=True)):
        with builder.if_then(builder.icmp_signed(">", rows, INT(r)), likely=True):
            store_some(builder, vector, place, mask)
    builder.ret_void()
    return function


def _transposed(builder: Any, columns: list[Any]) -> list[Any]:
    """The rows of a square of numbers: first of its squares of 4 x 4, by shuffles within four lanes; then these."""
    lanes = len(columns)
    quarters = range(0, lanes, 4)
    halves = [[q + i // 2 + i % 2 * lanes + start for q in quarters for i in range(4)] for start in (0, 2)]
    pairs = [[q + i + j * lanes + start for q in quarters for j in (0, 1) for i in (0, 1)] for start in (0, 2)]
    rows: list[list[Any]] = [[], [], [], []]
    for q in quarters:
        a, b, c, d = columns[q : q + 4]
        for half in (0, 1):
            left, right = shuffled(builder, a, b, halves[half]), shuffled(builder, c, d, halves[half])
            for row in (0, 1):
                rows[2 * half + row].append(shuffled(builder, left, right, pairs[row]))
    ordered = [_side_by_side(builder, row) for row in rows]
    return [ordered[r % 4][r // 4] for r in range(lanes)]


def _side_by_side(builder: Any, vectors: list[Any]) -> list[Any]:
    """The first four lanes of each vector one behind the other, then the second four, and so on."""
    if len(vectors) == 1:
        return vectors
    lanes = vectors[0].type.count
    split = [[i for q in range(first, 2 * lanes, 8) for i in range(q, q + 4)] for first in (0, 4)]
    couples = list(zip(vectors[::2], vectors[1::2], strict=True))
    even, odd = ([shuffled(builder, a, b, order) for a, b in couples] for order in split)
    together = zip(_side_by_side(builder, even), _side_by_side(builder, odd), strict=True)
    return [vector for couple in together for vector in couple]


def _store_parts(builder: Any, vectors: list[Any], places: list[Any], whole: Any, columns: Any) -> None:
    """Store all rows if the block is ``whole``, and return; else go on behind this code."""
    lanes = len(vectors)
    usual, rest = builder.append_basic_block("usual"), builder.append_basic_block("rest")
    builder.cbranch(whole, usual, rest)
    builder.position_at_end(usual)
    switch = builder.switch(columns, rest)
    for count in range(1, lanes + 1):
        block = builder.append_basic_block(f"columns{count}")
        switch.add_case(INT(count), block)
        builder.position_at_end(block)
        for vector, place in zip(vectors, places, strict=True):
            first = 0
            for width in (8, 4, 2, 1):
                if count & width:
                    part = shuffled(builder, vector, vector, list(range(first, first + width)))
                    store_vector(builder, part, builder.gep(place, [INT(first)]))
                    first += width
        builder.ret_void()
    builder.position_at_end(rest)
