"""The micro-kernels: a block of sums in registers, one multiplication and one addition per weight and pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from ..runtime.later import intrinsic, types
from ..vector.llvm import INT, INT32, broadcast, fetch_line, fused_multiply_add, load_vector, store_vector
from ..vector.tile import Tile
from .fetch import FURTHER

AHEAD = 2
"""How many k before its use an offset is loaded: in the same step, the loads that depend on it would wait. So tables of
offsets have as many entries more, of any value."""

_FLOATS = ir.FloatType().as_pointer()
ARGUMENTS = [INT, _FLOATS, ir.IntType(1), _FLOATS, _FLOATS, INT.as_pointer(), INT]
"""LLVM's types of the arguments of `multiply_pixels`, the tile left out."""

ARGUMENTS_AHEAD = [*ARGUMENTS, _FLOATS, INT]
"""The same of `multiply_filters`."""


@intrinsic
def multiply_pixels(
    typingctx: Any, tile: Any, vectors: Any, sums: Any, fresh: Any, weights: Any, pixels: Any, offsets: Any, depth: Any
) -> Any:
    """``sums[r, j] += weights[k, r] * pixels[offsets[k] + j]`` for k = 0 .. depth - 1 in this order, each rounded.

    sums: pointer to (rows, vectors * lanes), taken as +0 if ``fresh``; weights: (depth, rows); offsets: int64 (depth +
    AHEAD,). ``vectors`` is 1 .. ``tile.vectors``; all their lanes are read.
    """
    shape = tile.value

    def emit(builder: Any, function: Any, vectors: int) -> None:
        _, sums, fresh, weights, pixels, offsets, depth, *again = function.args

        def operands(k: Any, offset: Any) -> tuple[Any, list[Any]]:
            place = builder.mul(k, INT(shape.rows))
            return builder.gep(pixels, [offset]), [builder.gep(start, [place]) for start in [weights, *again][:vectors]]

        _loop(builder, (sums, fresh, depth, offsets), operands, shape, vectors, shape.rows)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"multiply_pixels_{shape.lanes}x{shape.rows}x{shape.vectors}_{_kind(shape)}"
        again = [args[4]] * (shape.vectors - 1 if shape.embedded else 0)
        function = switched(builder.module, name, [*ARGUMENTS, *[_FLOATS] * len(again)], shape.vectors, emit)
        builder.call(function, [*args[1:], *again])
        return context.get_dummy_value()

    int64 = types.int64
    return types.void(tile, int64, sums, types.boolean, weights, pixels, offsets, int64), codegen


