"""The micro-kernel: one tile of sums in registers, one multiplication and one addition per weight and pixel."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .simd import TileType, broadcast, load_vector, store_vector

_INT = ir.IntType(64)
_FLOATS = ir.FloatType().as_pointer()


@intrinsic
def multiply_add(
    typingctx: Any, tile: Any, vectors: Any, sums: Any, fresh: Any, weights: Any, pixels: Any, depth: Any
) -> Any:
    """``sums[r, j] += weights[k, r] * pixels[k, j]`` for k = 0 .. depth - 1 in this order, each operation rounded.

    sums: pointer to (rows, vectors * lanes), taken as +0 if ``fresh``; weights: (depth, rows);
    pixels: (depth, vectors * lanes). ``vectors`` is 1 .. ``tile.vectors``.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.call(_tile_function(builder.module, tile), args[1:])
        return context.get_dummy_value()

    return types.void(tile, types.int64, sums, types.boolean, weights, pixels, types.int64), codegen


def _tile_function(module: Any, tile: TileType) -> Any:
    """One function of its own, never inlined: its registers are not shared with the loops around it."""
    name = f"multiply_add_{tile.lanes}x{tile.rows}x{tile.vectors}"
    if name in module.globals:
        return module.globals[name]
    function_type = ir.FunctionType(ir.VoidType(), [_INT, _FLOATS, ir.IntType(1), _FLOATS, _FLOATS, _INT])
    function = ir.Function(module, function_type, name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    vectors = function.args[0]
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    whole = function.append_basic_block("vectors")
    switch = builder.switch(vectors, whole)
    _emit_loop(ir.IRBuilder(whole), function, tile, tile.vectors)
    for count in range(1, tile.vectors):
        block = function.append_basic_block("vectors")
        switch.add_case(ir.Constant(_INT, count), block)
        _emit_loop(ir.IRBuilder(block), function, tile, count)
    return function


def _emit_loop(builder: Any, function: Any, tile: TileType, vectors: int) -> None:
    _, sums, fresh, weights, pixels, depth = function.args
    lanes, rows = tile.lanes, tile.rows
    vector = ir.VectorType(ir.FloatType(), lanes)
    tiles = [(r, v) for r in range(rows) for v in range(vectors)]

    def place(r: int, v: int) -> Any:
        return builder.gep(sums, [ir.Constant(_INT, (r * vectors + v) * lanes)])

    entry = builder.block
    resume, loop, done = (function.append_basic_block(name) for name in ("resume", "loop", "done"))
    builder.cbranch(fresh, loop, resume)
    builder.position_at_end(resume)
    spilled = [load_vector(builder, place(r, v), lanes) for r, v in tiles]
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(_INT)
    k.add_incoming(ir.Constant(_INT, 0), entry)
    k.add_incoming(ir.Constant(_INT, 0), resume)
    before = []
    for value in spilled:
        phi = builder.phi(vector)
        phi.add_incoming(ir.Constant(vector, [0.0] * lanes), entry)
        phi.add_incoming(value, resume)
        before.append(phi)
    row = builder.gep(pixels, [builder.mul(k, ir.Constant(_INT, vectors * lanes))])
    column = builder.gep(weights, [builder.mul(k, ir.Constant(_INT, rows))])
    pixel = [load_vector(builder, builder.gep(row, [ir.Constant(_INT, v * lanes)]), lanes) for v in range(vectors)]
    after = []
    for r in range(rows):
        weight = broadcast(builder, builder.load(builder.gep(column, [ir.Constant(_INT, r)])), lanes)
        for v in range(vectors):
            after.append(builder.fadd(before[r * vectors + v], builder.fmul(weight, pixel[v])))
    following = builder.add(k, ir.Constant(_INT, 1))
    k.add_incoming(following, loop)
    for phi, value in zip(before, after, strict=True):
        phi.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)

    builder.position_at_end(done)
    for (r, v), value in zip(tiles, after, strict=True):
        store_vector(builder, value, place(r, v))
    builder.ret_void()
