"""Multiplications and additions in vector registers only: what a processor can do at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ..kernels.runtime.atomic import join, next_task
from ..kernels.runtime.later import intrinsic, types
from ..kernels.runtime.work import plan_kernel
from ..kernels.vector.llvm import INT, INT32, broadcast, load_vector, store_vector
from ..kernels.vector.simd import pointer
from ..kernels.words.multiply import PRODUCTS

CHAINS = 12
"""Sums that are independent of each other: enough to hide the units' latencies, and few enough for 16 registers."""


def _repeated(builder: Any, values: Any, times: Any, vector: ir.VectorType, step: Callable[[Any], Any]) -> None:
    """CHAINS vectors from ``values`` on go through ``step`` so many times, in registers."""
    lanes = vector.count
    places = [builder.gep(values, [INT(i * lanes)]) for i in range(CHAINS)]
    start = [builder.bitcast(load_vector(builder, place, lanes), vector) for place in places]
    before = builder.block
    loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(INT)
    k.add_incoming(INT(0), before)
    chains = [builder.phi(vector) for _ in start]
    after = [step(chain) for chain in chains]
    for chain, value, following in zip(chains, start, after, strict=True):
        chain.add_incoming(value, before)
        chain.add_incoming(following, loop)
    following = builder.add(k, INT(1))
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, times), loop, done)
    builder.position_at_end(done)
    for place, value in zip(places, after, strict=True):
        store_vector(builder, builder.bitcast(value, ir.VectorType(ir.FloatType(), lanes)), place)


@intrinsic
def _multiply_and_add(typingctx: Any, tile: Any, values: Any, times: Any) -> Any:
    """``values[i] = values[i] * 0.5 + 0.5``, ``times`` times, for i < CHAINS * lanes; each step rounds by itself."""
    lanes = tile.value.lanes

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        half = broadcast(builder, ir.FloatType()(0.5), lanes)
        floats = ir.VectorType(ir.FloatType(), lanes)
        _repeated(builder, args[1], args[2], floats, lambda chain: builder.fadd(builder.fmul(chain, half), half))
        return context.get_dummy_value()

    return types.void(tile, values, types.int64), codegen


@intrinsic
def _add_products(typingctx: Any, tile: Any, values: Any, times: Any) -> Any:
    """To each of CHAINS * lanes sums the products of a word are added, ``times`` times."""
    lanes = tile.value.lanes
    number, add = PRODUCTS[tile.value.words]

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words = ir.VectorType(INT32, lanes)
        ones = ir.Constant(words, [0x01010101] * lanes)
        sums = ir.VectorType(number, lanes)

        def more(chain: Any) -> Any:
            return add(builder, tile.value, chain, builder.bitcast(chain, words), ones)

        _repeated(builder, args[1], args[2], sums, more)
        return context.get_dummy_value()

    return types.void(tile, values, types.int64), codegen


@plan_kernel(tasks=lambda blocks: blocks)
def multiply_in_words(queue, values, times, blocks, tile):
    """As many dot products of words as the vector units can do, again and again.

    Args:
        values: updated float32[values.size // (CHAINS * tile.lanes), CHAINS * tile.lanes]: sums, for each thread
        times: int: how many a block has for every value
        blocks: int: how many
        tile: Tile
    """
    area = CHAINS * tile.lanes
    worker = join(queue, values.size // area)
    if worker < 0:
        return
    while next_task(queue) >= 0:
        _add_products(tile, pointer(values, worker * area), times)


@plan_kernel(tasks=lambda blocks: blocks)
def multiply_and_add(queue, values, times, blocks, tile):
    """As many multiplications and additions as the vector units can do, again and again on the same values.

    Args:
        values: updated float32[values.size // (CHAINS * tile.lanes), CHAINS * tile.lanes]: for each thread
        times: int: how many of each a block has for every value
        blocks: int: how many
        tile: Tile
    """
    area = CHAINS * tile.lanes
    worker = join(queue, values.size // area)
    if worker < 0:
        return
    while next_task(queue) >= 0:
        _multiply_and_add(tile, pointer(values, worker * area), times)