@intrinsic
def multiply_filters(
    typingctx: Any, tile: Any, count: Any, sums: Any, fresh: Any, weights: Any, pixels: Any, offsets: Any, depth: Any,
    ahead: Any, step: Any,
) -> Any:  # fmt: skip
    """``sums[j, f] += weights[k, f] * pixels[offsets[k] + j]`` for k = 0 .. depth - 1 in this order, each rounded.

    sums: pointer to (count, filters), taken as +0 if ``fresh``; weights: (depth, filters); offsets: (depth + AHEAD,) of
    int64. ``count`` is 1 .. ``tile.columns``. If the tile `fetches_within`, the cache is meanwhile asked for
    ``ahead[k * step]``, which may lie anywhere, and for `FURTHER` pixels.
    """
    shape = tile.value

    def emit(builder: Any, function: Any, count: int) -> None:
        _, sums, fresh, weights, pixels, offsets, depth, ahead, step, *again = function.args

        def operands(k: Any, offset: Any) -> tuple[Any, list[Any]]:
            found = [builder.gep(start, [offset]) for start in (pixels, *again)]
            if shape.fetches_within:
                fetch_line(builder, builder.gep(ahead, [builder.mul(k, step)]))
                fetch_line(builder, builder.gep(found[0], [INT(FURTHER)]))
            return builder.gep(weights, [builder.mul(k, INT(shape.filters))]), found

        _loop(builder, (sums, fresh, depth, offsets), operands, shape, shape.filters // shape.lanes, count)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"multiply_filters_{shape.lanes}x{shape.columns}_{_kind(shape)}"
        again = [args[5]] * (shape.filters // shape.lanes - 1 if shape.embedded else 0)
        function = switched(builder.module, name, [*ARGUMENTS_AHEAD, *[_FLOATS] * len(again)], shape.columns, emit)
        builder.call(function, [*args[1:], *again])
        return context.get_dummy_value()

    int64 = types.int64
    return types.void(tile, int64, sums, types.boolean, weights, pixels, offsets, int64, weights, int64), codegen


def _kind(tile: Tile) -> str:
    return f"{tile.contract}_{tile.embedded}_{tile.indexed}"


def switched(module: Any, name: str, arguments: Sequence[Any], most: int, emit: Callable[[Any, Any, int], None]) -> Any:
    """A function that runs the loop for its first argument; never inlined, so that all registers are its own.

    Args:
        module: where it is found under its name, or put.
        name: with all that its code depends on.
        arguments: LLVM types; the first one is `INT`.
        most: the largest first argument; the smallest is 1.
        emit: makes the code for one of them, with a builder, the function and the number.
    """
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    entry = function.append_basic_block("entry")
    blocks = [function.append_basic_block(f"case{n}") for n in range(1, most + 1)]
    switch = ir.IRBuilder(entry).switch(function.args[0], blocks[-1])
    for n, block in enumerate(blocks, 1):
        if n < most:
            switch.add_case(INT(n), block)
        emit(ir.IRBuilder(block), function, n)
    return function


def add_products(
    builder: Any, state: tuple[Any, Any, Any, Any], count: int, vector: Any,
    products: Callable[[Any, Any, list[Any]], list[Any]],
) -> None:  # fmt: skip
    """The loop over k of a block of sums, which are in registers meanwhile; returns from the function.

    Args:
        builder: at the function's end.
        state: LLVM values: sums, fresh, depth, offsets, as for `multiply_pixels`.
        count: vectors of sums.
        vector: their type.
        products: makes the sums behind a k from k, its offset and the sums before.
    """
    sums, fresh, depth, offsets = state
    floats = ir.VectorType(ir.FloatType(), vector.count)
    places = [builder.gep(sums, [INT(i * vector.count)]) for i in range(count)]
    entry = builder.block
    resume, loop, done = (builder.append_basic_block(name) for name in ("resume", "loop", "done"))
    loaded = [builder.load(builder.gep(offsets, [INT(i)])) for i in range(AHEAD)]
    builder.cbranch(fresh, loop, resume)
    builder.position_at_end(resume)
    spilled = [builder.bitcast(load_vector(builder, place, vector.count), vector) for place in places]
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(INT)
    coming = [builder.phi(INT) for _ in loaded]
    before = [builder.phi(vector) for _ in places]
    starts = [(k, INT(0), INT(0)), *((phi, value, value) for phi, value in zip(coming, loaded, strict=True))]
    starts += [(phi, ir.Constant(vector, None), value) for phi, value in zip(before, spilled, strict=True)]
    for phi, first, again in starts:
        phi.add_incoming(first, entry)
        phi.add_incoming(again, resume)
    last = builder.load(builder.gep(offsets, [builder.add(k, INT(AHEAD))]))
    after = products(k, coming[0], before)
    following = builder.add(k, INT(1))
    for phi, value in zip([k, *coming, *before], [following, *coming[1:], last, *after], strict=True):
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)

    builder.position_at_end(done)
    for place, value in zip(places, after, strict=True):
        store_vector(builder, builder.bitcast(value, floats), place)
    builder.ret_void()


def _loop(
    builder: Any, state: tuple[Any, Any, Any, Any], operands: Callable[[Any, Any], tuple[Any, list[Any]]], tile: Tile,
    vectors: int, scalars: int,
) -> None:  # fmt: skip
    """``sums`` (scalars, vectors) += products of what lies at the addresses that ``operands`` gives for k and offset.

    The second one is a list: with `Tile.embedded` the scalars' address comes once for each vector, as values that the
    compiler does not know to be equal. It would else read a scalar once, into a register, for all vectors.
    """
    lanes = tile.lanes

    def products(k: Any, offset: Any, before: list[Any]) -> list[Any]:
        many, singles = operands(k, offset)
        lines = [load_vector(builder, builder.gep(many, [INT(v * lanes)]), lanes) for v in range(vectors)]
        after = []
        for s in range(scalars):
            ones = [scalar(builder, single, s, scalars, tile) for single in singles]
            for v, line in enumerate(lines):
                one, sum_ = ones[v % len(ones)], before[s * vectors + v]
                if tile.contract:
                    after.append(fused_multiply_add(builder, one, line, sum_))
                else:
                    after.append(builder.fadd(sum_, builder.fmul(one, line)))
        return after

    add_products(builder, state, scalars * vectors, ir.VectorType(ir.FloatType(), lanes), products)


def scalar(builder: Any, start: Any, number: int, count: int, tile: Tile) -> Any:
    """``start[number]`` of ``count`` in all lanes. With `Tile.indexed` neighbours are read with it, if they fit."""
    lanes, first = tile.lanes, number - number % tile.lanes
    if not tile.indexed or first + lanes > count:
        return broadcast(builder, builder.load(builder.gep(start, [INT(number)])), lanes)
    read = load_vector(builder, builder.gep(start, [INT(first)]), lanes)
    return builder.shuffle_vector(read, read, ir.Constant(ir.VectorType(INT32, lanes), [number - first] * lanes))
