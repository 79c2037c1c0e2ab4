"""The micro-kernels: a block of sums in registers, one multiplication and one addition per weight and pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from ..runtime.later import intrinsic, types
from ..runtime.processor import has_feature
from ..vector.llvm import (
    INT,
    INT32,
    broadcast,
    fetch_line,
    fused_multiply_add,
    load_some,
    load_vector,
    store_vector,
)  # fmt: skip
from ..vector.tile import Tile
from .fetch import FURTHER

AHEAD = 2
"""How many k before its use an offset is loaded: in the same step, the loads that depend on it would wait. So tables of
offsets have as many entries more, of any value."""

ROUND = 4
"""How many k a round of the loop takes where products and sums take turns (`Tile.in_turns`): the compiler does not
unroll such loops, and counting would take as long as a product."""

_FLOATS = ir.FloatType().as_pointer()
ARGUMENTS = [INT, _FLOATS, ir.IntType(1), _FLOATS, _FLOATS, INT.as_pointer(), INT]
"""LLVM's types of the arguments of `multiply_pixels`, the tile left out."""

ARGUMENTS_AHEAD = [*ARGUMENTS, _FLOATS, INT]
"""The same of `multiply_filters`."""

Finisher = Callable[[Any, list[Any]], None]
"""Makes code, with a builder, for the sums of a block in registers; may return from the function."""


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

        product_loop(builder, (sums, fresh, depth, offsets), operands, shape, vectors, shape.rows)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"multiply_pixels_{shape.lanes}x{shape.rows}x{shape.vectors}_{kind_of(shape)}"
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

        product_loop(builder, (sums, fresh, depth, offsets), operands, shape, shape.filters // shape.lanes, count)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        name = f"multiply_filters_{shape.lanes}x{shape.columns}_{kind_of(shape)}"
        again = [args[5]] * (shape.filters // shape.lanes - 1 if shape.embedded else 0)
        function = switched(builder.module, name, [*ARGUMENTS_AHEAD, *[_FLOATS] * len(again)], shape.columns, emit)
        builder.call(function, [*args[1:], *again])
        return context.get_dummy_value()

    int64 = types.int64
    return types.void(tile, int64, sums, types.boolean, weights, pixels, offsets, int64, weights, int64), codegen


def kind_of(tile: Tile) -> str:
    """Of a micro-kernel's name, the part that says what its code depends on besides its sides."""
    return f"{tile.contract}_{tile.embedded}_{tile.indexed}"


def switched(
    module: Any, name: str, arguments: Sequence[Any], most: int, emit: Callable[[Any, Any, int], None],
    result: Any = None,
) -> Any:  # fmt: skip
    """A function that runs the loop for its first argument; never inlined, so that all registers are its own.

    Args:
        module: where it is found under its name, or put.
        name: with all that its code depends on.
        arguments: LLVM types; the first one is `INT`.
        most: the largest first argument; the smallest is 1.
        emit: makes the code for one of them, with a builder, the function and the number.
        result: LLVM's type of what it returns, if it returns something.
    """

    def choose(builder: Any, function: Any) -> None:
        blocks = [function.append_basic_block(f"case{n}") for n in range(1, most + 1)]
        switch = builder.switch(function.args[0], blocks[-1])
        for n, block in enumerate(blocks, 1):
            if n < most:
                switch.add_case(INT(n), block)
            emit(ir.IRBuilder(block), function, n)

    return separate(module, name, arguments, choose, result)


def separate(
    module: Any, name: str, arguments: Sequence[Any], emit: Callable[[Any, Any], None], result: Any = None
) -> Any:
    """A function that is never inlined.

    Args:
        module, name, arguments: as for `switched`.
        emit: makes its code, with a builder and the function.
        result: LLVM's type of what it returns, if it returns something.
    """
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(result or ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    emit(ir.IRBuilder(function.append_basic_block("entry")), function)
    return function


def add_products(
    builder: Any, state: tuple[Any, Any, Any, Any], count: int, vector: Any,
    products: Callable[[Any, Any, list[Any]], list[Any]], times: int = 1, finish: Finisher | None = None,
) -> None:  # fmt: skip
    """The loop over k of a block of sums, which are in registers meanwhile; returns from the function, unless
    ``finish`` goes elsewhere.

    Args:
        builder: at the function's end.
        state: LLVM values: sums, fresh, depth, offsets, as for `multiply_pixels`.
        count: vectors of sums.
        vector: their type.
        products: makes the sums behind a k from k, its offset and the sums before.
        times: how many k a round of the loop takes; what is left over, a second loop does.
        finish: makes the code that does with the sums what is to be done; by default they are written back.
    """
    sums, fresh, depth, offsets = state
    floats = ir.VectorType(ir.FloatType(), vector.count)
    places = [builder.gep(sums, [INT(i * vector.count)]) for i in range(count)]
    entry = builder.block
    resume, start, done = (builder.append_basic_block(name) for name in ("resume", "start", "done"))
    loaded = [builder.load(builder.gep(offsets, [INT(i)])) for i in range(AHEAD)]
    builder.cbranch(fresh, start, resume)
    builder.position_at_end(resume)
    spilled = [builder.bitcast(load_vector(builder, place, vector.count), vector) for place in places]
    builder.branch(start)

    builder.position_at_end(start)
    none = [ir.Constant(vector, None)] * count
    values = [INT(0), *loaded, *_joined(builder, [(entry, none), (resume, spilled)])]
    if times > 1:
        rest = builder.append_basic_block("rest")
        values = _rounds(builder, values, builder.and_(depth, INT(-times)), times, offsets, products, rest)
    values = _rounds(builder, values, depth, 1, offsets, products, done)
    if finish is not None:
        finish(builder, values[1 + AHEAD :])
    else:
        for place, value in zip(places, values[1 + AHEAD :], strict=True):
            store_vector(builder, builder.bitcast(value, floats), place)
    if not builder.block.is_terminated:
        builder.ret_void()


def _rounds(
    builder: Any, values: list[Any], end: Any, times: int, offsets: Any,
    products: Callable[[Any, Any, list[Any]], list[Any]], done: Any,
) -> list[Any]:  # fmt: skip
    """A loop of ``times`` k in each round, up to the k ``end``; then the builder is in the block ``done``.

    ``values`` are k, the offsets of this k and of those to come, and the sums; returns those behind the loop.
    """
    start, loop = builder.block, builder.append_basic_block("loop")
    builder.cbranch(builder.icmp_signed("<", values[0], end), loop, done)
    builder.position_at_end(loop)
    phis = [builder.phi(value.type) for value in values]
    after = phis
    for _ in range(times):
        k, *coming = after[: 1 + AHEAD]
        last = builder.load(builder.gep(offsets, [builder.add(k, INT(AHEAD))]))
        sums = products(k, coming[0], after[1 + AHEAD :])
        after = [builder.add(k, INT(1)), *coming[1:], last, *sums]
    for phi, first, again in zip(phis, values, after, strict=True):
        phi.add_incoming(first, start)
        phi.add_incoming(again, loop)
    builder.cbranch(builder.icmp_signed("<", after[0], end), loop, done)
    builder.position_at_end(done)
    return _joined(builder, [(start, values), (loop, after)])


def _joined(builder: Any, ways: list[tuple[Any, list[Any]]]) -> list[Any]:
    """The values with which this block is reached: from each block others."""
    joined = []
    for values in zip(*(values for _, values in ways), strict=True):
        joined.append(builder.phi(values[0].type))
        for (block, _), value in zip(ways, values, strict=True):
            joined[-1].add_incoming(value, block)
    return joined


def product_loop(
    builder: Any, state: tuple[Any, Any, Any, Any], operands: Callable[[Any, Any], tuple[Any, list[Any]]], tile: Tile,
    vectors: int, scalars: int, finish: Finisher | None = None, mask: Any = None,
) -> None:  # fmt: skip
    """``sums`` (scalars, vectors) += products of what lies at the addresses that ``operands`` gives for k and offset.

    Of the last vector only the lanes of ``mask`` are read, if there is one. ``finish``: see `add_products`.

    The second one is a list, see `block_products`.
    """
    lanes = tile.lanes

    def read(k: Any, offset: Any) -> tuple[list[Any], list[Any]]:
        many, singles = operands(k, offset)
        places = [builder.gep(many, [INT(v * lanes)]) for v in range(vectors)]
        lines = [load_vector(builder, place, lanes) for place in places[: vectors - (mask is not None)]]
        lines += [load_some(builder, place, mask) for place in places[len(lines) :]]
        return lines, singles

    products = block_products(builder, read, tile, scalars)
    times = ROUND if tile.in_turns and not tile.contract else 1
    add_products(builder, state, scalars * vectors, ir.VectorType(ir.FloatType(), lanes), products, times, finish)


def block_products(
    builder: Any, read: Callable[[Any, Any], tuple[list[Any], list[Any]]], tile: Tile, scalars: int
) -> Callable[[Any, Any, list[Any]], list[Any]]:
    """What `add_products` asks for: of a k and its offset, the sums (scalars, lines) behind it from those before it.

    ``read`` gives the lines, and the address of the scalars, in a list: with `Tile.embedded` it comes once for each
    line, as values that the compiler does not know to be equal. It would else read a scalar once, into a register, for
    all lines.
    """

    def products(k: Any, offset: Any, before: list[Any]) -> list[Any]:
        lines, singles = read(k, offset)
        after = []
        for s in range(scalars):
            ones = [scalar(builder, single, s, scalars, tile) for single in singles]
            factors = [(ones[v % len(ones)], line) for v, line in enumerate(lines)]
            sums = before[s * len(lines) : (s + 1) * len(lines)]
            if tile.contract:
                after += [fused_multiply_add(builder, *pair, sum_) for pair, sum_ in zip(factors, sums, strict=True)]
                continue
            made = [builder.fmul(*pair) for pair in factors]
            made = _in_turn(builder, made) if tile.in_turns else made
            sums = [builder.fadd(sum_, product) for sum_, product in zip(sums, made, strict=True)]
            after += _in_turn(builder, sums) if tile.in_turns else sums
        return after

    return products


def _in_turn(builder: Any, values: list[Any]) -> list[Any]:
    """The same vectors, made before anything that the code has behind this: the compiler keeps the order of assembly,
    of which there is none here. (Where such vectors have no register, it may do as it likes.)"""
    if not has_feature("avx"):
        return values
    kind = values[0].type
    results = kind if len(values) == 1 else ir.LiteralStructType([kind] * len(values))
    constraints = ",".join(["=x"] * len(values) + [str(i) for i in range(len(values))])
    made = builder.asm(ir.FunctionType(results, [kind] * len(values)), "", constraints, values, True)
    return [made] if len(values) == 1 else [builder.extract_value(made, i) for i in range(len(values))]


def scalar(builder: Any, start: Any, number: int, count: int, tile: Tile) -> Any:
    """``start[number]`` of ``count`` in all lanes. With `Tile.indexed` neighbours are read with it, if they fit."""
    lanes, first = tile.lanes, number - number % tile.lanes
    if not tile.indexed or first + lanes > count:
        return broadcast(builder, builder.load(builder.gep(start, [INT(number)])), lanes)
    read = load_vector(builder, builder.gep(start, [INT(first)]), lanes)
    return builder.shuffle_vector(read, read, ir.Constant(ir.VectorType(INT32, lanes), [number - first] * lanes))
